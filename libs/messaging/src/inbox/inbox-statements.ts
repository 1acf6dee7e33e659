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
      text: `INSERT INTO ${s}.quarantine (consumer, topic, partition, kafka_offset, key, value, headers, sent_at, failure)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
    },
    /** Locked, so that of two retries at once the later one sees what the earlier did. */
    quarantined: {
      name: `${s}.quarantined`,
      text: `SELECT topic, partition, kafka_offset::text, key, value, headers, coalesce(sent_at, quarantined_at) AS sent_at,
                    event_id, known, taken_at, discarded_at,
                    quarantined_at < clock_timestamp() - $3::float8 * interval '1 millisecond' AS late
             FROM ${s}.quarantine WHERE id = $1 AND consumer = $2 FOR UPDATE`,
    },
    takeAgain: {
      name: `${s}.quarantine-take-again`,
      text: `INSERT INTO ${s}.inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
    },
    quarantineTaken: {
      name: `${s}.quarantine-taken`,
      text: `UPDATE ${s}.quarantine SET retries = retries + 1, retried_at = clock_timestamp(), taken_at = clock_timestamp(),
                    event_id = $2, known = $3 WHERE id = $1`,
    },
    quarantineRefused: {
      name: `${s}.quarantine-refused`,
      text: `UPDATE ${s}.quarantine SET retries = retries + 1, retried_at = clock_timestamp(), failure = $2 WHERE id = $1`,
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
                    attempts, deferrals, last_failure, held_at, parked_at, next_attempt_at <= clock_timestamp() AS due
             FROM ${s}.held
             WHERE id = (SELECT min(id) FROM ${s}.held WHERE consumer = $1 AND exchange_id = $2)
             FOR UPDATE`,
    },
    release: { name: `${s}.held-release`, text: `DELETE FROM ${s}.held WHERE id = $1` },
    postpone: {
      name: `${s}.held-postpone`,
      text: `UPDATE ${s}.held
             SET attempts = $2, last_failure = $3, deferrals = 0,
                 next_attempt_at = clock_timestamp() + $4::float8 * interval '1 millisecond',
                 parked_at = CASE WHEN $5::boolean THEN clock_timestamp() END
             WHERE id = $1`,
    },
    putOff: {
      name: `${s}.held-put-off`,
      text: `UPDATE ${s}.held
             SET deferrals = deferrals + 1, last_failure = $2,
                 next_attempt_at = clock_timestamp() + $3::float8 * interval '1 millisecond'
             WHERE id = $1`,
    },
    heldEvent: {
      name: `${s}.held-event`,
      text: `SELECT last_failure AS failure FROM ${s}.held WHERE consumer = $1 AND event_id = $2`,
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
             FROM ${s}.quarantine WHERE ${open} GROUP BY consumer
             ORDER BY 1, 2`,
    },
    /** What it says stays where it is: of each record its hash alone. */
    listSetAside: {
      text: `SELECT 'parked' AS place, id::text, consumer, topic, partition, kafka_offset::text AS "offset",
                    parked_at AS "setAsideAt", coalesce(last_failure, 'UNKNOWN') AS code,
                    ${hashOf('value')} AS hash, attempts AS retries, NULL::timestamptz AS "takenAt",
                    NULL::timestamptz AS "discardedAt", '' AS "discardedBy", '' AS reason
             FROM ${s}.held WHERE parked_at IS NOT NULL
             UNION ALL
             SELECT 'quarantine', id::text, consumer, topic, partition, kafka_offset::text, quarantined_at, failure,
                    ${hashOf('value')}, retries, taken_at, discarded_at, coalesce(discarded_by, ''), coalesce(discard_reason, '')
             FROM ${s}.quarantine WHERE ${open} OR $1::boolean
             UNION ALL
             SELECT 'parked', id::text, consumer, topic, coalesce(partition, 0), coalesce(kafka_offset::text, ''),
                    coalesce(parked_at, discarded_at), coalesce(last_failure, 'UNKNOWN'), ${hashOf('value')}, 0, NULL,
                    discarded_at, coalesce(discarded_by, ''), reason
             FROM ${s}.discarded WHERE $1::boolean
             ORDER BY "setAsideAt", 1, 2 LIMIT $2`,
    },
    /** Locked: what a retry does at the same time comes before or after. */
    quarantinedToDiscard: {
      text: `SELECT consumer, topic, partition, kafka_offset::text AS "offset", quarantined_at AS "setAsideAt", failure AS code,
                    ${hashOf('value')} AS hash, taken_at IS NOT NULL AS taken, discarded_at IS NOT NULL AS discarded
             FROM ${s}.quarantine WHERE id = $1 FOR UPDATE`,
    },
    discardQuarantined: {
      text: `UPDATE ${s}.quarantine SET discarded_at = $2, discarded_by = $3, discard_reason = $4 WHERE id = $1`,
    },
    /** The same of a parked one, which is gone from the queue once it is discarded. */
    parkedToDiscard: {
      text: `SELECT consumer, topic, partition, kafka_offset::text AS "offset", parked_at AS "setAsideAt",
                    coalesce(last_failure, 'UNKNOWN') AS code, ${hashOf('value')} AS hash, false AS taken, false AS discarded
             FROM ${s}.held WHERE id = $1 AND parked_at IS NOT NULL FOR UPDATE`,
    },
    discardedBefore: {
      text: `SELECT ${hashOf('value')} AS hash, false AS taken, true AS discarded FROM ${s}.discarded WHERE id = $1`,
    },
    retryHeld: {
      text: `UPDATE ${s}.held SET parked_at = NULL, attempts = 0, deferrals = 0, next_attempt_at = clock_timestamp()
             WHERE id = $1 RETURNING consumer, exchange_id AS "exchangeId", event_id AS "eventId"`,
    },
    quarantineConsumer: { text: `SELECT consumer FROM ${s}.quarantine WHERE id = $1` },
    retryParked: {
      text: `UPDATE ${s}.held SET parked_at = NULL, attempts = 0, deferrals = 0, next_attempt_at = clock_timestamp()
             WHERE id = $1 AND parked_at IS NOT NULL`,
    },
    discardParked: {
      text: `WITH gone AS (
               DELETE FROM ${s}.held WHERE id = $1 AND parked_at IS NOT NULL
               RETURNING id, consumer, exchange_id, event_id, topic, partition, kafka_offset, key, value, headers, sent_at,
                         attempts, last_failure, held_at, parked_at
             ), kept AS (
               INSERT INTO ${s}.discarded (id, consumer, exchange_id, event_id, topic, partition, kafka_offset, key, value,
                                           last_failure, parked_at, reason, discarded_by)
               SELECT id, consumer, exchange_id, event_id, topic, partition, kafka_offset, key, value,
                      last_failure, parked_at, $2, $3 FROM gone
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

/** Of what lies in quarantine: what has not ended. */
const open = 'taken_at IS NULL AND discarded_at IS NULL';

/** As `sha256` of the kernel writes it. */
const hashOf = (column: string): string => `rtrim(translate(encode(sha256(${column}), 'base64'), '+/', '-_'), '=')`;

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
  readonly deferrals: number;
  readonly last_failure: string | null;
  readonly held_at: Date;
  readonly parked_at: Date | null;
}
