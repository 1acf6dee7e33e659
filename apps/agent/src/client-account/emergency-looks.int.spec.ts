import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { readStatement } from '#envelope';
import { agencyId, numericDate, sha256, unwrap } from '#kernel';
import { dayInHelsinki } from '#calendar';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { TestAgent } from '../fake-hub/test-agent.fixture.js';
import { Notices } from '../give-notice/notices.js';
import { ServedAgencies } from '../serve-agencies/served-agencies.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { accountPage } from './account-page.js';
import type { AccountSession } from './account-sessions.js';
import { ClientAccount, personOf } from './client-account.handler.js';
import { shownAccount } from './show-account.js';

const minuteAgo = new Date(Date.now() - 60_000).toISOString();
const threeYearsAgo = new Date(Date.now() - 3 * 366 * 86_400_000).toISOString();
const shown = { at: minuteAgo, agency: 'T-01', type: 'break-glass-shown', leafIndex: 9 };
const used = { at: minuteAgo, agency: 'T-01', type: 'break-glass-used', leafIndex: 7 };
const old = { at: threeYearsAgo, agency: 'T-01', type: 'break-glass-shown', leafIndex: 2 };

/** The languages of the notices with the words for a look among other entries. */
const told: [language: string, words: string][] = [
  ['fi', 'hätätilanteessa, muiden merkintöjen joukossa'],
  ['sv', 'i en nödsituation, bland andra poster'],
  ['en', 'in an emergency, among other entries'],
  ['ru', 'в экстренном случае, среди других записей'],
  ['uk', 'в екстреному випадку, серед інших записів'],
  ['et', 'hädaolukorras, muude kannete seas'],
  ['ar', 'في حالة طارئة، ضمن قيود أخرى'],
  ['fa', 'در وضعیت اضطراری، در میان ثبت‌های دیگر'],
  ['so', 'xaalad degdeg ah, qoraallo kale dhexdood'],
  ['ku', 'di rewşeke awarte de, di nav qeydên din de'],
];

describe('the account of a client who logs in, of looks in an emergency', () => {
  let hub: FakeHub;
  let agent: TestAgent;
  let municipality: ServedAgency;
  let county: ServedAgency;

  beforeAll(async () => {
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [{ id: 'K-235' }, { id: 'H-03', pseudonymKeyFrom: ['K-235'] }]);
    await agent.onboardAll();
    [municipality, county] = ['K-235', 'H-03'].map((id) =>
      agent.app.get(ServedAgencies).all.find((one) => one.id === id)!,
    ) as [ServedAgency, ServedAgency];
  });
  afterEach(() => {
    hub.emergencyLooks = [];
  });
  afterAll(async () => {
    await agent?.close();
    await hub?.close();
  });

  const session = (agency: ServedAgency, about = '010190-900P'): AccountSession => {
    const person = personOf(agency, '010190-900P');
    const idTokenHash = sha256('id token');
    return {
      agency: agency.id,
      person,
      identified: { level: 'high', authTime: numericDate(new Date()), issuer: 'https://id.example', idTokenHash },
      formToken: 'A',
      endsAt: new Date(Date.now() + 60_000),
      about: { ...personOf(agency, about), isProtected: about !== '010190-900P' },
      othersTried: 0,
    };
  };
  const account = (agency: ServedAgency, of = session(agency)) => agent.app.get(ClientAccount).show(agency, of);
  const pageIn = async (language: string, of = session(municipality)): Promise<string> => {
    const notices = agent.app.get(Notices);
    const today = dayInHelsinki(new Date());
    const seen = await account(municipality, of);
    return accountPage(seen, {
      notice: notices.inForce(language, today),
      names: new Map([[agencyId('T-01'), { fi: 'Työterveys', sv: 'Arbetshälsa' }]]),
      namesWithheld: seen.namesWithheld,
      person: undefined,
      deciders: [],
      officer: undefined,
      agency: municipality.id,
      at: '/v1/account/K-235',
      formToken: 'A',
      languages: notices.current(today),
    });
  };

  it('has each of them in the order of the log, by whom and when, and no worker', async () => {
    hub.emergencyLooks = [shown, used];
    const { emergencyLooks } = shownAccount(await account(municipality), municipality, session(municipality));
    expect(emergencyLooks).toEqual([
      { at: minuteAgo, agency: 'T-01', type: 'break-glass-used', logIndex: 7 },
      { at: minuteAgo, agency: 'T-01', type: 'break-glass-shown', logIndex: 9 },
    ]);
  });

  it('is an account that is given, in the log, about the person whom it is about', async () => {
    const before = hub.reports.length;
    const of = session(municipality);
    await account(municipality, of);
    expect(hub.reports).toHaveLength(before + 1);
    const { payload } = unwrap(readStatement('report-decision', hub.reports.at(-1)!));
    expect(payload).toMatchObject({ agency: 'K-235', outcome: 'given', subject: of.about.subject });
  });

  it('has no older ones than the agency’s disclosure report has without a reason', async () => {
    hub.emergencyLooks = [old, shown];
    const looks = async (agency: ServedAgency) =>
      (await account(agency)).emergencyLooks.map(({ logIndex }) => logIndex);
    expect(await looks(municipality)).toEqual([2, 9]);
    expect(await looks(county)).toEqual([9]);
  });

  it('names nobody to whom names are withheld', async () => {
    hub.emergencyLooks = [shown];
    const of = session(municipality, '020280-901L');
    const seen = await account(municipality, of);
    expect(seen.emergencyLooks).toEqual([{ at: minuteAgo, type: 'break-glass-shown', logIndex: 9 }]);
    expect(await pageIn('fi', of)).not.toContain('Työterveys');
  });

  it.each(told)('says so on its page in %s', async (language, words) => {
    hub.emergencyLooks = [shown];
    const page = await pageIn(language);
    expect(page).toContain(words);
    expect(page).toMatch(/Työterveys|Arbetshälsa/);
    expect(page.includes('Kääntäjä ei ole vielä tarkistanut')).toBe(!['fi', 'sv', 'en'].includes(language));
  });

  it('says on its page that they were searched for, also where there is none', async () => {
    const page = await pageIn('en');
    expect(page).toContain('Looks in an emergency were searched for in the log.');
    expect(page).not.toContain('among other entries');
  });
});
