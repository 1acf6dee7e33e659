import type { Discard, LogMessage, SetAsideRecord } from '#messaging';
import type { Queryable } from '#platform';
import { auditSchema as s } from './schema.js';

/** Of what lies in quarantine: what has not ended. */
const open = 'taken_at IS NULL AND discarded_at IS NULL';

/** What could not be read as a fact, raw, for an operator. The same sent again is kept once. */
export async function quarantine(
  client: Queryable,
  found: {
    readonly topic: string;
    readonly partition: number;
    readonly message: LogMessage;
    readonly failure: string;
    readonly eventId: string | undefined;
  },
): Promise<void> {
  const { topic, partition, message, failure, eventId } = found;
  await client.query({
    name: `${s}.quarantine`,
    text: `INSERT INTO ${s}.quarantine (topic, partition, kafka_offset, key, value, failure, event_id)
           SELECT $1::text, $2, $3, $4, $5::bytea, $6, $7
           WHERE NOT EXISTS (SELECT FROM ${s}.quarantine WHERE topic = $1::text AND sha256(value) = sha256($5::bytea))
           ON CONFLICT DO NOTHING`,
    values: [
      topic,
      partition,
      message.offset.toString(),
      message.key.replaceAll('\0', ''),
      message.value,
      failure,
      eventId ?? null,
    ],
  });
}

/** How many records of each topic lie there, and how many of them since a day ago. */
export async function quarantined(
  client: Queryable,
): Promise<
  { readonly consumer: string; readonly place: 'quarantine'; readonly count: number; readonly lately: number }[]
> {
  const { rows } = await client.query<{ consumer: string; place: 'quarantine'; count: number; lately: number }>({
    name: `${s}.quarantined`,
    text: `SELECT topic AS consumer, 'quarantine' AS place, count(*)::int AS count,
                  (count(*) FILTER (WHERE quarantined_at > clock_timestamp() - interval '1 day'))::int AS lately
           FROM ${s}.quarantine WHERE ${open} GROUP BY topic ORDER BY topic`,
  });
  return rows;
}

/** The oldest ones, without what they say. */
export async function listQuarantined(
  client: Queryable,
  { taken, limit }: { readonly taken: boolean; readonly limit: number },
): Promise<SetAsideRecord[]> {
  const { rows } = await client.query<SetAsideRecord>({
    name: `${s}.list-quarantined`,
    text: `SELECT 'quarantine' AS place, id::text, topic AS consumer, topic, partition, kafka_offset::text AS "offset",
                  quarantined_at AS "setAsideAt", failure AS code, retries, taken_at AS "takenAt",
                  discarded_at AS "discardedAt", coalesce(discarded_by, '') AS "discardedBy",
                  coalesce(discard_reason, '') AS reason,
                  rtrim(translate(encode(sha256(value), 'base64'), '+/', '-_'), '=') AS hash
           FROM ${s}.quarantine WHERE ${open} OR $1::boolean
           ORDER BY quarantined_at, quarantine.id LIMIT $2`,
    values: [taken, limit],
  });
  return rows;
}

export interface QuarantinedFact {
  readonly topic: string;
  readonly partition: number;
  readonly message: LogMessage;
  readonly failure: string;
  readonly taken: boolean;
  readonly discarded: boolean;
}

/** Undefined where there is none. */
export async function quarantinedFact(client: Queryable, id: string): Promise<QuarantinedFact | undefined> {
  if (!/^[1-9][0-9]{0,17}$/.test(id)) return undefined;
  const { rows } = await client.query<{
    topic: string;
    partition: number;
    failure: string;
    discarded: boolean;
    offset: string;
    key: string;
    value: Buffer;
    at: Date;
    taken: boolean;
  }>({
    name: `${s}.quarantined-fact`,
    text: `SELECT topic, partition, kafka_offset::text AS "offset", key, value, failure, quarantined_at AS at,
                  taken_at IS NOT NULL AS taken, discarded_at IS NOT NULL AS discarded
           FROM ${s}.quarantine WHERE id = $1`,
    values: [id],
  });
  const row = rows[0];
  if (!row) return undefined;
  const { offset, key, value, at, ...fact } = row;
  return { ...fact, message: { offset: BigInt(offset), key, value, headers: {}, timestamp: at } };
}

/** One that was ended before keeps its first reason. */
export async function quarantineDiscarded(
  client: Queryable,
  id: string,
  { operator, reason }: Pick<Discard, 'operator' | 'reason'>,
  at: Date,
): Promise<void> {
  await client.query({
    name: `${s}.quarantine-discarded`,
    text: `UPDATE ${s}.quarantine SET discarded_at = $2, discarded_by = $3, discard_reason = $4
           WHERE id = $1 AND discarded_at IS NULL`,
    values: [id, at, operator, reason],
  });
}

/** @param failure undefined once it has its leaf */
export async function quarantineRetried(client: Queryable, id: string, failure: string | undefined): Promise<void> {
  await client.query({
    name: `${s}.quarantine-retried`,
    text: `UPDATE ${s}.quarantine SET retries = retries + 1, retried_at = clock_timestamp(),
                  failure = coalesce($2, failure),
                  taken_at = CASE WHEN $2::text IS NULL THEN coalesce(taken_at, clock_timestamp()) ELSE taken_at END
           WHERE id = $1`,
    values: [id, failure ?? null],
  });
}

/** How far a partition is consumed: everything before `next` has its leaf or lies in quarantine. */
export interface ConsumedUpTo {
  readonly topic: string;
  readonly partition: number;
  readonly next: bigint;
}

/** The statement alone, with its three values from the given place on: it is part of a batch's append. */
export const moveOffsetsText = (place: number): string => `
  INSERT INTO ${s}.consumed_offset (topic, partition, next_offset)
  SELECT * FROM unnest($${place}::text[], $${place + 1}::int[], $${place + 2}::bigint[])
  ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset`;

/** Each partition once, at its furthest. */
export function offsetValues(consumed: readonly ConsumedUpTo[]): unknown[] {
  const furthest = new Map(
    consumed.toSorted((a, b) => Number(a.next - b.next)).map((one) => [`${one.topic}/${one.partition}`, one]),
  );
  const rows = [...furthest.values()];
  return [
    rows.map(({ topic }) => topic),
    rows.map(({ partition }) => partition),
    rows.map(({ next }) => next.toString()),
  ];
}

export async function moveOffsets(client: Queryable, consumed: readonly ConsumedUpTo[]): Promise<void> {
  await client.query({ name: `${s}.move-offsets`, text: moveOffsetsText(1), values: offsetValues(consumed) });
}

/** None where nothing of the partition was ever consumed. */
export async function storedOffset(
  client: Queryable,
  { topic, partition }: Pick<ConsumedUpTo, 'topic' | 'partition'>,
): Promise<bigint | undefined> {
  const { rows } = await client.query<{ next: string }>({
    name: `${s}.stored-offset`,
    text: `SELECT next_offset::text AS next FROM ${s}.consumed_offset WHERE topic = $1 AND partition = $2`,
    values: [topic, partition],
  });
  return rows[0] && BigInt(rows[0].next);
}
