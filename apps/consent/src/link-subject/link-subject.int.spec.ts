import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readStatement } from '#envelope';
import { type ConsentId, FixedClock, newConsentId, newEventId, type Pseudonym, unwrap } from '#kernel';
import { ConsentGround, type Instance } from '../testing/consent-ground.fixture.js';
import { county, kela, municipality, now } from '../testing/facts.fixture.js';

const person = (letter: string): Pseudonym => `p1.${letter.repeat(42)}A` as Pseudonym;

describe('linking a later pseudonym to an earlier one', () => {
  const clock = new FixedClock(now);
  const [first, second, third] = [person('E'), person('F'), person('G')];
  const earlierConsent = newConsentId();
  let ground: ConsentGround;
  let service: Instance;

  beforeAll(async () => {
    ground = await ConsentGround.lay(clock);
    service = ground.instance();
    await service.record.record(municipality, await ground.parties.record({ id: earlierConsent, subject: first }));
    await service.links.link(municipality, await ground.parties.link(ground.parties.municipality, second, first));
  });
  afterAll(() => ground.clear());

  const links = async () => (await ground.events()).filter(({ log }) => log?.type === 'subject-linked');

  it('shows the consents of both under either, over several links, to their parties alone', async () => {
    await service.links.link(county, await ground.parties.link(ground.parties.county, third, first));
    for (const subject of [first, second, third])
      expect((await service.list.list(county, subject)).consents).toMatchObject([{ consentId: earlierConsent }]);
    expect(await service.list.list(kela, third)).toEqual({ consents: [], links: [] });
  });

  it('shows the links as they were signed, and only those that lead from the one asked for to a consent shown', async () => {
    const joined = async (subject: Pseudonym) =>
      (await service.list.list(county, subject)).links.map((link) => {
        const { payload } = unwrap(readStatement('subject-link', link));
        return [payload.agency, payload.subject, payload.earlier];
      });
    expect(await joined(first)).toEqual([]);
    expect(await joined(second)).toEqual([[municipality, second, first]]);
    expect(await joined(third)).toEqual([[county, third, first]]);
  });

  it('is logged with both pseudonyms, once, however often and by whomever it is told', async () => {
    const before = await links();
    expect(before[0]?.log?.subjects).toEqual([second, first]);
    const again = await ground.parties.link(ground.parties.county, second, first);
    await expect(service.links.link(county, again)).resolves.toMatchObject({
      eventId: before[0]?.log?.eventId,
    });
    expect(await links()).toHaveLength(before.length);
  });

  it('is told by a party to something about the person, and by nobody else', async () => {
    const token = await ground.parties.link(ground.parties.kela, person('H'), first);
    await expect(service.links.link(kela, token)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('takes one jti for one link', async () => {
    const jti = newEventId();
    const { municipality: teller } = ground.parties;
    await service.links.link(municipality, await ground.parties.link(teller, person('I'), first, { jti }));
    const other = await ground.parties.link(teller, person('J'), first, { jti });
    await expect(service.links.link(municipality, other)).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});

describe('excluding a decider', () => {
  const clock = new FixedClock(now);
  const [child, later, custodian] = [person('K'), person('L'), person('M')];
  let ground: ConsentGround;
  let service: Instance;

  beforeAll(async () => {
    ground = await ConsentGround.lay(clock);
    service = ground.instance();
  });
  afterAll(() => ground.clear());

  const byCustodian = { role: 'custodian', pseudonym: custodian, verifiedAt: '2026-11-20T10:00:00Z' } as const;
  const record = async (id = newConsentId(), changes: object = { custody: 'sole' }) => {
    const token = await ground.parties.record({
      id,
      subject: child,
      standing: 'child',
      deciders: [byCustodian],
      ...changes,
    });
    await service.record.record(municipality, token);
    return id;
  };

  it('refuses what that person decides from then on, at every agency and under every pseudonym of the child', async () => {
    const beside = { role: 'custodian', pseudonym: person('P'), verifiedAt: '2026-11-20T10:00:00Z' } as const;
    const before = await record(newConsentId(), { custody: 'joint', deciders: [byCustodian, beside] });
    await service.links.link(municipality, await ground.parties.link(ground.parties.municipality, later, child));
    const act = (name: 'suspend' | 'resume' | 'withdraw') =>
      ground.parties.act(ground.parties.municipality, {
        consentId: before,
        act: name,
        by: 'decider',
        decider: custodian,
      });
    await service.acts.act(municipality, await act('suspend'));
    await service.exclusions.exclude(county, await ground.parties.exclusion(ground.parties.county, later, custodian));

    await expect(record()).rejects.toMatchObject({ code: 'DECIDER_EXCLUDED' });
    await expect(act('resume').then((token) => service.acts.act(municipality, token))).rejects.toMatchObject({
      code: 'DECIDER_EXCLUDED',
    });
    // Less is disclosed then: that stays possible.
    await expect(act('withdraw').then((token) => service.acts.act(municipality, token))).resolves.toMatchObject({
      state: 'withdrawn',
    });
  });

  it('is logged once, without the name of who is excluded', async () => {
    const again = await ground.parties.exclusion(ground.parties.municipality, later, custodian);
    await service.exclusions.exclude(municipality, again);
    const events = (await ground.events()).filter(({ log }) => log?.type === 'decider-excluded');
    expect(events.map(({ log }) => log?.subjects)).toEqual([[later]]);
  });

  describe('ends what runs on that decision alone', () => {
    const [second, secondLater, guardian] = [person('R'), person('S'), person('T')];
    const stateOf = async (id: ConsentId): Promise<string | undefined> =>
      (await service.list.list(county, second)).consents.find(({ consentId }) => consentId === id)?.state;
    const endings = async (id: ConsentId) =>
      (await ground.events()).filter(({ log }) => log?.consentId === id && log.type === 'consent-invalidated');
    const guarded = { role: 'guardian', pseudonym: guardian, reference: 'HO-1', verifiedAt: '2026-11-20T10:00:00Z' };
    const other = { role: 'representative', pseudonym: person('V'), reference: 'HO-2', verifiedAt: guarded.verifiedAt };
    const of = (changes: object) => record(newConsentId(), { subject: second, ...changes });

    it('suspended or not, at once and for good, under every number, and tells every party', async () => {
      const alone = await of({ deciders: [guarded] });
      const suspended = await of({ deciders: [guarded] });
      const both = await of({ deciders: [guarded, other] });
      const own = await of({ standing: 'adult', deciders: [{ role: 'self' }] });
      const { municipality: teller } = ground.parties;
      const act = { consentId: suspended, act: 'suspend', by: 'authority', reason: 'error' } as const;
      await service.acts.act(municipality, await ground.parties.act(teller, act));
      await service.links.link(municipality, await ground.parties.link(teller, secondLater, second));
      const exclusion = await ground.parties.exclusion(ground.parties.county, secondLater, guardian);
      await service.exclusions.exclude(county, exclusion);

      for (const id of [alone, suspended]) {
        expect(await stateOf(id)).toBe('invalidated');
        expect(await endings(id)).toMatchObject([
          { state: 'invalidated', parties: [county, municipality], log: { actorAgency: '' } },
        ]);
      }
      // The other's decision stands; it opens nothing until it is decided anew without the one who is excluded.
      expect(await stateOf(both)).toBe('active');
      expect(await stateOf(own)).toBe('active');
    });

    it('also where a link brings the exclusion to it', async () => {
      const [third, thirdLater] = [person('W'), person('X')];
      const id = await record(newConsentId(), { subject: third, deciders: [guarded] });
      const { municipality: teller } = ground.parties;
      await service.exclusions.exclude(municipality, await ground.parties.exclusion(teller, thirdLater, guardian));
      expect(await endings(id)).toEqual([]);
      await service.links.link(municipality, await ground.parties.link(teller, thirdLater, third));
      expect(await endings(id)).toHaveLength(1);
    });
  });
});
