import type { LogMessage } from '#messaging';
import type { Queryable } from './log-store.js';
import { auditSchema as s } from './schema.js';

/** What could not be read as a fact, raw, for an operator. */
export async function quarantine(
  client: Queryable,
  found: { readonly topic: string; readonly partition: number; readonly message: LogMessage; readonly failure: string },
): Promise<void> {
  const { topic, partition, message, failure } = found;
  await client.query({
    name: `${s}.quarantine`,
    text: `INSERT INTO ${s}.quarantine (topic, partition, kafka_offset, key, value, failure)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
    values: [topic, partition, message.offset.toString(), message.key.replaceAll('\0', ''), message.value, failure],
  });
}

/** Moves the offset behind a batch. The one before it comes back; none on the first batch of a partition. */
export async function moveOffset(
  client: Queryable,
  { topic, partition, next }: { readonly topic: string; readonly partition: number; readonly next: bigint },
): Promise<bigint | undefined> {
  const { rows } = await client.query<{ before: string | null }>({
    name: `${s}.move-offset`,
    text: `WITH before AS (
             SELECT next_offset FROM ${s}.consumed_offset WHERE topic = $1 AND partition = $2 FOR UPDATE
           ), moved AS (
             INSERT INTO ${s}.consumed_offset (topic, partition, next_offset) VALUES ($1, $2, $3)
             ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
           )
           SELECT (SELECT next_offset::text FROM before) AS before`,
    values: [topic, partition, next.toString()],
  });
  const before = rows[0]?.before;
  return before ? BigInt(before) : undefined;
}
