import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ConsentWord } from '#contracts';
import { AppError, type ConsentId, FixedClock, newConsentId, newEventId, type Pseudonym } from '#kernel';
import { ConsentGround, type Instance } from '../testing/consent-ground.fixture.js';
import { byConsent, client, county, exchange, grants, municipality, now } from '../testing/facts.fixture.js';
import type { AuditLog } from './log-replay.js';

describe('a consent database restored from yesterday’s backup', () => {
  const clock = new FixedClock(now);
  const ids: Record<'withdrawn' | 'revoked' | 'suspended' | 'renewed' | 'denied' | 'running' | 'resumed', ConsentId> = {
    withdrawn: newConsentId(),
    revoked: newConsentId(),
    suspended: newConsentId(),
    renewed: newConsentId(),
    denied: newConsentId(),
    running: newConsentId(),
    resumed: newConsentId(),
  };
  /** Recorded and withdrawn after the backup was made. */
  const lost = newConsentId();
  let lostRecord: string;
  let ground: ConsentGround;
  let restored: ConsentGround;
  let backups: ConsentGround;

  const act = async (service: Instance, consentId: ConsentId, changes: object): Promise<void> => {
    await service.acts.act(
      municipality,
      await ground.parties.act(ground.parties.municipality, { consentId, ...changes }),
    );
  };

  beforeAll(async () => {
    ground = await ConsentGround.lay(clock);
    const before = ground.instance();
    for (const [name, id] of Object.entries(ids))
      if (name === 'denied') await before.propose.propose(municipality, await ground.parties.proposal({ id }));
      else await before.record.record(municipality, await ground.parties.record({ id }));
    await act(before, ids.resumed, { act: 'suspend' });
    backups = await ground.backup();

    clock.advance(3_600_000);
    const after = ground.instance();
    await act(after, ids.withdrawn, { act: 'withdraw' });
    await act(after, ids.revoked, { act: 'revoke', by: 'authority', reason: 'error' });
    await act(after, ids.suspended, { act: 'suspend' });
    await act(after, ids.resumed, { act: 'resume' });
    await act(after, ids.denied, { act: 'deny', version: 0 });
    await after.record.record(
      municipality,
      await ground.parties.record({ id: ids.renewed, version: 2, grants: grants([11]) }),
    );
    lostRecord = await ground.parties.record({ id: lost });
    await after.record.record(municipality, lostRecord);
    await act(after, lost, { act: 'withdraw' });
    clock.advance(3_600_000);
  });
  beforeEach(async () => {
    restored = await backups.backup();
  });
  afterEach(() => restored.clear());
  afterAll(async () => {
    await backups.clear();
    await ground.clear();
  });

  const outcome = async (service: Instance, id: ConsentId): Promise<string> => {
    const item = await ground.parties.release({ basis: [byConsent({}, id)], exchangeId: exchange(1) });
    const [result] = await service.permit.permit([item]);
    return (await restored.read(result)).outcome;
  };

  it('signs nothing before it has read the log again', async () => {
    const service = restored.instance({ log: ground.log() });
    expect(service.replay.caughtUp).toBe(false);
    await expect(outcome(service, ids.running)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await service.replay.catchUp();
    expect(service.replay.caughtUp).toBe(true);
    expect(await outcome(service, ids.running)).toBe('first');
  });

  it('signs nothing while the log cannot be read', async () => {
    const log: AuditLog = { listConsentWords: () => Promise.reject(new AppError('UNAVAILABLE')) };
    const service = restored.instance({ log });
    await expect(service.replay.catchUp()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(outcome(service, ids.running)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('knows afterwards what has ended, was suspended, resumed and replaced since', async () => {
    const service = restored.instance({ log: ground.log() });
    await service.replay.catchUp();
    expect(await outcome(service, ids.withdrawn)).toBe('CONSENT_WITHDRAWN');
    expect(await outcome(service, ids.revoked)).toBe('CONSENT_INACTIVE');
    expect(await outcome(service, ids.suspended)).toBe('CONSENT_INACTIVE');
    expect(await outcome(service, ids.renewed)).toBe('CONSENT_SUPERSEDED');
    expect(await outcome(service, ids.resumed)).toBe('first');
    const { consents } = await service.list.list(county, client);
    const states = new Map(consents.map(({ consentId, state }) => [consentId, state]));
    expect(states.get(ids.denied)).toBe('denied');
    // Told before, when it happened.
    expect(states.get(ids.withdrawn)).toBe('withdrawn');
    const events = await restored.events();
    expect(events.filter(({ log }) => log?.type === 'consent-withdrawn')).toEqual([]);
  });

  it('does not take again, as if it were new, the record of a consent that was withdrawn', async () => {
    const service = restored.instance({ log: ground.log() });
    await service.replay.catchUp();
    await expect(service.record.record(municipality, lostRecord)).rejects.toMatchObject({ code: 'CONSENT_INACTIVE' });
    expect(await outcome(service, lost)).toBe('NO_BASIS');
  });

  it('counts the uses of which the log tells', async () => {
    const id = newConsentId();
    const once = restored.instance();
    await once.record.record(municipality, await ground.parties.record({ id, uses: { kind: 'once' } }));
    const released = (changes: Partial<ConsentWord>): ConsentWord => ({
      leafIndex: 1_000n,
      eventId: newEventId(),
      type: 'message-released',
      at: now,
      consentId: id,
      consentVersion: 1,
      subject: client,
      exchangeId: exchange(7),
      sender: county,
      recipient: municipality,
      subjects: [client],
      statementHash: '',
      statement: '',
      ...changes,
    });
    const logOf = (word: ConsentWord): AuditLog => ({
      listConsentWords: ({ from }) =>
        Promise.resolve(
          from > 1_000n ? { words: [], next: from, more: false } : { words: [word], next: 1_001n, more: false },
        ),
    });
    const question = restored.instance({ log: logOf(released({ sender: municipality, recipient: county })) });
    await question.replay.catchUp();
    expect(await restored.rows('SELECT 1 FROM consent.consent_use')).toEqual([]);
    await restored.rows('UPDATE consent.log_position SET next = 0');
    const service = restored.instance({ log: logOf(released({})) });
    await service.replay.catchUp();
    expect(await outcome(service, id)).toBe('CONSENT_USED_UP');
  });

  it('changes nothing when it reads what it knows', async () => {
    const same = await ground.backup();
    const service = same.instance({ log: ground.log() });
    expect(await service.replay.catchUp()).toBe(0);
    await same.clear();
  });

  it('goes on where it stopped, over as many pages as there are', async () => {
    const log = ground.log();
    const asked: bigint[] = [];
    const service = restored.instance({
      log: {
        listConsentWords: (request) => {
          asked.push(request.from);
          return log.listConsentWords({ ...request, limit: 3 });
        },
      },
    });
    await service.replay.catchUp();
    expect(asked.length).toBeGreaterThan(3);
    expect(asked).toEqual([...asked].sort((a, b) => Number(a - b)));
    expect(await outcome(service, ids.withdrawn)).toBe('CONSENT_WITHDRAWN');
    expect(await service.replay.catchUp()).toBe(0);
    expect(asked.at(-1)).toBeGreaterThan(asked.at(-2) ?? 0n);
  });
});

describe('what agencies said after the backup was made', () => {
  const person = (letter: string): Pseudonym => `p1.${letter.repeat(42)}A` as Pseudonym;
  const [earlier, later, child, custodian] = [person('E'), person('L'), person('K'), person('M')];
  const stranger = person('Q');
  const clock = new FixedClock(now);
  const ids = {
    renewed: newConsentId(),
    ofEarlier: newConsentId(),
    ofChild: newConsentId(),
    lost: newConsentId(),
    ended: newConsentId(),
    proposed: newConsentId(),
    answered: newConsentId(),
  };
  const byCustodian = {
    subject: child,
    standing: 'child',
    custody: 'sole',
    deciders: [{ role: 'custodian', pseudonym: custodian, verifiedAt: '2026-11-20T10:00:00Z' }],
  } as const;
  let link: string;
  let exclusion: string;
  let ground: ConsentGround;
  let restored: ConsentGround;
  let backups: ConsentGround;

  const record = async (service: Instance, id: ConsentId, changes = {}) =>
    service.record.record(municipality, await ground.parties.record({ id, ...changes }));

  beforeAll(async () => {
    ground = await ConsentGround.lay(clock);
    const { parties } = ground;
    const before = ground.instance();
    await record(before, ids.renewed);
    await record(before, ids.ofEarlier, { subject: earlier });
    await record(before, ids.ofChild, { ...byCustodian, deciders: [...byCustodian.deciders] });
    backups = await ground.backup();

    clock.advance(3_600_000);
    const after = ground.instance();
    await record(after, ids.renewed, { version: 2, grants: grants([11]) });
    await record(after, ids.lost);
    await record(after, ids.ended);
    await after.acts.act(municipality, await parties.act(parties.municipality, { consentId: ids.ended }));
    await after.propose.propose(municipality, await parties.proposal({ id: ids.proposed }));
    await after.propose.propose(municipality, await parties.proposal({ id: ids.answered }));
    const denial = await parties.act(parties.municipality, { consentId: ids.answered, act: 'deny', version: 0 });
    await after.acts.act(municipality, denial);
    link = await parties.link(parties.municipality, later, earlier);
    await after.links.link(municipality, link);
    exclusion = await parties.exclusion(parties.municipality, child, stranger);
    await after.exclusions.exclude(municipality, exclusion);
    // Older than a statement may be that is said for the first time.
    clock.advance(30 * 86_400_000);
  });
  beforeEach(async () => {
    restored = await backups.backup();
  });
  afterEach(() => restored.clear());
  afterAll(async () => {
    await backups.clear();
    await ground.clear();
  });

  const outcome = async (service: Instance, id: ConsentId, subject = client, version = 1, category = 12) => {
    const basis = [{ ...byConsent({}, id, version), categories: [category] }];
    const item = await ground.parties.release({ basis, exchangeId: exchange(1), subjects: [subject] });
    const [result] = await service.permit.permit([item]);
    return (await restored.read(result)).outcome;
  };
  const replayed = async (keepsStatements: boolean): Promise<Instance> => {
    const service = restored.instance({ log: ground.log({ keepsStatements }) });
    await service.replay.catchUp();
    return service;
  };

  describe('is brought back where the log keeps what they signed', () => {
    it('consents and their next versions, with their ends', async () => {
      const service = await replayed(true);
      expect(await outcome(service, ids.renewed)).toBe('CONSENT_SUPERSEDED');
      expect(await outcome(service, ids.renewed, client, 2, 11)).toBe('first');
      expect(await outcome(service, ids.lost)).toBe('first');
      expect(await outcome(service, ids.ended)).toBe('CONSENT_WITHDRAWN');
    });

    it('proposals, open or answered', async () => {
      const { consents } = await (await replayed(true)).list.list(municipality, client);
      const states = new Map(consents.map(({ consentId, state }) => [consentId, state]));
      expect(states.get(ids.answered)).toBe('denied');
      // Its time is over by now.
      expect(states.get(ids.proposed)).toBe('lapsed');
    });

    it('links and exclusions', async () => {
      const service = await replayed(true);
      expect(await outcome(service, ids.ofEarlier, later)).toBe('first');
      const byStranger = { ...byCustodian, deciders: [{ ...byCustodian.deciders[0], pseudonym: stranger }] };
      await expect(record(service, newConsentId(), byStranger)).rejects.toMatchObject({ code: 'DECIDER_EXCLUDED' });
      expect(await outcome(service, ids.ofChild, child)).toBe('first');
    });

    it('under the events of then: nothing is logged or told again, and nothing is left to bring back', async () => {
      const service = await replayed(true);
      const tokens = await restored.rows<{ event_id: string }>(
        `SELECT event_id FROM consent.consent_version UNION ALL SELECT event_id FROM consent.proposal
         UNION ALL SELECT event_id FROM consent.subject_link UNION ALL SELECT event_id FROM consent.decider_exclusion`,
      );
      const logged = new Set((await ground.events()).map(({ log }) => log?.eventId));
      expect(tokens.filter(({ event_id }) => !logged.has(event_id))).toEqual([]);
      expect(await restored.events()).toHaveLength((await backups.events()).length);
      expect(await restored.rows('SELECT FROM consent.lost_statement')).toEqual([]);
      await restored.rows('UPDATE consent.log_position SET next = 0');
      expect(await service.replay.catchUp()).toBe(0);
    });

    it('only as an agency signed it: what the log’s keeper made up opens nothing', async () => {
      const log = ground.log({ keepsStatements: true });
      const { county: other } = ground.parties;
      const forged = await ground.parties.record({ id: ids.lost }, other.signing);
      const service = restored.instance({
        log: {
          listConsentWords: async (request) => {
            const page = await log.listConsentWords(request);
            const words = page.words.map((word) =>
              word.consentId === ids.lost && word.statement !== '' ? { ...word, statement: forged } : word,
            );
            return { ...page, words };
          },
        },
      });
      await service.replay.catchUp();
      expect(await outcome(service, ids.lost)).toBe('NO_BASIS');
    });
  });

  describe('where the log has nothing but their entries', () => {
    it('a link opens nothing until it is brought again, however old it is by then', async () => {
      const service = await replayed(false);
      expect(await outcome(service, ids.ofEarlier, later)).toBe('CONSENT_TOO_NARROW');
      await service.links.link(municipality, link);
      expect(await outcome(service, ids.ofEarlier, later)).toBe('first');
      expect(await restored.events()).toHaveLength((await backups.events()).length);
    });

    it('an exclusion stops whatever others decided for that person, until it is brought again', async () => {
      const service = await replayed(false);
      const parent = person('O');
      const byAnother = { ...byCustodian, deciders: [{ ...byCustodian.deciders[0], pseudonym: parent }] };
      expect(await outcome(service, ids.ofChild, child)).toBe('DECIDER_EXCLUDED');
      await expect(record(service, newConsentId(), byAnother)).rejects.toMatchObject({ code: 'DECIDER_EXCLUDED' });

      const another = await ground.parties.exclusion(ground.parties.municipality, child, person('R'));
      await service.exclusions.exclude(municipality, another);
      expect(await outcome(service, ids.ofChild, child)).toBe('DECIDER_EXCLUDED');
      await service.exclusions.exclude(municipality, exclusion);
      expect(await outcome(service, ids.ofChild, child)).toBe('first');
      await expect(record(service, newConsentId(), byAnother)).resolves.toMatchObject({ version: 1 });
    });

    it('an exclusion reaches over a link that was lost too', async () => {
      const number = person('N');
      const linked = await ground.backup();
      const teller = ground.parties.municipality;
      const said = linked.instance();
      await said.links.link(municipality, await ground.parties.link(teller, number, child));
      await said.exclusions.exclude(municipality, await ground.parties.exclusion(teller, number, stranger));
      const service = restored.instance({ log: linked.log() });
      await service.replay.catchUp();
      expect(await outcome(service, ids.ofChild, child)).toBe('DECIDER_EXCLUDED');
      await linked.clear();
    });

    it('a message that is refused for a lost exclusion may be tried again', async () => {
      const service = await replayed(false);
      const item = await ground.parties.release({
        basis: [byConsent({}, ids.ofChild)],
        exchangeId: exchange(1),
        subjects: [child],
      });
      const [result] = await service.permit.permit([item]);
      expect((await restored.read(result)).final).toBe(false);
    });
  });
});
