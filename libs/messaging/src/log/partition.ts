const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/** Murmur2 as Kafka's Java client computes it (org.apache.kafka.common.utils.Utils), as a signed 32-bit number. */
export function murmur2(data: Uint8Array): number {
  let hash = SEED ^ data.length;
  const words = data.length >>> 2;
  for (let word = 0; word < words; word++) {
    const at = word * 4;
    let k = byte(data, at) | (byte(data, at + 1) << 8) | (byte(data, at + 2) << 16) | (byte(data, at + 3) << 24);
    k = Math.imul(k, M);
    k ^= k >>> R;
    k = Math.imul(k, M);
    hash = Math.imul(hash, M) ^ k;
  }
  const tail = words * 4;
  const rest = data.length - tail;
  if (rest === 3) hash ^= byte(data, tail + 2) << 16;
  if (rest >= 2) hash ^= byte(data, tail + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ byte(data, tail), M);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return hash ^ (hash >>> 15);
}

const byte = (data: Uint8Array, at: number): number => data[at] ?? 0;

/** The partition that every Kafka client with default settings chooses for this key. */
export const partitionOf = (key: string, partitions: number): number =>
  (murmur2(Buffer.from(key, 'utf8')) & 0x7fffffff) % partitions;

/** Records by partition, each in the given order: one send() may carry one partition only (design 4, rule 1). */
export function byPartition<T extends { readonly key: string }>(
  records: readonly T[],
  partitions: number,
): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const record of records) {
    const partition = partitionOf(record.key, partitions);
    const group = groups.get(partition);
    if (group) group.push(record);
    else groups.set(partition, [record]);
  }
  return groups;
}
