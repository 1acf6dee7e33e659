import { Logger } from '@nestjs/common';
import type { EventId } from '#kernel';
import type { Pool } from 'pg';
import type { MessageLog } from '../log/message-log.js';
import { schemaName } from '../sql/schema-name.js';
import type { Queryable } from '../sql/transaction.js';
import { failureCode } from '../sql/transient-failure.js';
import { type StoredRow, publishRows } from './stored-row.js';

const DAY_MS = 24 * 60 * 60 * 1000;

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

/** A published event that audit has not confirmed. */
export interface UnloggedEvent {
  readonly eventId: EventId;
  readonly topic: string;
  readonly key: string;
  readonly createdAt: Date;
}

export interface OutboxReconcilerOptions {
  readonly pool: Pool;
  readonly schema: string;
  readonly log: MessageLog;
  /** Topics of which audit confirms every event; others count as done when they are published. */
  readonly loggedTopics: readonly string[];
  /** Without confirmation for so long, an event is published again. Default 60 000 ms. */
  readonly resendAfterMs?: number;
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
  private readonly resent = new Map<string, number>();
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

  /** Published events older than so many milliseconds that audit has not confirmed, oldest first. */
  async unlogged(olderThanMs: number, limit = 500): Promise<UnloggedEvent[]> {
    return (await this.unloggedRows(olderThanMs, limit)).map(({ event_id, topic, key, created_at }) => ({
      eventId: event_id as EventId,
      topic,
      key,
      createdAt: created_at,
    }));
  }

  /** Publishes again what has waited too long, each event once per waiting time. Returns how many. */
  async resend(): Promise<number> {
    const now = Date.now();
    const rows = (await this.unloggedRows(this.resendAfterMs, 500)).filter(
      ({ event_id }) => now - (this.resent.get(event_id) ?? 0) >= this.resendAfterMs,
    );
    if (rows.length === 0) return 0;
    this.logger.warn(`${rows.length} events of ${this.options.schema} are not in the log: published again`);
    await publishRows(this.options.log, rows);
    for (const { event_id } of rows) this.resent.set(event_id, now);
    for (const [eventId, at] of this.resent) if (now - at > 10 * this.resendAfterMs) this.resent.delete(eventId);
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
      await this.options.pool.query({ ...this.sql.advance, values: [this.options.loggedTopics] });
      await this.resend();
      await this.purge();
    } catch (error) {
      this.logger.warn(`reconciliation of ${this.options.schema} is tried again after ${failureCode(error)}`);
    }
  }

  private async unloggedRows(olderThanMs: number, limit: number): Promise<StoredRow[]> {
    const { rows } = await this.options.pool.query<StoredRow>({
      ...this.sql.unlogged,
      values: [this.options.loggedTopics, olderThanMs, limit],
    });
    return rows;
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
  // Up to `reconciled` everything is confirmed, so that each look begins where the last one had no gap.
  unlogged: {
    name: `${schema}.outbox-unlogged`,
    text: `SELECT outbox.tx::text AS tx_text, outbox.id::text AS id_text, outbox.event_id, topic, key, payload, created_at
           FROM ${schema}.outbox
           WHERE (outbox.tx, outbox.id) > (SELECT tx, id FROM ${schema}.outbox_position WHERE name = 'reconciled')
             AND (outbox.tx, outbox.id) <= (SELECT tx, id FROM ${schema}.outbox_position WHERE name = 'relay')
             AND topic = ANY($1::text[])
             AND created_at < clock_timestamp() - $2::float8 * interval '1 millisecond'
             AND NOT EXISTS (SELECT 1 FROM ${schema}.outbox_logged WHERE outbox_logged.event_id = outbox.event_id)
           ORDER BY outbox.tx, outbox.id
           LIMIT $3`,
  },
  advance: {
    name: `${schema}.outbox-advance`,
    text: `WITH ahead AS (
             SELECT outbox.tx, outbox.id,
                    NOT (topic = ANY($1::text[])) OR logged.event_id IS NOT NULL AS done
             FROM ${schema}.outbox LEFT JOIN ${schema}.outbox_logged logged USING (event_id)
             WHERE (outbox.tx, outbox.id) > (SELECT tx, id FROM ${schema}.outbox_position WHERE name = 'reconciled')
               AND (outbox.tx, outbox.id) <= (SELECT tx, id FROM ${schema}.outbox_position WHERE name = 'relay')
             ORDER BY outbox.tx, outbox.id LIMIT 10000
           ), seen AS (
             SELECT tx, id, bool_and(done) OVER (ORDER BY tx, id) AS all_done FROM ahead
           ), reached AS (
             SELECT tx, id FROM seen WHERE all_done ORDER BY tx DESC, id DESC LIMIT 1
           )
           UPDATE ${schema}.outbox_position SET tx = reached.tx, id = reached.id, moved_at = clock_timestamp()
           FROM reached WHERE name = 'reconciled'`,
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
