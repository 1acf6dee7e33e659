import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ConsentWord } from '#contracts';
import { AppError, type ConsentId, FixedClock, newConsentId, newEventId } from '#kernel';
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
