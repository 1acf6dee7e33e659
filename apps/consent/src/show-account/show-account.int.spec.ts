import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readStatement } from '#envelope';
import { FixedClock, newConsentId, numericDate, type Pseudonym, unwrap } from '#kernel';
import { ConsentGround, type Instance } from '../testing/consent-ground.fixture.js';
import { byConsent, county, exchange, grants, kela, municipality, now } from '../testing/facts.fixture.js';

const person = (letter: string): Pseudonym => `p1.${letter.repeat(42)}A` as Pseudonym;

describe('the account of a person', () => {
  const clock = new FixedClock(now);
  const [subject, earlier, guardian, watched, stranger] = ['N', 'O', 'P', 'Q', 'R'].map(person) as [
    Pseudonym,
    Pseudonym,
    Pseudonym,
    Pseudonym,
    Pseudonym,
  ];
  const [consented, asked, other] = [newConsentId(), newConsentId(), newConsentId()];
  let ground: ConsentGround;
  let service: Instance;

  beforeAll(async () => {
    ground = await ConsentGround.lay(clock);
    service = ground.instance();
    const { parties } = ground;
    const beside = { role: 'guardian', reference: 'order-1', verifiedAt: '2026-11-20T10:00:00Z' } as const;
    await service.record.record(
      municipality,
      await parties.record({
        id: consented,
        subject: earlier,
        deciders: [
          { role: 'self' },
          { ...beside, pseudonym: guardian },
          { ...beside, pseudonym: watched, namesWithheld: true },
        ],
      }),
    );
    await service.permit.permit([
      await parties.release({ basis: [byConsent({}, consented)], subjects: [earlier], exchangeId: exchange(1) }),
    ]);
    await service.acts.act(county, await parties.act(parties.county, { consentId: consented, act: 'suspend' }));
    await service.links.link(municipality, await parties.link(parties.municipality, subject, earlier));
    clock.advance(1000);
    // The municipality, which hosts the account, is no party to this one.
    const among = { disclosers: [county], recipients: [kela] };
    await service.propose.propose(
      county,
      await parties.proposal(
        { id: asked, subject, collectingAgency: county, wanted: grants([9], among) },
        parties.county.signing,
      ),
    );
    await service.record.record(municipality, await parties.record({ id: other, subject: stranger }));
  });
  beforeEach(() => clock.set(now));
  afterAll(() => ground.clear());

  const show = async (changes: Parameters<typeof ground.parties.identification>[1] = {}) =>
    service.accounts.show(municipality, subject, await ground.parties.identification(subject, changes));

  it('shows everything about the person, under every pseudonym and whoever the parties are', async () => {
    expect((await show()).consents).toMatchObject([
      {
        consentId: consented,
        state: 'suspended',
        categories: [12],
        uses: 1,
        used: [{ version: 1, exchangeId: exchange(1), recipient: municipality, usedAt: now }],
        acts: [expect.any(String)],
        namesWithheld: false,
      },
      { consentId: asked, state: 'requested', version: 0, record: '', proposal: expect.stringContaining('.') },
    ]);
  });

  it('gives the link as it was signed, by which the earlier one is the person’s too', async () => {
    const { links } = await show();
    expect(links.map((link) => unwrap(readStatement('subject-link', link)).payload)).toMatchObject([
      { subject, earlier, agency: municipality },
    ]);
  });

  it('is shown when the log will tell so', async () => {
    const shown = async () => (await ground.events()).filter(({ log }) => log?.type === 'account-shown');
    const before = (await shown()).length;
    await show();
    expect((await shown()).slice(before)).toMatchObject([
      { log: { subjects: [subject], actorAgency: municipality, evidence: [{ kind: 'account-identification' }] } },
    ]);
  });

  it.each([
    ['weakly', { level: 'low' }, 'FORBIDDEN'],
    ['long ago', { authTime: numericDate(now) - 301 }, 'FORBIDDEN'],
    ['in the future', { authTime: numericDate(now) + 61 }, 'FORBIDDEN'],
    ['by a statement that is old', { iat: numericDate(now) - 301 }, 'FORBIDDEN'],
    ['as somebody else', { subject: stranger }, 'MALFORMED'],
    ['as a stranger', { viewer: stranger }, 'DECIDER_NOT_ENTITLED'],
  ] as const)('is not shown to who was identified %s', async (_how, changes, code) => {
    await expect(show(changes)).rejects.toMatchObject({ code });
  });

  it('is shown through an agency that hosts accounts alone, on its own signature', async () => {
    const byCounty = await ground.parties.identification(subject, {}, ground.parties.county);
    await expect(service.accounts.show(county, subject, byCounty)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(service.accounts.show(municipality, subject, byCounty)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('is shown to who decides beside the person, without any agency’s name where those are withheld', async () => {
    expect((await show({ viewer: guardian })).consents).toMatchObject([
      { namesWithheld: false },
      { namesWithheld: false },
    ]);
    const withheld = await show({ viewer: watched });
    expect(withheld).toMatchObject({ links: [] });
    expect(withheld.consents).toMatchObject([
      { consentId: consented, record: '', acts: [], used: [{ recipient: '' }], namesWithheld: true },
      { consentId: asked, proposal: '', namesWithheld: true },
    ]);
    expect(JSON.stringify(withheld)).not.toMatch(/K-235|H-07|L-KELA/);
  });

  it('is not shown to who may not decide any more', async () => {
    await service.exclusions.exclude(county, await ground.parties.exclusion(ground.parties.county, subject, guardian));
    await expect(show({ viewer: guardian })).rejects.toMatchObject({ code: 'DECIDER_EXCLUDED' });
  });
});
