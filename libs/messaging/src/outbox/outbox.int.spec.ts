import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { newEventId } from '#kernel';
import { type TestDatabase, createTestDatabase } from '#testing';
import pg, { type Pool } from 'pg';
import { InMemoryLog } from '../log/in-memory-log.js';
import type { LogRecord } from '../log/message-log.js';
import { inTransaction } from '../sql/transaction.js';
import { until } from '../until.js';
import { OutboxReconciler } from './outbox-reconciler.js';
import { OutboxRelay, type OutboxRelayOptions } from './outbox-relay.js';
import { outboxTable } from './outbox-table.js';
import { Outbox, type OutboxRow } from './outbox.js';
import { unloggedTable } from './unlogged-table.js';

Logger.overrideLogger(false);

const TOPIC = 'exchange.events.v1';
const row = (text: string, key = 'exchange'): OutboxRow => ({
  eventId: newEventId(),
  topic: TOPIC,
  key,
  payload: Buffer.from(text),
});

describe('the outbox', () => {
  const outbox = new Outbox('exchange');
  const relays: OutboxRelay[] = [];
  let database: TestDatabase;
  let pool: Pool;
  let log: InMemoryLog;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  beforeEach(async () => {
    pool = new pg.Pool({ connectionString: database.url, max: 20 });
    pool.on('error', () => undefined);
    await pool.query('CREATE SCHEMA exchange');
    for (const statement of [...outboxTable('exchange'), ...unloggedTable('exchange')]) await pool.query(statement);
    log = new InMemoryLog([TOPIC, 'audit.events.v1']);
    await log.connect();
  });

  afterEach(async () => {
    await Promise.all(relays.splice(0).map((relay) => relay.stop()));
    await pool.query('DROP SCHEMA exchange CASCADE');
    await pool.end();
  });

  function startRelay(options: Partial<OutboxRelayOptions> = {}): OutboxRelay {
    const relay = new OutboxRelay({ pool, schema: 'exchange', log, pollMs: 5, pauseMs: 20, ...options });
    relays.push(relay);
    relay.start();
    return relay;
  }

  const commit = (...rows: OutboxRow[]): Promise<void> => inTransaction(pool, (client) => outbox.enqueue(client, rows));
  const published = (): string[] => log.messages(TOPIC).map(({ value }) => value.toString());

  describe('relay', () => {
    it('publishes what was committed, in its order, under its key', async () => {
      await commit(row('1'), row('2'));
      await commit(row('3'));
      startRelay();
      await until(() => published().length === 3);
      expect(published()).toEqual(['1', '2', '3']);
      expect(log.messages(TOPIC).every(({ key }) => key === 'exchange')).toBe(true);
    });

    it('publishes nothing of a transaction that was rolled back', async () => {
      startRelay();
      const failed = inTransaction(pool, async (client) => {
        await outbox.enqueue(client, [row('never')]);
        throw new Error('policy');
      });
      await expect(failed).rejects.toThrow('policy');
      await commit(row('after'));
      await until(() => published().length > 0);
      expect(published()).toEqual(['after']);
    });

    it('is woken by a commit without waiting for its next look', async () => {
      const relay = startRelay({ pollMs: 60_000 });
      await commit(row('first'));
      relay.wake();
      await until(() => published().length === 1);
      await commit(row('second'));
      relay.wake();
      await until(() => published().length === 2);
    });

    it('waits for an older transaction still open, whose rows a cursor over ids would pass over', async () => {
      startRelay();
      const older = await pool.connect();
      try {
        await older.query('BEGIN');
        await outbox.enqueue(older, [row('older')]);
        await commit(row('younger'));
        const { rows: visible } = await pool.query<{ last: number }>(
          'SELECT max(id)::int AS last FROM exchange.outbox',
        );
        await older.query('COMMIT');
        await until(() => published().length === 2);
        expect(published()).toEqual(['older', 'younger']);
        // The mutant: what a relay that had remembered the last visible id would have found then.
        const { rows: missed } = await pool.query('SELECT id FROM exchange.outbox WHERE id > $1', [visible[0]?.last]);
        expect(missed).toEqual([]);
      } finally {
        older.release();
      }
    });

    it('loses nothing of many concurrent writers, where a cursor over ids does', async () => {
      const relay = startRelay();
      let writing = true;
      const byId = plainIdRelay(() => writing);
      const written = await writeAtOnce(relay);
      writing = false;
      await expectAll(written);
      expect((await byId).size).toBeLessThan(written.flat().length);
    });

    /** Many writers, each with its own order. Returns what each has written. */
    async function writeAtOnce(relay: OutboxRelay): Promise<string[][]> {
      const transactions = 40;
      return Promise.all(
        Array.from({ length: 12 }, async (_writer, writer) => {
          const texts: string[] = [];
          for (let index = 0; index < transactions; index++) {
            const [a, b] = [`${writer}:${index}:a`, `${writer}:${index}:b`];
            await inTransaction(pool, async (client) => {
              await outbox.enqueue(client, [row(a, `w${writer}`)]);
              await client.query('SELECT pg_sleep(random() * 0.004)');
              await outbox.enqueue(client, [row(b, `w${writer}`)]);
            });
            texts.push(a, b);
            relay.wake();
          }
          return texts;
        }),
      );
    }

    async function expectAll(written: string[][]): Promise<void> {
      const total = written.flat().length;
      await until(() => published().length >= total);
      expect(new Set(published()).size).toBe(total);
      expect(published()).toHaveLength(total);
      for (const [writer, own] of written.entries())
        expect(published().filter((text) => text.startsWith(`${writer}:`))).toEqual(own);
    }

    /** The obvious relay: remembers the highest id it saw. Ends with one last look after the writers have ended. */
    async function plainIdRelay(writing: () => boolean): Promise<Set<string>> {
      const seen = new Set<string>();
      let last = '0';
      for (let more = true; more;) {
        more = writing();
        const { rows } = await pool.query<{ id: string; payload: Buffer }>(
          'SELECT id::text, payload FROM exchange.outbox WHERE id > $1 ORDER BY id',
          [last],
        );
        for (const { payload } of rows) seen.add(payload.toString());
        last = rows.at(-1)?.id ?? last;
      }
      return seen;
    }

    it('orders transactions as numbers, not as text', async () => {
      for (const tx of ['9', '100', '10'])
        await pool.query(
          `INSERT INTO exchange.outbox (tx, event_id, topic, key, payload) VALUES ($1::text::xid8, $1, $2, 'k', $1::text::bytea)`,
          [tx, TOPIC],
        );
      startRelay({ batchSize: 1 });
      await until(() => published().length === 3);
      expect(published()).toEqual(['9', '10', '100']);
    });

    it('goes on where another one ended, and repeats nothing that was stored as sent', async () => {
      await commit(row('1'));
      const first = startRelay();
      await until(() => published().length === 1);
      await first.stop();
      await commit(row('2'));
      startRelay();
      await until(() => published().length === 2);
      expect(published()).toEqual(['1', '2']);
    });

    it('leaves the work to one relay a schema', async () => {
      const publishing = new Set<string>();
      const logOf = (name: string) => {
        const own = Object.create(log) as InMemoryLog;
        own.publish = (topic: string, records: readonly LogRecord[]) => {
          publishing.add(name);
          return log.publish(topic, records);
        };
        return own;
      };
      const first = startRelay({ log: logOf('first') });
      await commit(row('1'));
      await until(() => published().length === 1);
      startRelay({ log: logOf('second') });
      for (let index = 2; index <= 10; index++) await commit(row(String(index)));
      await until(() => published().length === 10);
      expect([...publishing]).toEqual(['first']);
      await first.stop();
      await commit(row('11'));
      await until(() => published().length === 11);
      expect(publishing.has('second')).toBe(true);
    });

    it('begins again when its connection is cut', async () => {
      startRelay();
      await commit(row('1'));
      await until(() => published().length === 1);
      await pool.query(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
                        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`);
      await commit(row('2'));
      await until(() => published().includes('2'));
    });

    it('publishes again from its stored position what Kafka did not take', async () => {
      let failures = 3;
      const publish = log.publish.bind(log);
      log.publish = async (topic, records) => {
        if (failures-- > 0) throw new Error('broker away');
        await publish(topic, records);
      };
      await commit(row('1'), row('2'));
      startRelay();
      await until(() => published().length === 2);
      expect(published()).toEqual(['1', '2']);
    });

    it('reads from the beginning when its position comes from a cluster with more transactions', async () => {
      await pool.query("UPDATE exchange.outbox_position SET tx = '9000000000000000000' WHERE name = 'relay'");
      await commit(row('after the restore'));
      startRelay();
      await until(() => published().length === 1);
    });

    it('says how long an open transaction holds it back, in the log too, and that it does no more', async () => {
      const lines = jest.spyOn(Logger.prototype, 'error');
      const relay = startRelay({ stalledAfterMs: 20 });
      const open = await pool.connect();
      await open.query('BEGIN; SELECT pg_current_xact_id()');
      expect(await relay.heldBackMs()).toBe(0);
      await commit(row('waits'));
      await until(async () => (await relay.heldBackMs()) > 20);
      await until(() => lines.mock.calls.some(([line]) => /holds it back for \d+ ms/.test(String(line))));
      lines.mockRestore();
      expect(published()).toEqual([]);
      await open.query('ROLLBACK');
      open.release();
      await until(() => published().length === 1);
      await until(async () => (await relay.heldBackMs()) === 0);
    });

    it('is not held back by a broker that is away', async () => {
      log.publish = () => Promise.reject(new Error('broker away'));
      const relay = startRelay();
      await commit(row('waits'));
      await until(async () => (await relay.oldestUnsentAgeMs()) > 0);
      expect(await relay.heldBackMs()).toBe(0);
    });

    describe('beside a transaction that stays open in another database of the cluster', () => {
      let elsewhere: TestDatabase;
      let foreign: pg.Client;

      beforeEach(async () => {
        elsewhere = await createTestDatabase();
        foreign = new pg.Client({ connectionString: elsewhere.url });
        await foreign.connect();
        await foreign.query('BEGIN; SELECT pg_current_xact_id()');
      });
      afterEach(async () => {
        await foreign.end();
        await elsewhere.drop();
      });

      it('goes on publishing, in order', async () => {
        const relay = startRelay();
        for (const text of ['1', '2', '3']) await commit(row(text));
        const { rows } = await pool.query<{ behind: boolean }>(
          'SELECT bool_and(tx > pg_snapshot_xmin(pg_current_snapshot())) AS behind FROM exchange.outbox',
        );
        expect(rows[0]?.behind).toBe(true);
        await until(() => published().length === 3);
        expect(await relay.heldBackMs()).toBe(0);
        await commit(row('4'));
        await until(() => published().length === 4);
        expect(published()).toEqual(['1', '2', '3', '4']);
      });

      it('is woken by a commit all the same, however far its next look is', async () => {
        const relay = startRelay({ pollMs: 60_000 });
        for (const text of ['1', '2']) {
          await commit(row(text));
          relay.wake();
          await until(() => published().includes(text));
        }
      });

      it('still waits for an older one of its own database, and passes over none of its rows', async () => {
        const relay = startRelay();
        const older = await pool.connect();
        await older.query('BEGIN; SELECT pg_current_xact_id()');
        await commit(row('younger'));
        await until(async () => (await relay.heldBackMs()) > 1_000);
        expect(published()).toEqual([]);
        await outbox.enqueue(older, [row('older')]);
        await older.query('COMMIT');
        older.release();
        await until(() => published().length === 2);
        expect(published()).toEqual(['older', 'younger']);
      });

      it('loses and doubles nothing of many concurrent writers', async () => {
        await expectAll(await writeAtOnce(startRelay()));
      });
    });

    it('tells the age of the oldest row that is not published', async () => {
      const relay = new OutboxRelay({ pool, schema: 'exchange', log });
      expect(await relay.oldestUnsentAgeMs()).toBe(0);
      await commit(row('1'));
      await until(async () => (await relay.oldestUnsentAgeMs()) > 0);
      startRelay();
      await until(async () => (await relay.oldestUnsentAgeMs()) === 0);
    });
  });

  it.each([
    'UPDATE exchange.outbox SET key = key',
    'TRUNCATE exchange.outbox',
    'UPDATE exchange.outbox_logged SET leaf_index = 0',
  ])('refuses to change: %s', async (statement) => {
    await commit(row('1'));
    await expect(pool.query(statement)).rejects.toMatchObject({ code: '42501' });
  });

  it('refuses the same event twice', async () => {
    const fact = row('1');
    await commit(fact);
    await expect(commit(fact)).rejects.toMatchObject({ code: '23505' });
  });

  describe('reconciliation', () => {
    const reconciler = (options: { resendAfterMs?: number; resendAtOnce?: number; retentionMs?: number } = {}) =>
      new OutboxReconciler({ pool, schema: 'exchange', log, loggedTopics: [TOPIC], resendAfterMs: 0, ...options });

    async function commitAndPublish(...rows: OutboxRow[]): Promise<void> {
      const relay = startRelay();
      const before = published().length;
      await commit(...rows);
      await until(() => published().length === before + rows.filter(({ topic }) => topic === TOPIC).length);
      await until(async () => (await relay.oldestUnsentAgeMs()) === 0);
      await relay.stop();
    }

    it('publishes again what audit has not confirmed, and nothing that is not published yet', async () => {
      const [a, b] = [row('a'), row('b')];
      await commitAndPublish(a, b);
      await commit(row('not published'));
      const confirmed = await inTransaction(pool, (client) =>
        reconciler().markLogged(client, [{ eventId: a.eventId, leafIndex: 7n }]),
      );
      expect(confirmed).toEqual([a.eventId]);
      expect(await reconciler({ resendAfterMs: 3_600_000 }).resend()).toBe(0);
      expect(await reconciler().resend()).toBe(1);
      expect(published()).toEqual(['a', 'b', 'b']);
    });

    it('gives each its turn, however many never get a leaf', async () => {
      await commitAndPublish(row('never 1'), row('never 2'), row('never 3'));
      const narrow = reconciler({ resendAtOnce: 2 });
      await narrow.resend();
      await commitAndPublish(row('new'));
      await narrow.resend();
      expect(published().slice(-2)).toEqual(['never 1', 'never 3']);
      await narrow.resend();
      expect(published().slice(-2)).toEqual(['never 2', 'new']);
    });

    it('waits twice as long after each attempt, an hour at most', async () => {
      await commitAndPublish(row('never'));
      const minutesAfter = async (attempts: number): Promise<number> => {
        await pool.query('UPDATE exchange.outbox_unlogged SET attempts = $1, next_at = now()', [attempts]);
        expect(await reconciler({ resendAfterMs: 60_000 }).resend()).toBe(1);
        expect(await reconciler({ resendAfterMs: 60_000 }).resend()).toBe(0);
        const { rows } = await pool.query<{ minutes: number }>(
          'SELECT extract(epoch FROM next_at - now())::float8 / 60 AS minutes FROM exchange.outbox_unlogged',
        );
        return Math.round(rows[0]!.minutes);
      };
      await reconciler().resend();
      expect([await minutesAfter(0), await minutesAfter(1), await minutesAfter(2)]).toEqual([2, 4, 8]);
      expect(await minutesAfter(5_000)).toBe(60);
    });

    it('is not held up by what never gets a leaf: it goes on a list, and off it when it is confirmed', async () => {
      const [never, after] = [row('never'), row('after')];
      await commitAndPublish(never, after);
      await reconciler().markLogged(pool, [{ eventId: after.eventId, leafIndex: 1n }]);
      await reconciler().resend();
      expect(await reached()).toBe(after.eventId);
      expect(await listed()).toEqual([never.eventId]);
      await reconciler().markLogged(pool, [{ eventId: never.eventId, leafIndex: 2n }]);
      expect(await reconciler().resend()).toBe(0);
      expect(await listed()).toEqual([]);
    });

    async function listed(): Promise<string[]> {
      const { rows } = await pool.query<{ event_id: string }>('SELECT event_id FROM exchange.outbox_unlogged');
      return rows.map(({ event_id }) => event_id);
    }

    /** Up to which event all are confirmed or on the list. */
    async function reached(): Promise<string | undefined> {
      const { rows } = await pool.query<{ event_id: string }>(
        `SELECT event_id FROM exchange.outbox JOIN exchange.outbox_position p USING (tx, id) WHERE p.name = 'reconciled'`,
      );
      return rows[0]?.event_id;
    }

    it('passes over the events of others and what was confirmed before', async () => {
      const a = row('a');
      await commitAndPublish(a);
      const logged = [
        { eventId: a.eventId, leafIndex: 7n },
        { eventId: newEventId(), leafIndex: 8n },
      ];
      expect(await reconciler().markLogged(pool, logged)).toEqual([a.eventId]);
      expect(await reconciler().markLogged(pool, logged)).toEqual([]);
    });

    it('looks for none of its events among those that came by topics of others', async () => {
      const a = row('a');
      await commitAndPublish(a);
      const entry = { eventId: a.eventId, leafIndex: 7n };
      expect(reconciler().concerns({ topic: 'consent.events.v1' })).toBe(false);
      expect(await reconciler().markLogged(pool, [{ ...entry, topic: 'consent.events.v1' }])).toEqual([]);
      expect(await reconciler().markLogged(pool, [{ ...entry, topic: a.topic }])).toEqual([a.eventId]);
    });

    it('publishes an unconfirmed event again as it was', async () => {
      const [a, b] = [row('a'), row('b')];
      await commitAndPublish(a, b);
      await reconciler().markLogged(pool, [{ eventId: a.eventId, leafIndex: 7n }]);
      const patient = reconciler({ resendAfterMs: 1 });
      await until(async () => (await patient.resend()) === 1);
      expect(published()).toEqual(['a', 'b', 'b']);
    });

    it('begins each look where everything before is confirmed', async () => {
      const [a, b, c] = [row('a'), row('b'), row('c')];
      await commitAndPublish(a, b, { ...row('of audit itself'), topic: 'audit.events.v1' }, c);
      await reconciler().markLogged(pool, [
        { eventId: a.eventId, leafIndex: 1n },
        { eventId: c.eventId, leafIndex: 2n },
      ]);
      const running = new OutboxReconciler({
        pool,
        schema: 'exchange',
        log,
        loggedTopics: [TOPIC],
        resendAfterMs: 3_600_000,
        everyMs: 5,
      });
      running.start();
      await until(async () => (await reached()) === a.eventId);
      await running.markLogged(pool, [{ eventId: b.eventId, leafIndex: 3n }]);
      await until(async () => (await reached()) === c.eventId);
      await running.stop();
      expect(await listed()).toEqual([]);
    });

    it('purges what is confirmed and older than the retention, and keeps the rest', async () => {
      const [old, late, unconfirmed, young] = [row('old'), row('confirmed late'), row('unconfirmed'), row('young')];
      const ofAudit = { ...row('of audit itself'), topic: 'audit.events.v1' };
      await commitAndPublish(old, late, unconfirmed, ofAudit);
      // Rows do not change, so those of last month are put in as such.
      await pool.query('ALTER TABLE exchange.outbox DISABLE TRIGGER outbox_append_only');
      await pool.query("UPDATE exchange.outbox SET created_at = now() - interval '30 days'");
      await pool.query('ALTER TABLE exchange.outbox ENABLE TRIGGER outbox_append_only');
      await commitAndPublish(young);
      await pool.query({
        text: `INSERT INTO exchange.outbox_logged (event_id, leaf_index, logged_at) VALUES ($1, 1, now() - interval '29 days')`,
        values: [old.eventId],
      });
      await reconciler().markLogged(
        pool,
        [late, young].map(({ eventId }) => ({ eventId, leafIndex: 1n })),
      );
      expect(await reconciler().purge(1_000)).toBe(2);
      const { rows } = await pool.query<{ event_id: string }>('SELECT event_id FROM exchange.outbox ORDER BY tx, id');
      expect(rows.map(({ event_id }) => event_id)).toEqual([late, unconfirmed, young].map(({ eventId }) => eventId));
      const { rows: logged } = await pool.query<{ event_id: string }>('SELECT event_id FROM exchange.outbox_logged');
      expect(logged.map(({ event_id }) => event_id).sort()).toEqual([late, young].map(({ eventId }) => eventId).sort());
    });
  });
});
