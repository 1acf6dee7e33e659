import { partitionOf } from '#messaging';
import type { KafkaSend } from '../measure/kafka-sends.js';
import type { PostgresWork } from '../measure/postgres-work.js';

/** What the pipeline did, as the floor repeats it. */
export interface FloorPlan {
  /** One list for each partition of the floor's topic: within it one send waits for the one before (design 4, rule 2). */
  readonly lanes: readonly (readonly { readonly key: string; readonly sizes: readonly number[] }[])[];
  readonly sends: number;
  readonly records: number;
  readonly sendBytes: number;
}

/** Record batch header, and what each record costs beside its value: lengths, deltas, timestamps, the key. */
const BATCH_OVERHEAD = 61;
const RECORD_OVERHEAD = 12;

/** The pipeline's sends one by one, each with its number of records and its bytes, dealt out over the partitions. */
export function planFloor(sends: readonly KafkaSend[], partitions: number): FloorPlan {
  const keys = keysByPartition(partitions);
  const lanes = keys.map((): FloorPlan['lanes'][number][number][] => []);
  for (const [index, { records, bytes }] of sends.entries()) {
    const partition = index % partitions;
    const key = keys[partition]!;
    const value = Math.max(1, Math.round((bytes - BATCH_OVERHEAD) / records) - RECORD_OVERHEAD - key.length);
    lanes[partition]!.push({ key, sizes: Array.from({ length: records }, () => value) });
  }
  return {
    lanes,
    sends: sends.length,
    records: sends.reduce((sum, send) => sum + send.records, 0),
    sendBytes: sends.reduce((sum, send) => sum + send.bytes, 0),
  };
}

/** A key for each partition. */
function keysByPartition(partitions: number): string[] {
  const keys = new Map<number, string>();
  for (let i = 0; keys.size < partitions; i++) {
    const partition = partitionOf(`floor-${i}`, partitions);
    if (!keys.has(partition)) keys.set(partition, `floor-${i}`);
  }
  return Array.from({ length: partitions }, (_, partition) => keys.get(partition)!);
}

/** Write-ahead log that a commit with one inserted row costs beside the row's payload: two record headers and the tuple's. */
const COMMIT_OVERHEAD = 140;

/** Bytes of payload with which one insert and commit writes as much log as one of the pipeline's on average. */
export const payloadOf = ({ writes, walBytes }: Pick<PostgresWork, 'writes' | 'walBytes'>): number =>
  writes === 0 ? 0 : Math.max(1, Math.round(walBytes / writes) - COMMIT_OVERHEAD);
