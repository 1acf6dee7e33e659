import { Logger } from '@nestjs/common';
import type { Pool, PoolClient, QueryConfig } from 'pg';
import type { MessageLog } from '../log/message-log.js';
import { schemaName } from '../sql/schema-name.js';
import { failureCode } from '../sql/transient-failure.js';
import { type Cursor, type StoredRow, cursorOf, publishRows } from './stored-row.js';

export interface OutboxRelayOptions {
  readonly pool: Pool;
  readonly schema: string;
  readonly log: MessageLog;
  /** First pause between two looks without being woken; it doubles while nothing comes, up to half a second. Default 30 ms. */
  readonly pollMs?: number;
  /** Rows of one look. Default 200. */
  readonly batchSize?: number;
  /** A line in the log says so when committed rows cannot be read for so long. Default 10 000 ms. */
  readonly stalledAfterMs?: number;
  /** How long to wait after a failure, and before asking again for the lock that another relay has. Default 500 ms. */
  readonly pauseMs?: number;
}

const AGE_CACHE_MS = 250;
/**
 * What is enqueued in this process wakes the relay, and only rows behind an open transaction or of another process are found
 * by looking: those wait about as long again as they have waited (docs/decisions/0019).
 */
const LONGEST_POLL_MS = 500;
/** A relay that has found nothing for so long asks which of the open transactions could write to its outbox at all. */
const HELD_BACK_MS = 250;

/**
 * Publishes the outbox in order, at least once. It reads by transaction id, not by identity: identities are taken before
 * the commit, so `id > last` passes over rows that become visible later (design 4: 30 % lost with concurrent writers).
 * A row is read when every transaction that began before its own has ended; those of the cluster's other databases hold
 * it back for a moment only (docs/decisions/0040). One relay a schema, by an advisory lock held on the connection that
 * reads, so it is gone when the connection is.
 */
export class OutboxRelay {
  private readonly logger = new Logger(OutboxRelay.name);
  private readonly sql: ReturnType<typeof statements>;
  private readonly pollMs: number;
  private readonly batchSize: number;
  private readonly pauseMs: number;
  private running: Promise<void> | undefined;
  private stopping = false;
  private woken = false;
  private watchedAt = Date.now();
  private wakeUp: (() => void) | undefined;
  private age: { readonly at: number; readonly value: Promise<number> } | undefined;

  constructor(private readonly options: OutboxRelayOptions) {
    this.sql = statements(schemaName(options.schema));
    this.pollMs = options.pollMs ?? 30;
    this.batchSize = options.batchSize ?? 200;
    this.pauseMs = options.pauseMs ?? 500;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Ends after the batch under way. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.wake();
    await this.running;
  }

  /** To be called after a commit that enqueued: saves the wait for the next look. */
  wake(): void {
    this.woken = true;
    this.wakeUp?.();
  }

  /**
   * Age of the oldest row not yet published, 0 when there is none; looked up four times a second at most. Answer 503 with
   * Retry-After when it is too high. It also grows when a long transaction in this database holds back the reading.
   */
  oldestUnsentAgeMs(): Promise<number> {
    const now = Date.now();
    if (!this.age || now - this.age.at > AGE_CACHE_MS) this.age = { at: now, value: this.readAge() };
    return this.age.value;
  }

  /**
   * For how long the oldest committed row has been unreadable, because an older transaction of this database is open; 0 where none
   * is. Of the database, whichever instance has the relay's lock.
   */
  async heldBackMs(): Promise<number> {
    const { rows } = await this.options.pool.query<{ age_ms: number }>(this.sql.heldBack);
    return rows[0]?.age_ms ?? 0;
  }

  private async readAge(): Promise<number> {
    const { rows } = await this.options.pool.query<{ age_ms: number }>(this.sql.age);
    return rows[0]?.age_ms ?? 0;
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        await this.withLock((client) => this.relay(client));
      } catch (error) {
        this.logger.warn(`relay of ${this.options.schema} begins again after ${failureCode(error)}`);
      }
      if (!this.stopping) await this.waitFor(this.pauseMs);
    }
  }

  /** Returns at once when another relay has the lock. */
  private async withLock(work: (client: PoolClient) => Promise<void>): Promise<void> {
    const client = await this.options.pool.connect();
    let failure: Error | undefined;
    const onError = (error: Error): void => {
      failure = error;
      this.wake();
    };
    client.on('error', onError);
    try {
      const { rows } = await client.query<{ locked: boolean }>(this.sql.lock);
      if (!rows[0]?.locked) return;
      try {
        await work(client);
      } finally {
        await client.query(this.sql.unlock);
      }
    } catch (error) {
      failure ??= error instanceof Error ? error : new Error('relay failed');
      throw error;
    } finally {
      client.off('error', onError);
      // After a failure the connection may still hold the lock, so it is closed, which frees it.
      client.release(failure);
    }
  }

  private async relay(client: PoolClient): Promise<void> {
    let cursor = await this.firstCursor(client);
    let pollMs = this.pollMs;
    let foundAt = Date.now();
    // Woken and found nothing: what there is may be held back for a moment.
    let wokenInVain = false;
    let rows = await this.look(client, this.sql.read, cursor);
    while (!this.stopping) {
      const last = rows.at(-1);
      if (last) {
        pollMs = this.pollMs;
        await publishRows(this.options.log, rows);
        cursor = cursorOf(last);
        // Storing how far we are is the next look: half the statements while there is something to do.
        rows = await this.look(client, this.sql.moveAndRead, cursor);
        if (rows.length > 0) foundAt = Date.now();
        continue;
      }
      await this.watchForStall();
      if (!this.woken) await this.waitFor(wokenInVain ? Math.min(pollMs, HELD_BACK_MS) : pollMs);
      const { woken } = this;
      pollMs = this.woken ? this.pollMs : Math.max(this.pollMs, Math.min(2 * pollMs, LONGEST_POLL_MS));
      const heldBack = Date.now() - foundAt >= HELD_BACK_MS;
      rows = await this.look(client, heldBack ? this.sql.readPastOthers : this.sql.read, cursor);
      if (rows.length > 0 && !heldBack) foundAt = Date.now();
      wokenInVain = woken && rows.length === 0;
    }
  }

  private async look(client: PoolClient, statement: QueryConfig, { tx, id }: Cursor): Promise<StoredRow[]> {
    this.woken = false;
    return (await client.query<StoredRow>({ ...statement, values: [tx, id, this.batchSize] })).rows;
  }

  /** Rows behind an open transaction are not read yet: one that never ends stops every outbox of its database. */
  private async watchForStall(): Promise<void> {
    const limit = this.options.stalledAfterMs ?? 10_000;
    if (Date.now() - this.watchedAt < limit / 2) return;
    this.watchedAt = Date.now();
    const age = await this.heldBackMs();
    if (age < limit) return;
    this.logger.error(`outbox of ${this.options.schema}: an open transaction holds it back for ${Math.round(age)} ms`);
  }

  private async firstCursor(client: PoolClient): Promise<Cursor> {
    const { rows } = await client.query<{ tx_text: string; id_text: string; foreign_cluster: boolean }>(
      this.sql.position,
    );
    const position = rows[0];
    if (!position) throw new Error(`${this.options.schema}.outbox_position has no row for the relay`);
    if (position.foreign_cluster) {
      // Transaction ids began anew (a dump restored into a new cluster): from the old position nothing would ever be read.
      this.logger.error(`outbox position of ${this.options.schema} lies in the future: reading from the beginning`);
      return { tx: '0', id: '0' };
    }
    return { tx: position.tx_text, id: position.id_text };
  }

  private async waitFor(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wakeUp = undefined;
  }
}

/** Before the oldest transaction that is open anywhere in the cluster: read from the snapshot alone. */
const beforeAnybody = 'pg_snapshot_xmin(pg_current_snapshot())';

/**
 * Before the oldest open transaction that could write here, which are all except those that PostgreSQL shows at work in
 * another database. Sound only in a statement that is a transaction of its own: its snapshot is then older than what
 * pg_stat_activity shows.
 */
const beforeOwn = `coalesce(
             (SELECT open.tx FROM pg_snapshot_xip(pg_current_snapshot()) AS open (tx)
              WHERE NOT EXISTS (SELECT FROM pg_stat_activity
                                WHERE backend_xid = open.tx::xid AND datname <> current_database())
              ORDER BY open.tx LIMIT 1),
             pg_snapshot_xmax(pg_current_snapshot()))`;

const readRows = (schema: string, horizon = beforeAnybody): string => `
           SELECT tx::text AS tx_text, id::text AS id_text, event_id, topic, key, payload, created_at
           FROM ${schema}.outbox
           WHERE (tx, id) > ($1::xid8, $2::bigint) AND tx < ${horizon}
           ORDER BY tx, id
           LIMIT $3`;

/** Of the rows not yet published. Conditions may follow. */
const ageOfOldest = (schema: string): string => `
           SELECT greatest(0, extract(epoch FROM clock_timestamp() - unsent.created_at) * 1000)::float8 AS age_ms
           FROM ${schema}.outbox_position position
           CROSS JOIN LATERAL (
             SELECT tx, created_at FROM ${schema}.outbox
             WHERE (tx, id) > (position.tx, position.id) ORDER BY tx, id LIMIT 1
           ) AS unsent
           WHERE position.name = 'relay'`;

const statements = (schema: string) => ({
  lock: {
    text: `SELECT pg_try_advisory_lock(hashtextextended('${schema}.outbox', 0)) AS locked`,
  },
  unlock: { text: `SELECT pg_advisory_unlock(hashtextextended('${schema}.outbox', 0))` },
  position: {
    text: `SELECT tx::text AS tx_text, id::text AS id_text,
                  tx >= pg_snapshot_xmax(pg_current_snapshot()) AS foreign_cluster
           FROM ${schema}.outbox_position WHERE name = 'relay'`,
  },
  read: {
    name: `${schema}.outbox-read`,
    text: readRows(schema),
  },
  readPastOthers: {
    name: `${schema}.outbox-read-past-others`,
    text: readRows(schema, beforeOwn),
  },
  moveAndRead: {
    name: `${schema}.outbox-move-and-read`,
    text: `WITH moved AS (
             UPDATE ${schema}.outbox_position SET tx = $1::xid8, id = $2::bigint, moved_at = clock_timestamp()
             WHERE name = 'relay'
           )
           ${readRows(schema)}`,
  },
  age: {
    name: `${schema}.outbox-age`,
    text: ageOfOldest(schema),
  },
  heldBack: {
    name: `${schema}.outbox-held-back`,
    text: `${ageOfOldest(schema)} AND unsent.tx >= ${beforeOwn}`,
  },
});
