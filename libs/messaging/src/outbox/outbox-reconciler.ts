import { Logger } from '@nestjs/common';
import type { Pool } from 'pg';
import type { MessageLog } from '../log/message-log.js';
import { schemaName } from '../sql/schema-name.js';
import type { Queryable } from '../sql/transaction.js';
import { failureCode } from '../sql/transient-failure.js';
import { type StoredRow, publishRows } from './stored-row.js';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
const LONGEST_PAUSE_MS = HOUR_MS;
/** What audit refuses goes out as seldom as this: it gets its leaf by itself once audit takes such events. */
export const SET_ASIDE_PAUSE_MS = DAY_MS;

/**
 * As long as Kafka keeps a record: by then the transport has forgotten it (design 3, "Erasure"). What is not published or not
 * confirmed stays, however old.
 */
export const OUTBOX_RETENTION_MS = 14 * DAY_MS;

export interface LoggedEvent {
  readonly eventId: string;
  readonly leafIndex: bigint;
  /** By which the event came to audit; empty or absent where that is not told. */
  readonly topic?: string;
}

export interface OutboxReconcilerOptions {
  readonly pool: Pool;
  readonly schema: string;
  readonly log: MessageLog;
  /** Topics of which audit confirms every event; others count as done when they are published. */
  readonly loggedTopics: readonly string[];
  /** Without confirmation for so long, an event is published again; then after twice as long, and so on. Default 60 000 ms. */
  readonly resendAfterMs?: number;
  /** Events of one round. Default 500. */
  readonly resendAtOnce?: number;
  /** Default 10 000 ms. */
  readonly everyMs?: number;
  /** Default OUTBOX_RETENTION_MS. */
  readonly retentionMs?: number;
}

/**
 * Compares the outbox with what audit says it has logged, and publishes again, under the same event id, what is missing:
 * so no loss between here and the log stays unseen, whatever the Kafka client does (design 4). Receivers dedupe.
 */
export class OutboxReconciler {
  private readonly logger = new Logger(OutboxReconciler.name);
  private readonly sql: ReturnType<typeof statements>;
  private readonly resendAfterMs: number;
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> = Promise.resolve();

  constructor(private readonly options: OutboxReconcilerOptions) {
    this.sql = statements(schemaName(options.schema));
    this.resendAfterMs = options.resendAfterMs ?? 60_000;
  }

  start(): void {
    this.timer ??= setInterval(() => {
      this.round = this.round.then(() => this.reconcile());
    }, this.options.everyMs ?? 10_000);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.round;
  }

  /** Whether the event can be one of this outbox. */
  concerns({ topic = '' }: Pick<LoggedEvent, 'topic'>): boolean {
    return topic === '' || this.options.loggedTopics.includes(topic);
  }

  /**
   * To be called in the transaction that takes audit's `Logged` record. Ids of other services' events are passed over.
   * Returns the ids of this outbox that were confirmed for the first time.
   */
  async markLogged(client: Queryable, entries: readonly LoggedEvent[]): Promise<string[]> {
    const logged = entries.filter((entry) => this.concerns(entry));
    if (logged.length === 0) return [];
    const { rows } = await client.query<{ event_id: string }>({
      ...this.sql.markLogged,
      values: [logged.map(({ eventId }) => eventId), logged.map(({ leafIndex }) => leafIndex.toString())],
    });
    return rows.map(({ event_id }) => event_id);
  }

  /**
   * Publishes again what has waited too long. Who is due first comes first, and each attempt doubles an event's own waiting
   * time: those that never get a leaf take ever less from the others. Returns how many.
   */
  async resend(): Promise<number> {
    const { pool, log, loggedTopics, schema, resendAtOnce = 500 } = this.options;
    await pool.query({ ...this.sql.advance, values: [loggedTopics, this.resendAfterMs] });
    await pool.query(this.sql.settle);
    const { rows } = await pool.query<StoredRow>({ ...this.sql.due, values: [resendAtOnce] });
    if (rows.length === 0) return 0;
    this.logger.warn(`${rows.length} events of ${schema} are not in the log: published again`);
    await publishRows(log, rows);
    await pool.query({ ...this.sql.attempted, values: [rows.map(({ event_id }) => event_id), this.resendAfterMs] });
    return rows.length;
  }

  /**
   * Deletes published and confirmed rows older than the retention, batch by batch so that no lock is long. One that was
   * confirmed late stays as long after that, less a day: a leaf that is younger is never without its event (decision 0037).
   * Returns how many.
   */
  async purge(batchSize = 1_000): Promise<number> {
    const retentionMs = this.options.retentionMs ?? OUTBOX_RETENTION_MS;
    let deleted = 0;
    for (;;) {
      const { rows } = await this.options.pool.query<{ deleted: number }>({
        ...this.sql.purge,
        values: [retentionMs, this.options.loggedTopics, batchSize],
      });
      const count = rows[0]?.deleted ?? 0;
      deleted += count;
      if (count === 0) return deleted;
    }
  }

  private async reconcile(): Promise<void> {
    try {
      if (this.options.loggedTopics.length > 0) await this.resend();
      await this.purge();
    } catch (error) {
      this.logger.warn(`reconciliation of ${this.options.schema} is tried again after ${failureCode(error)}`);
    }
  }
}

const statements = (schema: string) => ({
  markLogged: {
    name: `${schema}.outbox-mark-logged`,
    text: `INSERT INTO ${schema}.outbox_logged (event_id, leaf_index)
           SELECT event_id, leaf_index FROM unnest($1::text[], $2::bigint[]) AS logged (event_id, leaf_index)
           WHERE EXISTS (SELECT 1 FROM ${schema}.outbox WHERE outbox.event_id = logged.event_id)
           ON CONFLICT DO NOTHING
           RETURNING event_id`,
  },
  // Up to `reconciled` everything is confirmed or on the list, so that each look begins where the last one ended.
  advance: {
    name: `${schema}.outbox-advance`,
    text: `WITH ahead AS (
             SELECT outbox.tx, outbox.id, outbox.event_id, created_at,
                    NOT (topic = ANY($1::text[])) OR logged.event_id IS NOT NULL AS done,
                    created_at < clock_timestamp() - $2::float8 * interval '1 millisecond' AS waits
             FROM ${schema}.outbox LEFT JOIN ${schema}.outbox_logged logged USING (event_id)
             WHERE (outbox.tx, outbox.id) > (SELECT tx, id FROM ${schema}.outbox_position WHERE name = 'reconciled')
               AND (outbox.tx, outbox.id) <= (SELECT tx, id FROM ${schema}.outbox_position WHERE name = 'relay')
             ORDER BY outbox.tx, outbox.id LIMIT 10000
           ), seen AS (
             SELECT ahead.*, bool_and(done OR waits) OVER (ORDER BY tx, id) AS passed FROM ahead
           ), reached AS (
             SELECT tx, id FROM seen WHERE passed ORDER BY tx DESC, id DESC LIMIT 1
           ), listed AS (
             INSERT INTO ${schema}.outbox_unlogged (event_id, next_at)
             SELECT event_id, created_at + $2::float8 * interval '1 millisecond' FROM seen WHERE passed AND NOT done
             ON CONFLICT DO NOTHING
           )
           UPDATE ${schema}.outbox_position SET tx = reached.tx, id = reached.id, moved_at = clock_timestamp()
           FROM reached WHERE name = 'reconciled'`,
  },
  // Also what was confirmed while it was being put on the list.
  settle: {
    name: `${schema}.outbox-settle`,
    text: `DELETE FROM ${schema}.outbox_unlogged USING ${schema}.outbox_logged
           WHERE outbox_logged.event_id = outbox_unlogged.event_id`,
  },
  due: {
    name: `${schema}.outbox-due`,
    text: `SELECT outbox.tx::text AS tx_text, outbox.id::text AS id_text, outbox.event_id, topic, key, payload, created_at
           FROM (SELECT event_id FROM ${schema}.outbox_unlogged WHERE next_at <= clock_timestamp()
                 ORDER BY next_at, event_id LIMIT $1) AS due
           JOIN ${schema}.outbox USING (event_id)
           ORDER BY outbox.tx, outbox.id`,
  },
  attempted: {
    name: `${schema}.outbox-attempted`,
    text: `UPDATE ${schema}.outbox_unlogged SET attempts = attempts + 1,
             next_at = clock_timestamp() + interval '1 millisecond' * CASE WHEN set_aside_at IS NULL
               THEN least($2::float8 * 2.0 ^ least(attempts + 1, 40), ${LONGEST_PAUSE_MS}) ELSE ${SET_ASIDE_PAUSE_MS} END
           WHERE event_id = ANY($1::text[])`,
  },
  purge: {
    name: `${schema}.outbox-purge`,
    text: `WITH oldest AS (
             SELECT tx, id, event_id, topic, created_at FROM ${schema}.outbox
             WHERE (tx, id) <= (SELECT tx, id FROM ${schema}.outbox_position WHERE name = 'relay')
             ORDER BY tx, id LIMIT $3
           ), gone AS (
             DELETE FROM ${schema}.outbox USING oldest
             WHERE outbox.tx = oldest.tx AND outbox.id = oldest.id
               AND oldest.created_at < clock_timestamp() - $1::float8 * interval '1 millisecond'
               AND (NOT (oldest.topic = ANY($2::text[]))
                    OR EXISTS (SELECT 1 FROM ${schema}.outbox_logged WHERE outbox_logged.event_id = oldest.event_id
                       AND logged_at < clock_timestamp() - ($1::float8 - ${DAY_MS}) * interval '1 millisecond'))
             RETURNING oldest.event_id
           ), forgotten AS (
             DELETE FROM ${schema}.outbox_logged USING gone WHERE outbox_logged.event_id = gone.event_id
           )
           SELECT count(*)::int AS deleted FROM gone`,
  },
});
