import { schemaName } from '../sql/schema-name.js';

/** Named statements of the inbox of one schema. */
export const inboxStatements = (schema: string) => {
  const s = schemaName(schema);
  return {
    /**
     * Moves the offset, which locks its row so that a consumer that lost the partition cannot interleave with its
     * successor, and takes the ids that are new. The old offset comes back for the check for jumps.
     */
    take: {
      name: `${s}.inbox-take`,
      text: `WITH before AS (
               SELECT next_offset FROM ${s}.inbox_offset WHERE consumer = $1 AND topic = $2 AND partition = $3 FOR UPDATE
             ), moved AS (
               INSERT INTO ${s}.inbox_offset (consumer, topic, partition, next_offset) VALUES ($1, $2, $3, $4)
               ON CONFLICT (consumer, topic, partition) DO UPDATE SET next_offset = excluded.next_offset
             ), fresh AS (
               INSERT INTO ${s}.inbox (consumer, event_id) SELECT $1, event_id FROM unnest($5::text[]) AS given (event_id)
               ON CONFLICT DO NOTHING RETURNING event_id
             )
             SELECT (SELECT next_offset::text FROM before) AS before, ARRAY(SELECT event_id FROM fresh) AS fresh`,
    },
    /** A statement of its own, after `take`: only then does it see what a predecessor committed while we waited. */
    blocked: {
      name: `${s}.inbox-blocked`,
      text: `SELECT DISTINCT exchange_id FROM ${s}.held WHERE consumer = $1 AND exchange_id = ANY($2::text[])`,
    },
    hold: {
      name: `${s}.inbox-hold`,
      text: `INSERT INTO ${s}.held (consumer, exchange_id, event_id, topic, partition, kafka_offset, key, value, headers,
                                    sent_at, attempts, last_failure, next_attempt_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
                     clock_timestamp() + $13::float8 * interval '1 millisecond')`,
    },
    quarantine: {
      name: `${s}.inbox-quarantine`,
      text: `INSERT INTO ${s}.quarantine (consumer, topic, partition, kafka_offset, key, value, failure)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    },
    /** Exchanges whose first held message may be tried now. A parked one stays first, so its exchange is not among them. */
    dueExchanges: {
      name: `${s}.held-due`,
      text: `SELECT exchange_id FROM (
               SELECT DISTINCT ON (exchange_id) exchange_id, next_attempt_at, parked_at
               FROM ${s}.held WHERE consumer = $1 ORDER BY exchange_id, id
             ) AS first
             WHERE parked_at IS NULL AND next_attempt_at <= clock_timestamp()
             ORDER BY next_attempt_at LIMIT $2`,
    },
    /**
     * The first message of an exchange, locked. It waits for another worker's lock instead of skipping the row, which
     * would take the second message before the first; a row deleted meanwhile gives none.
     */
    firstHeld: {
      name: `${s}.held-first`,
      text: `SELECT id::text, exchange_id, event_id, topic, partition, kafka_offset::text, key, value, headers, sent_at,
                    attempts, last_failure, held_at, parked_at, next_attempt_at <= clock_timestamp() AS due
             FROM ${s}.held
             WHERE id = (SELECT min(id) FROM ${s}.held WHERE consumer = $1 AND exchange_id = $2)
             FOR UPDATE`,
    },
    release: { name: `${s}.held-release`, text: `DELETE FROM ${s}.held WHERE id = $1` },
    postpone: {
      name: `${s}.held-postpone`,
      text: `UPDATE ${s}.held
             SET attempts = $2, last_failure = $3,
                 next_attempt_at = clock_timestamp() + $4::float8 * interval '1 millisecond',
                 parked_at = CASE WHEN $5::boolean THEN clock_timestamp() END
             WHERE id = $1`,
    },
    waiting: {
      name: `${s}.held-waiting`,
      text: `SELECT count(*)::int AS waiting FROM ${s}.held WHERE consumer = $1`,
    },
    listParked: {
      text: `SELECT held.id::text, consumer, exchange_id, event_id, topic, attempts, last_failure, held_at, parked_at,
                    (SELECT count(*)::int FROM ${s}.held behind
                     WHERE behind.consumer = held.consumer AND behind.exchange_id = held.exchange_id
                       AND behind.id > held.id) AS behind
             FROM ${s}.held WHERE parked_at IS NOT NULL ORDER BY held.id LIMIT $1`,
    },
    setAside: {
      name: `${s}.set-aside`,
      text: `SELECT consumer, 'parked' AS place, count(*)::int AS count,
                    (count(*) FILTER (WHERE parked_at > clock_timestamp() - interval '1 day'))::int AS lately
             FROM ${s}.held WHERE parked_at IS NOT NULL GROUP BY consumer
             UNION ALL
             SELECT consumer, 'quarantine', count(*)::int,
                    (count(*) FILTER (WHERE quarantined_at > clock_timestamp() - interval '1 day'))::int
             FROM ${s}.quarantine GROUP BY consumer
             ORDER BY 1, 2`,
    },
    retryParked: {
      text: `UPDATE ${s}.held SET parked_at = NULL, attempts = 0, next_attempt_at = clock_timestamp()
             WHERE id = $1 AND parked_at IS NOT NULL`,
    },
    discardParked: {
      text: `WITH gone AS (
               DELETE FROM ${s}.held WHERE id = $1 AND parked_at IS NOT NULL
               RETURNING id, consumer, exchange_id, event_id, topic, partition, kafka_offset, key, value, headers, sent_at,
                         attempts, last_failure, held_at, parked_at
             ), kept AS (
               INSERT INTO ${s}.discarded (id, consumer, exchange_id, event_id, topic, key, value, last_failure, reason)
               SELECT id, consumer, exchange_id, event_id, topic, key, value, last_failure, $2 FROM gone
             )
             SELECT id::text, consumer, exchange_id, event_id, topic, partition, kafka_offset::text, key, value, headers,
                    sent_at, attempts, last_failure, held_at, parked_at FROM gone`,
    },
    purge: {
      text: `WITH gone AS (
               DELETE FROM ${s}.inbox WHERE ctid = ANY(ARRAY(
                 SELECT ctid FROM ${s}.inbox
                 WHERE received_at < clock_timestamp() - $1::float8 * interval '1 millisecond'
                   AND NOT EXISTS (SELECT 1 FROM ${s}.held
                                   WHERE held.consumer = inbox.consumer AND held.event_id = inbox.event_id)
                 LIMIT $2))
               RETURNING 1
             )
             SELECT count(*)::int AS deleted FROM gone`,
    },
  };
};

export type InboxStatements = ReturnType<typeof inboxStatements>;

export interface HeldRow {
  readonly id: string;
  readonly exchange_id: string;
  readonly event_id: string;
  readonly topic: string;
  readonly partition: number;
  readonly kafka_offset: string;
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Record<string, string>;
  readonly sent_at: Date;
  readonly attempts: number;
  readonly last_failure: string | null;
  readonly held_at: Date;
  readonly parked_at: Date | null;
}
