import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser as Chromium } from 'playwright-core';
import { Database } from '#platform';
import { freePort } from '#testing';
import { ask, exchangeAt, officer, requestAt } from '../../apps/agent/src/fake-hub/case.fixture.js';
import { bodyOf, MovedClock, TestAgent } from '../../apps/agent/src/fake-hub/test-agent.fixture.js';
import { inBrowser, lookAt, startBrowser } from '../../apps/agent/src/print-page/look-at-page.fixture.js';
import { subjectOf } from '../../apps/agent/src/send-message/seal-outgoing.js';
import { ServedAgencies } from '../../apps/agent/src/serve-agencies/served-agencies.js';
import { Browser } from '../../deploy/src/demo/browser.js';
import { hostedAccount, issuerOf, startIdentification } from '../../deploy/src/demo/identification.js';
import type { Means } from '../../deploy/src/demo/test-identification.js';
import { joinHub } from './join-hub.js';
import { type RunningHub, startTestHub, until } from './running-hub.js';
import { type TestPerson, testPerson } from './test-persons.js';

const client = testPerson(900);
const stranger = testPerson(901, '020280');
const guardian = testPerson(902, '030370');
const watched = testPerson(903, '040475');
const child = testPerson(904, '050515', 'A');
const looker = testPerson(906, '070770');
const persons = [client, stranger, looker, guardian, watched, child];
const identityOf = ({ name, identityCode }: TestPerson) => ({
  type: 'henkilotunnus',
  value: identityCode,
  name,
});

interface ShownAccount {
  readonly consents: {
    readonly consentId: string;
    readonly state: string;
    readonly withdraw: string;
    readonly used: { readonly recipient: string; readonly usedAt: string }[];
  }[];
  readonly formToken: string;
  readonly namesWithheld: boolean;
  readonly isOther: boolean;
}

interface Host {
  readonly agency: string;
  readonly url: string;
}

describe('the account of a client who logs in', () => {
  const clock = new MovedClock();
  let folder: string;
  let hub: RunningHub;
  let municipality: TestAgent;
  let county: TestAgent;
  /** Takes pushed requests and seals its ID tokens. */
  let kauniainen: Host;
  /** Neither. */
  let uusimaa: Host;
  let otherIssuer: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'account-'));
    hub = await startTestHub({ ACCOUNT_HOSTS: 'K-235,H-03' });
    const { stack } = hub;
    const issuer = (name: string): Promise<string> => issuerOf(stack, name);
    otherIssuer = await issuer('another-identification');
    kauniainen = { agency: 'K-235', url: `http://127.0.0.1:${await freePort()}` };
    uusimaa = { agency: 'H-03', url: `http://127.0.0.1:${await freePort()}` };
    const keyFile = (name: string): string => join(folder, name);
    const k = await hostedAccount('K-235', { ...kauniainen, issuer: await issuer('identification') }, keyFile);
    const h = await hostedAccount(
      'H-03',
      { ...uusimaa, issuer: await issuer('plain-identification'), sealed: false },
      keyFile,
    );
    await startIdentification(stack, 'identification', { parties: [k.party], persons });
    await startIdentification(stack, 'plain-identification', { parties: [h.party], persons, pushed: false });
    await startIdentification(stack, 'another-identification', { parties: [h.party], persons, pushed: false });
    const pins = { pins: { ...hub.hub.pins } as Record<string, string> };
    const keys = { useAfterSeconds: 0 };
    municipality = await TestAgent.start(pins, [{ id: 'K-235', keys, account: k.settings }], clock);
    county = await TestAgent.start(pins, [
      { id: 'H-03', keys, pseudonymKeyFrom: ['K-235'], account: h.settings },
      { id: 'T-01', keys, pseudonymKeyFrom: ['K-235'] },
    ]);
    await joinHub(hub, [
      ['K-235', municipality],
      ['H-03', county],
      ['T-01', county],
    ]);
    await municipality.app.listen(new URL(kauniainen.url).port, '127.0.0.1');
    await county.app.listen(new URL(uusimaa.url).port, '127.0.0.1');
  }, 240_000);
  afterAll(async () => {
    await municipality?.close();
    await county?.close();
    await hub?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const accountAt = ({ agency, url }: Host): string => `${url}/v1/account/${agency}`;

  /** Who is asked to identify, with the page of the identification service before them. */
  const begin = async (host: Host, browser = new Browser('application/json')) => ({
    browser,
    asked: (await browser.go(`${accountAt(host)}/login?language=en`)).at,
  });

  interface Choice {
    readonly who?: { readonly identityCode: string };
    readonly means?: Means;
    readonly secondsAgo?: number;
  }
  /** Identifies there; the callback is not gone to yet. */
  const identify = async (
    { browser, asked }: Awaited<ReturnType<typeof begin>>,
    { who = client, means = 'high', secondsAgo = 0 }: Choice = {},
  ): Promise<{ browser: Browser; callback: URL }> => {
    const chosen = new URL(asked);
    chosen.search = new URLSearchParams({ person: who.identityCode, means, secondsAgo: `${secondsAgo}` }).toString();
    const { at } = await browser.go(chosen.href, ({ pathname }) => pathname.endsWith('/callback'));
    return { browser, callback: at };
  };
  const came = async (host: Host, choice: Choice = {}) => identify(await begin(host), choice);

  const isPage = ({ pathname }: URL): boolean => pathname.endsWith('/page');
  const logIn = async (host: Host, choice: Choice = {}): Promise<Browser> => {
    const { browser, callback } = await came(host, choice);
    expect((await browser.go(callback.href, isPage)).status).toBe(303);
    return browser;
  };
  const shown = async (browser: Browser, host: Host): Promise<ShownAccount> =>
    (await (await browser.go(accountAt(host))).json()) as ShownAccount;
  const codeOf = async (response: Response): Promise<unknown> => ((await response.json()) as { code?: unknown }).code;
  const refusalOf = async ({ browser, callback }: { browser: Browser; callback: URL }): Promise<unknown> =>
    codeOf(await browser.go(callback.href, isPage));

  const consentAt = async (agent: TestAgent, agency: string, wish: object): Promise<string> => {
    const { consentId } = await bodyOf<{ consentId: string }>(
      agent
        .system(agency)
        .post('/v1/consents', {
          client: identityOf(client),
          categories: [12],
          purposes: ['plan'],
          validUntil: new Date(Date.now() + 90 * 86_400_000).toISOString(),
          method: 'written',
          language: 'ar',
          noticeVersion: '2026-1',
          ...wish,
        })
        .expect(201),
    );
    return consentId;
  };
  const decidedBy = (who: TestPerson, role: string, more: object = {}) => ({
    role,
    person: identityOf(who),
    reference: 'DVV 2026/118',
    verifiedAt: new Date().toISOString(),
    ...more,
  });

  describe('shows', () => {
    let own: string;
    let elsewhere: string;

    beforeAll(async () => {
      own = await consentAt(municipality, 'K-235', { disclosers: ['H-03'] });
      elsewhere = await consentAt(county, 'H-03', { disclosers: ['H-03'], requesters: ['T-01'] });
      const exchangeId = await ask(municipality, 'H-03', [12]);
      const { messageId } = await requestAt(county, 'H-03', exchangeId);
      const items = [{ category: 12, outcome: 'no-record' }];
      await county.system('H-03').post(`/v1/inbox/${messageId}/answer`, { person: officer, items }).expect(200);
      await exchangeAt(municipality, 'K-235', exchangeId, ({ messages }) =>
        messages.some(({ kind, state }) => kind === 'answer' && state === 'opened'),
      );
    }, 60_000);

    it('every consent and every use, also between other agencies, and whom to call there', async () => {
      const browser = await logIn(kauniainen);
      expect(await shown(browser, kauniainen)).toMatchObject({
        isOther: false,
        namesWithheld: false,
        consents: [
          { consentId: own, state: 'active', withdraw: 'here', contacts: [], used: [{ recipient: 'K-235' }] },
          {
            consentId: elsewhere,
            collectingAgency: 'H-03',
            withdraw: 'elsewhere',
            contacts: [
              { agency: 'H-03', telephone: 'H-03 1' },
              { agency: 'T-01', telephone: 'T-01 1' },
            ],
          },
        ],
        asked: [{ asker: 'K-235', holder: 'H-03', categories: [12] }],
        disclosures: [{ from: 'H-03', to: 'K-235', basis: 'consent', openedAt: expect.any(String) }],
      });
    });

    it('the same on a page in the client’s language, which runs nothing', async () => {
      const browser = await logIn(kauniainen);
      const page = await browser.go(`${accountAt(kauniainen)}/page?language=ar`);
      expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(page.headers.get('cache-control')).toBe('no-store');
      const text = await page.text();
      expect(text).toContain('<html lang="ar" dir="rtl">');
      expect(text).toContain(`action="/v1/account/K-235/consents/${own}/withdraw/page?language=ar"`);
      expect(text).not.toContain(client.identityCode);
    });

    it('each look in the log, on the signed word of whom the agency identified', async () => {
      const browser = await logIn(kauniainen, { who: looker });
      await shown(browser, kauniainen);
      await browser.go(`${accountAt(kauniainen)}/page`);
      await until(async () => (await looksAt(looker)) === 2);
    });

    it('nothing to somebody whom nobody knows, in the words in which it shows that nothing was disclosed', async () => {
      const browser = await logIn(kauniainen, { who: stranger });
      expect(await shown(browser, kauniainen)).toMatchObject({ consents: [], asked: [], disclosures: [] });
      const page = await browser.go(`${accountAt(kauniainen)}/page?language=en`);
      expect(page.status).toBe(200);
      expect(await page.text()).toContain('Nothing has been disclosed yet');
    });

    it('and keeps no identity code of who logs in', async () => {
      await shown(await logIn(kauniainen, { who: stranger }), kauniainen);
      const database = new Database(municipality.databaseUrl, { max: 1 });
      const { rows } = await database
        .query<{ all: string }>({ text: `SELECT schema_to_xml('agent', true, false, '')::text AS all` })
        .finally(() => database.close());
      expect(rows[0]?.all).toContain(client.identityCode);
      expect(rows[0]?.all).not.toContain(stranger.identityCode);
    });

    it('no consent that was withdrawn as running: one call withdraws it, and tells what had been opened', async () => {
      const browser = await logIn(kauniainen);
      const { formToken } = await shown(browser, kauniainen);
      const withdrawn = await browser.send(`${accountAt(kauniainen)}/consents/${own}/withdraw`, { formToken });
      expect(await withdrawn.json()).toMatchObject({
        state: 'withdrawn',
        effectiveAt: expect.any(String),
        opened: [{ recipient: 'K-235' }],
      });
      const { consents } = await shown(browser, kauniainen);
      expect(consents[0]).toMatchObject({
        state: 'withdrawn',
        withdraw: 'nothing',
        acts: [{ act: 'withdraw', by: 'subject', agency: 'K-235' }],
      });
      const refused = municipality.system('K-235').post('/v1/requests', {
        client: identityOf(client),
        categories: [12],
        purpose: 'plan',
        necessity: 'Suunnitelman laatiminen',
        caseNumber: 'KAU/2/2026',
        officer,
        recipient: 'H-03',
      });
      expect((await bodyOf<{ code: string }>(refused)).code).toBe('NO_BASIS');
    });

    /** Entries of the log about looks at somebody's account. */
    const looksAt = async (who: TestPerson): Promise<number> => {
      const [agency] = municipality.app.get(ServedAgencies).all;
      if (!agency) throw new Error('no agency is served');
      const { pseudonym } = subjectOf(agency, { type: 'henkilotunnus', value: who.identityCode });
      const owner = new Database(hub.databaseUrl, { max: 1 });
      const { rows } = await owner
        .query<{ leaf_index: string }>({
          text: `SELECT leaf_index FROM audit.entry_index WHERE type = 'account-shown' AND $1 = ANY (subjects)`,
          values: [pseudonym],
        })
        .finally(() => owner.close());
      return rows.length;
    };
  });

  describe('changes nothing', () => {
    it('for a form of another site, or of another login', async () => {
      const consentId = await consentAt(municipality, 'K-235', { disclosers: ['H-03'] });
      const [browser, other] = [await logIn(kauniainen), await logIn(kauniainen)];
      const { formToken } = await shown(other, kauniainen);
      const at = `${accountAt(kauniainen)}/consents/${consentId}/withdraw`;
      for (const wrong of [formToken, 'A'.repeat(43)])
        expect(await codeOf(await browser.send(at, { formToken: wrong }))).toBe('FORM_INVALID');
      expect((await browser.send(at, {})).status).toBe(400);
    });

    it('about another person’s consent, or one of which the agency is no party', async () => {
      const others = await consentAt(municipality, 'K-235', { client: identityOf(stranger), disclosers: ['H-03'] });
      const elsewhere = await consentAt(county, 'H-03', { disclosers: ['H-03'], requesters: ['T-01'] });
      const browser = await logIn(kauniainen);
      const { formToken } = await shown(browser, kauniainen);
      for (const id of [others, elsewhere]) {
        const answer = await browser.send(`${accountAt(kauniainen)}/consents/${id}/withdraw`, { formToken });
        expect(await codeOf(answer)).toBe('NOT_FOUND');
      }
    });

    it('after logging out', async () => {
      const browser = await logIn(kauniainen);
      const { formToken } = await shown(browser, kauniainen);
      const secret = [...browser.cookiesOf(new URL(kauniainen.url))];
      expect((await browser.send(`${accountAt(kauniainen)}/logout`, { formToken })).status).toBe(303);
      const cookie = secret.map(([name, value]) => `${name}=${value}`).join('; ');
      expect(await codeOf(await fetch(accountAt(kauniainen), { headers: { cookie } }))).toBe('ACCOUNT_SESSION_ENDED');
    });
  });

  describe('is for who decides for the person', () => {
    const other = async (browser: Browser, who: TestPerson) => {
      const { formToken } = await shown(browser, kauniainen);
      return browser.send(`${accountAt(kauniainen)}/other`, { formToken, identityCode: who.identityCode });
    };
    let decided: string;

    beforeAll(async () => {
      decided = await consentAt(municipality, 'K-235', {
        client: identityOf(child),
        disclosers: ['H-03'],
        deciders: [decidedBy(guardian, 'guardian')],
      });
      await consentAt(municipality, 'K-235', {
        client: identityOf(child),
        disclosers: ['H-03'],
        categories: [11],
        custody: 'sole',
        deciders: [decidedBy(watched, 'custodian', { namesWithheld: true })],
      });
    });

    it('a guardian sees a child’s account, and withdraws what the guardian agreed to', async () => {
      const browser = await logIn(kauniainen, { who: guardian });
      const account = (await (await other(browser, child)).json()) as ShownAccount;
      expect(account).toMatchObject({ isOther: true, namesWithheld: false });
      expect(account.consents.map(({ consentId, withdraw }) => [consentId === decided, withdraw])).toEqual([
        [true, 'here'],
        [false, 'elsewhere'],
      ]);
      const { formToken } = account;
      const withdrawn = await browser.send(`${accountAt(kauniainen)}/consents/${decided}/withdraw`, { formToken });
      expect(await withdrawn.json()).toMatchObject({ state: 'withdrawn' });
      expect((await shown(browser, kauniainen)).consents[0]).toMatchObject({
        acts: [{ act: 'withdraw', by: 'decider' }],
      });
    });

    it('a custodian from whom names are withheld sees none, on the page as little as in the data', async () => {
      const browser = await logIn(kauniainen, { who: watched });
      const answer = await (await other(browser, child)).text();
      expect(JSON.parse(answer)).toMatchObject({ isOther: true, namesWithheld: true });
      expect(answer).not.toMatch(/K-235|H-03/);
      const page = await (await browser.go(`${accountAt(kauniainen)}/page?language=en`)).text();
      const visible = page.replaceAll(/(?:action|href)="[^"]*"/g, '');
      expect(visible).toContain('The name is not shown');
      expect(visible).not.toMatch(/K-235|H-03|Kauniainen|Uudenmaan|Nylands/);
    });

    it('not for anybody else, and it says the same whether there is such a person or not', async () => {
      const browser = await logIn(kauniainen, { who: stranger });
      const nobody = testPerson(905, '060660');
      for (const who of [child, nobody]) expect(await codeOf(await other(browser, who))).toBe('DECIDER_NOT_ENTITLED');
    });

    it('not for trying out identity codes', async () => {
      const browser = await logIn(kauniainen, { who: stranger });
      const codes: unknown[] = [];
      for (let i = 0; i < 9; i += 1) codes.push(await codeOf(await other(browser, child)));
      expect(codes.at(-1)).toBe('RATE_LIMITED');
    });
  });

  describe('is not opened', () => {
    it('without a login', async () => {
      expect(await codeOf(await fetch(accountAt(kauniainen)))).toBe('ACCOUNT_SESSION_ENDED');
    });

    it('at an agency that hosts none', async () => {
      expect(await codeOf(await fetch(`${uusimaa.url}/v1/account/T-01/login`))).toBe('NOT_FOUND');
    });

    it('by another agency’s login', async () => {
      const browser = await logIn(kauniainen);
      const [, value] = [...browser.cookiesOf(new URL(kauniainen.url))][0] ?? [];
      const cookie = `account-session-H-03=${value}`;
      expect(await codeOf(await fetch(accountAt(uusimaa), { headers: { cookie } }))).toBe('ACCOUNT_SESSION_ENDED');
    });

    it('by an answer with another state', async () => {
      const { browser, callback } = await came(kauniainen);
      callback.searchParams.set('state', 'A'.repeat(43));
      expect(await refusalOf({ browser, callback })).toBe('LOGIN_STATE_MISMATCH');
    });

    it('in a browser that began no login', async () => {
      const { callback } = await came(kauniainen);
      expect(await refusalOf({ browser: new Browser('application/json'), callback })).toBe('LOGIN_UNKNOWN');
    });

    it('in a browser that began another login', async () => {
      const { callback } = await came(kauniainen);
      const { browser } = await begin(kauniainen);
      expect(await refusalOf({ browser, callback })).toBe('LOGIN_STATE_MISMATCH');
    });

    it('by the same answer twice, also with the cookie of then', async () => {
      const { browser, callback } = await came(kauniainen);
      const cookie = [...browser.cookiesOf(callback)].map(([name, value]) => `${name}=${value}`).join('; ');
      const again = () => fetch(callback, { headers: { cookie }, redirect: 'manual' });
      expect((await again()).status).toBe(303);
      expect(await codeOf(await again())).toBe('LOGIN_UNKNOWN');
    });

    it('by the code of another’s login', async () => {
      const theirs = await came(kauniainen);
      const { browser, callback } = await came(kauniainen, { who: stranger });
      callback.searchParams.set('code', theirs.callback.searchParams.get('code') ?? '');
      expect(await refusalOf({ browser, callback })).toBe('LOGIN_FAILED');
    });

    it('when nobody was identified', async () => {
      const { browser, callback } = await came(kauniainen);
      callback.searchParams.delete('code');
      callback.searchParams.set('error', 'access_denied');
      expect(await refusalOf({ browser, callback })).toBe('LOGIN_FAILED');
    });

    it('by weak identification', async () => {
      expect(await refusalOf(await came(kauniainen, { means: 'weak' }))).toBe('IDENTIFICATION_TOO_WEAK');
    });

    it('by an identification of some time ago', async () => {
      expect(await refusalOf(await came(kauniainen, { secondsAgo: 400 }))).toBe('IDENTIFICATION_TOO_OLD');
    });

    it('by an answer of another issuer', async () => {
      const browser = new Browser('application/json');
      const authorize = await browser.go(`${accountAt(uusimaa)}/login`, ({ pathname }) => pathname === '/auth');
      const mixedUp = new URL(authorize.at.pathname + authorize.at.search, otherIssuer);
      const asked = (await browser.go(mixedUp.href)).at;
      expect(await refusalOf(await identify({ browser, asked }))).toBe('IDENTIFICATION_INVALID');
    });

    it('by an ID token with another nonce', async () => {
      const browser = new Browser('application/json');
      const authorize = await browser.go(`${accountAt(uusimaa)}/login`, ({ pathname }) => pathname === '/auth');
      authorize.at.searchParams.set('nonce', 'another');
      const asked = (await browser.go(authorize.at.href)).at;
      expect(await refusalOf(await identify({ browser, asked }))).toBe('IDENTIFICATION_INVALID');
    });

    it('later, however often the same login looks', async () => {
      const browser = await logIn(kauniainen);
      clock.moveOn(301_000);
      expect(await codeOf(await browser.go(accountAt(kauniainen)))).toBe('IDENTIFICATION_TOO_OLD');
      clock.moveOn(600_000);
      expect(await codeOf(await browser.go(accountAt(kauniainen)))).toBe('ACCOUNT_SESSION_ENDED');
      clock.moveOn(-901_000);
    });

    it('and a browser is told so on a page, with the code and a way to log in', async () => {
      const page = await new Browser().go(accountAt(kauniainen));
      expect(page.status).toBe(401);
      const text = await page.text();
      expect(text).toContain('ACCOUNT_SESSION_ENDED');
      expect(text).toContain('href="/v1/account/K-235/login?language=sv"');
    });
  });

  inBrowser('in a browser (needs Chromium)', () => {
    let chromium: Chromium;
    beforeAll(async () => {
      chromium = await startBrowser();
    }, 60_000);
    afterAll(() => chromium?.close());

    it.each([
      ['fi', 'ltr', 'Peruuta suostumus', 'Kirjaudu ulos'],
      ['ar', 'rtl', 'Withdraw the consent', 'Log out'],
    ])(
      'logs in, reads the page in %s, withdraws by a button and logs out',
      async (language, direction, withdraw, logOut) => {
        const consentId = await consentAt(municipality, 'K-235', { disclosers: ['H-03'] });
        const context = await chromium.newContext({ viewport: { width: 794, height: 1123 } });
        try {
          const page = await context.newPage();
          await page.goto(`${accountAt(kauniainen)}/login?language=${language}`);
          const me = page.getByRole('listitem').filter({ hasText: client.name });
          await me.getByRole('link', { name: 'substantial' }).click();
          await page.waitForURL(`**/page?language=${language}`);
          expect(await lookAt(page)).toMatchObject({
            direction,
            runsRightToLeft: direction === 'rtl',
            firstHeading: 'H1',
            unscoped: 0,
            unlabelled: 0,
            withoutCaption: 0,
            overflows: false,
            faint: [],
          });
          const shots = process.env['SCREENSHOTS'];
          if (shots !== undefined) await page.screenshot({ path: `${shots}/account-${language}.png`, fullPage: true });
          await page.locator(`form[action*="${consentId}"]`).getByRole('button', { name: withdraw }).click();
          await page.getByRole('status').waitFor();
          await page.getByRole('link').click();
          expect(await page.locator(`form[action*="${consentId}"]`).count()).toBe(0);
          await page.getByRole('button', { name: logOut }).click();
          expect(await page.textContent('code')).toBe('ACCOUNT_SESSION_ENDED');
        } finally {
          await context.close();
        }
      },
    );
  });
});
