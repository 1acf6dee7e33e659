import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DirectoryEvent, topics } from '#contracts';
import { newEventId } from '#kernel';
import { Database, prepareDatabase } from '#platform';
import { createTestDatabase, type TestDatabase } from '#testing';
import { databaseSpec } from '../infra/database.js';
import { TellEarlierRowsAgain1795900000000 } from '../infra/migrations/1795900000000-tell-earlier-rows-again.js';
import { DirectoryRows } from './directory-rows.js';

const before = databaseSpec.migrations.indexOf(TellEarlierRowsAgain1795900000000);
const recordOf = (payload: Buffer) => DirectoryEvent.decode(payload).log;

/** As the directory wrote them before its rows named their events. */
const earlierRows = [
  `INSERT INTO directory.agency (id, kind, business_id, name_fi, name_sv, status, first_key, registered_at) VALUES
     ('K-049', 'K', '0101263-6', 'Espoo', 'Esbo', 'active', '${'A'.repeat(43)}', now()),
     ('K-235', 'K', '0203026-2', 'Kauniainen', 'Grankulla', 'onboarding', '${'B'.repeat(42)}A', now())`,
  `INSERT INTO directory.agency_key (agency, kid, use, jwk, not_before, not_after, record, event_id, published_at, revoked_at)
     VALUES ('K-049', '${'C'.repeat(42)}A', 'receiving', '{}', now(), now(), 'a.b.c', '${newEventId()}', now(), '2026-01-01')`,
  `INSERT INTO directory.key_revocation (agency, kid, statement, revoked_at)
     VALUES ('K-049', '${'C'.repeat(42)}A', 'd.e.f', '2026-01-01')`,
  `INSERT INTO directory.responsibility (duty, agency, valid_from) VALUES ('integration', 'K-049', '2026-01-01')`,
  `INSERT INTO directory.catalogue_version (version, hash, recorded_at) VALUES (1, '${'D'.repeat(42)}A', now())`,
];

describe('what the directory kept before its rows named their events', () => {
  let test: TestDatabase;
  let owner: Database;
  let rows: DirectoryRows;

  beforeEach(async () => {
    test = await createTestDatabase();
    await prepareDatabase(test.url, {
      ...databaseSpec,
      migrations: databaseSpec.migrations.slice(0, before),
      restrictions: [],
    });
    owner = new Database(test.url, { max: 2 });
    for (const text of earlierRows) await owner.query({ text });
    await prepareDatabase(test.url, databaseSpec);
    // The outbox holds all of it but the key, of which the log is asked.
    const audit = {
      findLeaves: ({ eventIds }: { eventIds: readonly string[] }) =>
        Promise.resolve({ found: eventIds.map((eventId) => ({ eventId, leafIndex: 0n, type: 'key-published' })) }),
    };
    rows = new DirectoryRows({ database: owner, audit, topic: topics.directoryEvents, recordOf });
  });
  afterEach(async () => {
    await owner.close();
    await test.drop();
  });

  /** Without the key, whose record nobody signed here. */
  const found = async (): Promise<string[]> =>
    (await rows.ofRows()).differences
      .map(({ kind, type }) => `${kind} ${type}`)
      .filter((one) => one !== 'row-without-event key-shown');

  it('is told again once, as it stands', async () => {
    const { rows: told } = await owner.query<{ payload: Buffer }>({
      text: 'SELECT payload FROM directory.outbox ORDER BY tx, id',
    });
    expect(told.map(({ payload }) => [recordOf(payload)?.type, recordOf(payload)?.sender])).toEqual([
      ['agency-registered', 'K-049'],
      ['agency-status', 'K-049'],
      ['agency-registered', 'K-235'],
      ['key-revoked', 'K-049'],
      ['responsibility-set', 'K-049'],
      ['catalogue', ''],
    ]);
    await prepareDatabase(test.url, databaseSpec);
    const { rows: again } = await owner.query({ text: 'SELECT FROM directory.outbox' });
    expect(again).toHaveLength(told.length);
  });

  it('is different in nothing', async () => {
    expect(await found()).toEqual([]);
  });

  it.each<[string, string, string]>([
    ['a status', `UPDATE directory.agency SET status = 'suspended' WHERE id = 'K-049'`, 'agency-status'],
    ['a duty', `UPDATE directory.responsibility SET duty = 'welfare'`, 'responsibility-set'],
    ['a catalogue', `UPDATE directory.catalogue_version SET hash = '${'E'.repeat(42)}A'`, 'catalogue'],
    ['a revocation', `UPDATE directory.key_revocation SET statement = 'g.h.i'`, 'key-revoked'],
  ])('is found where %s was changed since', async (_what, text, type) => {
    await owner.query({ text });
    expect(await found()).toEqual([`row-without-event ${type}`]);
  });

  it.each<[string, string, string]>([
    ['an agency', 'agency', 'registered_event'],
    ['a responsibility', 'responsibility', 'event_id'],
  ])('does not excuse %s that names no event', async (_what, table, column) => {
    await expect(owner.query({ text: `UPDATE directory.${table} SET ${column} = NULL` })).rejects.toThrow();
    await owner.query({ text: `ALTER TABLE directory.${table} ALTER ${column} DROP NOT NULL` });
    await owner.query({ text: `UPDATE directory.${table} SET ${column} = NULL` });
    expect(new Set(await found())).toEqual(
      new Set([`row-without-event ${table === 'agency' ? 'agency-registered' : 'responsibility-set'}`]),
    );
  });

  it('leaves its first events in peace, which no row names any more', async () => {
    const first = { eventId: newEventId(), type: 'agency-registered', sender: 'K-049' };
    const fact = {
      eventId: first.eventId,
      leafIndex: 7n,
      type: first.type,
      digest: '',
      erased: false,
      manifestHash: '',
      topic: topics.directoryEvents,
    };
    const eventOf = (sender: string) => () => ({ ...recordOf(Buffer.alloc(0))!, ...first, sender });
    expect(await rows.ofLeaves(owner, [fact], eventOf('K-049'))).toEqual([]);
    expect(await rows.ofLeaves(owner, [fact], eventOf('K-091'))).toMatchObject([{ kind: 'event-without-row' }]);
  });
});
