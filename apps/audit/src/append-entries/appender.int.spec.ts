import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { AuditEvent } from '#contracts';
import { type LogBody, openBody, parseLogBody, sealingKeyOf } from '#envelope';
import { type EventId, agencyId, newEventId, sha256, unwrap } from '#kernel';
import { MemoryTree, leafHash, openCheckpoint, verifyConsistency, verifyInclusion } from '#merkle';
import { AuditGround, AuditInstance, type InstanceOptions, eventually } from '../testing/audit.fixture.js';
import { directoryOf } from '../testing/parties.fixture.js';
import { tileSource } from '../infra/log-store.js';
import { consistencyProof, inclusionProof } from '../read-log/proofs.js';
import type { Appender } from './appender.js';
import { type PreparedEntry, prepareOpaque } from './prepared-entry.js';
import { plainProposal } from './proposal.js';

let ground: AuditGround;
const running: AuditInstance[] = [];

beforeAll(async () => {
  ground = await AuditGround.lay();
});
afterEach(async () => {
  for (const instance of running.splice(0)) await instance.stop();
});
afterAll(() => ground.clear());

async function start(options: InstanceOptions = {}): Promise<AuditInstance> {
  const instance = await AuditInstance.start(ground, directoryOf([]), options);
  running.push(instance);
  return instance;
}

const isActive = (appender: Appender): Promise<true> => eventually(async () => (appender.active ? true : undefined));

function entry(eventId: EventId = newEventId(), members: Partial<LogBody> = {}): PreparedEntry {
  const at = new Date().toISOString();
  const body = { v: 1, eventId, type: 'message-delivered', at, assertedBy: 'hub', ...members };
  return prepareOpaque(unwrap(parseLogBody(body)), ground.kek);
}

const entries = (count: number): PreparedEntry[] => Array.from({ length: count }, () => entry());
const rowsOf = <T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> =>
  ground.owner(async (client) => (await client.query<T>(text, values)).rows);

/** The whole log as an outsider would check it: entries, their order, every checkpoint over them. */
async function expectSound(): Promise<number> {
  const stored = await rowsOf<{ leaf_index: string; entry: Buffer }>(
    'SELECT leaf_index, entry FROM audit.entry ORDER BY leaf_index',
  );
  expect(stored.map(({ leaf_index }) => Number(leaf_index))).toEqual(stored.map((_, index) => index));
  const tree = MemoryTree.of(stored.map((row) => leafHash(row.entry)));
  const checkpoints = await rowsOf<{ tree_size: string; note: string }>('SELECT tree_size, note FROM audit.checkpoint');
  for (const { tree_size, note } of checkpoints) {
    const checkpoint = unwrap(openCheckpoint(note, ground.logKey.verifier));
    expect(checkpoint.size).toBe(Number(tree_size));
    expect(checkpoint.root.equals(tree.root(checkpoint.size))).toBe(true);
  }
  expect(Math.max(...checkpoints.map(({ tree_size }) => Number(tree_size)))).toBe(stored.length);
  return stored.length;
}

describe('the appender', () => {
  it('gives one leaf to an event that many bring at once', async () => {
    const { appender } = await start();
    await isActive(appender);
    const before = await expectSound();
    const eventIds = Array.from({ length: 20 }, () => newEventId());
    const brought = await Promise.all(
      Array.from({ length: 200 }, (_, at) => appender.append(plainProposal([entry(eventIds[at % eventIds.length])]))),
    );
    const leaves = new Map<EventId | undefined, Set<number | undefined>>();
    for (const [at, { leaves: given }] of brought.entries()) {
      const eventId = eventIds[at % eventIds.length];
      leaves.set(eventId, (leaves.get(eventId) ?? new Set()).add(given[0]));
    }
    expect([...leaves.values()].map((given) => given.size)).toEqual(eventIds.map(() => 1));
    expect(await expectSound()).toBe(before + eventIds.length);
  });

  it('gives an event that a batch brings twice one leaf', async () => {
    const { appender } = await start();
    const eventId = newEventId();
    const { leaves } = await appender.append(plainProposal([entry(eventId), entry(), entry(eventId)]));
    expect(leaves[2]).toBe(leaves[0]);
    expect(leaves[1]).toBe((leaves[0] ?? 0) + 1);
  });

  it('goes on with the same tree after a restart', async () => {
    const first = await start();
    const { checkpoint: earlier } = await first.appender.append(plainProposal(entries(300)));
    await first.stop();
    running.splice(0);
    const second = await start();
    const { checkpoint: later, tree } = await second.appender.append(plainProposal(entries(300)));
    expect(later.size).toBe(earlier.size + 300);
    const proof = await consistencyProof(tree, tileSource(second.database), {
      first: earlier.size,
      second: later.size,
      committed: later.size,
    });
    const claim = {
      first: earlier.size,
      second: later.size,
      firstRoot: earlier.root,
      secondRoot: later.root,
      proof,
    };
    expect(verifyConsistency(claim)).toMatchObject({ ok: true });
    await expectSound();
  });

  it('keeps what a batch adds to a chain in rows of 64 leaves at most, whose numbers go on', async () => {
    const { appender } = await start();
    await isActive(appender);
    const sender = agencyId('K-889');
    const many = Array.from({ length: 150 }, () => entry(newEventId(), { sender }));
    const { leaves } = await appender.append(plainProposal(many));
    const runs = await rowsOf<{ number: number; previous: number | null; leaves: number[] }>(
      `SELECT number::float8 AS number, previous::float8 AS previous, leaves::float8[] AS leaves FROM audit.chain_run
       WHERE chain = (SELECT id FROM audit.chain WHERE name = $1) ORDER BY last_leaf`,
      [sender],
    );
    expect(runs.flatMap((run) => run.leaves)).toEqual(leaves);
    expect(runs.map((run) => run.leaves.length)).toEqual([64, 64, 22]);
    expect(runs.map(({ number, previous }) => ({ number, previous }))).toEqual([
      { number: 1, previous: null },
      { number: 65, previous: leaves[63] },
      { number: 129, previous: leaves[127] },
    ]);
  });

  it('reads no table from end to end for a batch, whatever the planner holds an index for', async () => {
    const wholeReads = async (): Promise<number> => {
      const [row] = await rowsOf<{ reads: number }>(
        `SELECT sum(seq_scan)::float8 AS reads FROM pg_stat_user_tables
         WHERE schemaname = 'audit' AND relname IN ('entry', 'entry_index', 'chain', 'chain_run')`,
      );
      return row!.reads;
    };
    const sender = agencyId('K-888');
    const before = await wholeReads();
    const { appender } = await start({
      connect: (url) => new pg.Client({ connectionString: url, options: '-c random_page_cost=1000000' }),
    });
    await isActive(appender);
    const eventId = newEventId();
    const manifestHash = sha256(Buffer.from(eventId));
    const { leaves } = await appender.append(plainProposal([entry(eventId, { sender, manifestHash })]));
    expect((await appender.append(plainProposal([entry(eventId)]))).leaves).toEqual(leaves);
    await appender.append({
      wanted: { eventIds: [], manifestHashes: [manifestHash] },
      decide: () => ({ entries: [entry()], outcome: undefined }),
    });
    // A session has told its counts when it is gone.
    for (const instance of running.splice(0)) await instance.stop();
    expect((await wholeReads()) - before).toBe(0);
  });

  it('proves each of its entries by tiles that it did not make itself', async () => {
    const { appender, database } = await start();
    const { checkpoint, tree } = await appender.append(plainProposal(entries(1)));
    const stored = await rowsOf<{ entry: Buffer }>('SELECT entry FROM audit.entry ORDER BY leaf_index');
    for (const index of [0, 1, 255, 256, 300, stored.length - 1]) {
      const row = stored[index];
      if (!row) throw new Error('too few entries for this test');
      const { size, root } = checkpoint;
      const proof = await inclusionProof(tree, tileSource(database), { index, size, committed: size });
      expect(verifyInclusion({ index, size, leafHash: leafHash(row.entry), proof, root })).toMatchObject({ ok: true });
    }
  });

  it('keeps bodies sealed, each under a secret of its own', async () => {
    const { appender } = await start();
    const eventId = newEventId();
    const { leaves } = await appender.append(plainProposal([entry(eventId)]));
    const [row] = await rowsOf<{ body: Buffer; wrapped: Buffer }>(
      'SELECT body, wrapped FROM audit.entry JOIN audit.entry_secret USING (leaf_index) WHERE leaf_index = $1',
      [leaves[0]],
    );
    if (!row) throw new Error('no row');
    expect(row.body.toString('latin1')).not.toContain('message-delivered');
    const secret = unwrap(ground.kek.unwrap(row.wrapped));
    expect((unwrap(openBody(row.body, sealingKeyOf(secret))) satisfies LogBody).eventId).toBe(eventId);
    const secrets = await rowsOf<{ distinct: string; all: string }>(
      'SELECT count(DISTINCT wrapped) AS distinct, count(*) AS all FROM audit.entry_secret',
    );
    expect(secrets[0]?.distinct).toBe(secrets[0]?.all);
  });

  it('tells the other services of every leaf, in the same transaction', async () => {
    const { appender } = await start();
    await appender.append(plainProposal(entries(250)));
    const rows = await rowsOf<{ payload: Buffer }>('SELECT payload FROM audit.outbox ORDER BY tx, id');
    const told = rows.flatMap(({ payload }) => {
      const { event } = AuditEvent.decode(payload);
      return event?.$case === 'logged' ? event.value.entries : [];
    });
    const stored = await rowsOf<{ event_id: string; leaf_index: string }>(
      `SELECT replace(event_id::text, '-', '') AS event_id, leaf_index FROM audit.entry ORDER BY leaf_index`,
    );
    expect(told.map(({ eventId, leafIndex }) => [eventId, String(leafIndex)])).toEqual(
      stored.map(({ event_id, leaf_index }) => [event_id, leaf_index]),
    );
  });

  it('lets a second instance stand by, which takes over when the first is gone', async () => {
    const first = await start();
    await isActive(first.appender);
    const second = await start();
    await Promise.all(Array.from({ length: 50 }, () => first.appender.append(plainProposal(entries(3)))));
    expect(second.appender.active).toBe(false);
    expect(() => second.appender.current()).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
    const waiting = second.appender.append(plainProposal(entries(1)));
    await first.stop();
    running.splice(0, 1);
    const { checkpoint } = await waiting;
    expect(checkpoint.size).toBe(await expectSound());
  });

  it('never forks when two start at once and both are given entries', async () => {
    const before = await expectSound();
    const both = await Promise.all([start(), start()]);
    const brought = both.flatMap(({ appender }) =>
      Array.from({ length: 40 }, () => appender.append(plainProposal(entries(2)))),
    );
    const taken = (await Promise.allSettled(brought)).filter(({ status }) => status === 'fulfilled').length;
    expect(taken).toBe(40);
    expect(await expectSound()).toBe(before + 80);
  });
});

/** A connection that is lost at the COMMIT: before it reaches the database, or after it took effect. */
class FailingClient extends pg.Client {
  static failNext: 'before' | 'after' | undefined;

  override query(...args: unknown[]): never {
    // The batch is one statement, which is its own transaction.
    const [statement] = args as [{ readonly name?: string }];
    const run = (): unknown => (super.query as (...given: unknown[]) => unknown).apply(this, args);
    if (statement.name !== 'audit.append' || FailingClient.failNext === undefined) return run() as never;
    const when = FailingClient.failNext;
    FailingClient.failNext = undefined;
    return this.fail(when, run) as never;
  }

  lose(): void {
    (this as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }

  private async fail(when: 'before' | 'after', run: () => unknown): Promise<never> {
    if (when === 'after') await run();
    this.lose();
    throw new Error('Connection terminated unexpectedly');
  }
}

describe('an uncertain commit', () => {
  it.each(['before', 'after'] as const)('lost %s it took effect leaves one leaf for each event', async (when) => {
    const { appender } = await start({ connect: (url) => new FailingClient({ connectionString: url }) });
    await isActive(appender);
    const size = await expectSound();
    FailingClient.failNext = when;
    const batch = entries(5);
    const { leaves, checkpoint } = await appender.append(plainProposal(batch));
    expect(leaves).toEqual([0, 1, 2, 3, 4].map((at) => size + at));
    expect(checkpoint.size).toBe(size + 5);
    expect(FailingClient.failNext).toBeUndefined();
    expect(await expectSound()).toBe(size + 5);
  });

  it('shows no checkpoint that is not committed', async () => {
    const { appender } = await start({ connect: (url) => new FailingClient({ connectionString: url }) });
    await isActive(appender);
    const seen = new Set<number>();
    FailingClient.failNext = 'before';
    const appended = appender.append(plainProposal(entries(5)));
    let over = false;
    void appended.finally(() => (over = true));
    while (!over) {
      if (appender.active) seen.add(appender.current().checkpoint.size);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const committed = await rowsOf<{ tree_size: string }>('SELECT tree_size FROM audit.checkpoint');
    const sizes = new Set(committed.map(({ tree_size }) => Number(tree_size)));
    expect([...seen].filter((size) => !sizes.has(size))).toEqual([]);
  });
});

describe('a batch that is made ready while the one before is on its way to the database', () => {
  /** Enough at once that many batches follow each other without a pause. */
  const crowd = 60;
  const small = { appender: { maxBatch: 4 } };

  it('knows the events of the one before', async () => {
    const { appender } = await start(small);
    await isActive(appender);
    const before = await expectSound();
    const eventIds = Array.from({ length: 3 }, () => newEventId());
    const brought = await Promise.all(
      Array.from({ length: crowd }, (_, at) => appender.append(plainProposal([entry(eventIds[at % 3])]))),
    );
    expect(new Set(brought.flatMap(({ leaves }) => leaves))).toEqual(new Set([before, before + 1, before + 2]));
    expect(await expectSound()).toBe(before + 3);
  });

  it('decides by what the one before says', async () => {
    const { appender } = await start(small);
    await isActive(appender);
    const manifestHash = sha256(newEventId());
    const outcomes = await Promise.all(
      Array.from({ length: crowd }, () =>
        appender.append({
          wanted: { eventIds: [], manifestHashes: [manifestHash] },
          decide: (view) =>
            view.message(manifestHash).released
              ? { entries: entries(1), outcome: 'again' }
              : { entries: [entry(newEventId(), { type: 'message-released', manifestHash })], outcome: 'released' },
        }),
      ),
    );
    const released = outcomes.filter(({ outcome }) => outcome === 'released');
    expect(released).toEqual([outcomes[0]]);
    await expectSound();
  });

  it.each(['before', 'after'] as const)(
    'goes back with it where its commit is lost %s it took effect',
    async (when) => {
      const { appender } = await start({ ...small, connect: (url) => new FailingClient({ connectionString: url }) });
      await isActive(appender);
      const size = await expectSound();
      FailingClient.failNext = when;
      const brought = await Promise.all(
        Array.from({ length: crowd }, () => appender.append(plainProposal(entries(1)))),
      );
      expect(brought.flatMap(({ leaves }) => leaves)).toEqual(Array.from({ length: crowd }, (_, at) => size + at));
      expect(await expectSound()).toBe(size + crowd);
    },
  );

  it('goes back with it where nothing can be looked up any more', async () => {
    const clients: FailingClient[] = [];
    const connect = (url: string): pg.Client => {
      const client = new FailingClient({ connectionString: url });
      clients.push(client);
      return client;
    };
    const { appender } = await start({ ...small, connect });
    await isActive(appender);
    const size = await expectSound();
    const brought = Array.from({ length: crowd }, () => appender.append(plainProposal(entries(1))));
    const [, reader] = clients;
    reader?.lose();
    const leaves = (await Promise.all(brought)).flatMap((one) => one.leaves);
    expect(leaves).toEqual(Array.from({ length: crowd }, (_, at) => size + at));
    expect(await expectSound()).toBe(size + crowd);
  });

  it.each(['first', 'middle', 'last'])('does not suffer where the %s one can never be stored', async (which) => {
    const { appender } = await start(small);
    await isActive(appender);
    const bad: PreparedEntry = { ...entry(), index: { ...entry().index, exchangeId: 'no uuid' } };
    const at = { first: 0, middle: 10, last: 19 }[which] ?? 0;
    const brought = Array.from({ length: 20 }, (_, place) => (place === at ? [bad] : entries(1)));
    const outcomes = await Promise.allSettled(brought.map((one) => appender.append(plainProposal(one))));
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(brought.map((one) => one[0] !== bad));
    await expectSound();
  });
});

describe('what was given out before', () => {
  it('is gone on from', async () => {
    const { checkpoint } = await (await start()).appender.append(plainProposal(entries(3)));
    await running.pop()?.stop();
    const { appender } = await start({ appender: { publishedBefore: async () => checkpoint } });
    await expect(appender.append(plainProposal(entries(1)))).resolves.toBeDefined();
  });

  it.each([
    ['is longer than the stored log, as after a restore from a backup', 1, false],
    ['has another root', 0, true],
    ['is a past of another log', -300, true],
  ])('stops the appender when it %s', async (_name, more, otherRoot) => {
    const { checkpoint } = await (await start()).appender.append(plainProposal(entries(1)));
    await running.pop()?.stop();
    const given = { ...checkpoint, size: checkpoint.size + more };
    const root = otherRoot ? Buffer.alloc(32, 7) : given.root;
    const { appender } = await start({ appender: { publishedBefore: async () => ({ ...given, root }) } });
    await expect(appender.append(plainProposal(entries(1)))).rejects.toMatchObject({ code: 'LOG_INCONSISTENT' });
  });
});

describe('a database that may lose what it has committed', () => {
  it('is not appended to where a synchronous standby is required', async () => {
    const { appender } = await start({ appender: { requireSynchronousStandby: true } });
    await expect(appender.append(plainProposal(entries(1)))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('is not appended to with synchronous_commit off', async () => {
    const { appender } = await start({
      connect: (url) => new pg.Client({ connectionString: url, options: '-c synchronous_commit=off' }),
    });
    await expect(appender.append(plainProposal(entries(1)))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('a batch that the database refuses', () => {
  it('does not take the others with it', async () => {
    const { appender } = await start();
    await isActive(appender);
    const bad: PreparedEntry = { ...entry(), index: { ...entry().index, exchangeId: 'no uuid' } };
    const outcomes = await Promise.allSettled([
      appender.append(plainProposal(entries(1))),
      appender.append(plainProposal([bad])),
      appender.append(plainProposal(entries(1))),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await expectSound();
  });
});

describe('the stored log', () => {
  const tables = ['entry', 'entry_secret', 'entry_index', 'chain_run', 'chain', 'tile', 'checkpoint'];
  const acts = tables.flatMap((table) =>
    [`UPDATE audit.${table} SET `, `DELETE FROM audit.${table}`, `TRUNCATE audit.${table}`].map((act) => ({
      table,
      act: act.startsWith('UPDATE') ? `${act}${columnOf(table)} = ${columnOf(table)}` : act,
    })),
  );

  it.each(acts)('cannot be changed by its owner: $act', async ({ act }) => {
    await expect(ground.owner((client) => client.query(act))).rejects.toMatchObject({ code: '42501' });
  });

  it('cannot be changed by its owner with the triggers of the session switched off', async () => {
    const attempt = ground.owner(async (client) => {
      await client.query("SET session_replication_role = 'replica'");
      await client.query('DELETE FROM audit.entry');
    });
    await expect(attempt).rejects.toMatchObject({ code: '42501' });
  });

  it.each(acts)('cannot be changed by the service: $act', async ({ act }) => {
    const client = new pg.Client({ connectionString: ground.serviceUrl });
    await client.connect();
    await expect(client.query(act)).rejects.toMatchObject({ code: '42501' });
    await client.end();
  });

  it.each([
    'ALTER TABLE audit.entry DISABLE TRIGGER ALL',
    'DROP TRIGGER entry_append_only ON audit.entry',
    'CREATE OR REPLACE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
    "SET session_replication_role = 'replica'",
  ])('cannot be bared by the service: %s', async (act) => {
    const client = new pg.Client({ connectionString: ground.serviceUrl });
    await client.connect();
    await expect(client.query(act)).rejects.toMatchObject({ code: '42501' });
    await client.end();
  });

  it('stops the appender when somebody got past all that', async () => {
    const spoilt = await AuditGround.lay();
    const instance = await AuditInstance.start(spoilt, directoryOf([]));
    await instance.appender.append(plainProposal(entries(10)));
    await instance.stop();
    await spoilt.owner(async (client) => {
      await client.query('ALTER TABLE audit.entry DISABLE TRIGGER ALL');
      await client.query(
        'UPDATE audit.entry SET entry = set_byte(entry, 20, 1 + get_byte(entry, 20) % 255) WHERE leaf_index = 4',
      );
    });
    const restarted = await AuditInstance.start(spoilt, directoryOf([]));
    await expect(restarted.appender.append(plainProposal(entries(1)))).rejects.toMatchObject({
      code: 'LOG_INCONSISTENT',
    });
    await restarted.stop();
    await spoilt.clear();
  });
});

function columnOf(table: string): string {
  return (
    { tile: 'root', checkpoint: 'note', chain_run: 'chain', chain: 'name', entry_index: 'type', entry_secret: 'kek' }[
      table
    ] ?? 'entry'
  );
}
