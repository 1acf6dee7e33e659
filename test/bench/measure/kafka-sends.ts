import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** One record batch as the broker has stored it: with kafkajs and one partition a send, one `send()`. */
export interface KafkaSend {
  readonly topic: string;
  readonly records: number;
  /** Of the whole batch, its header included. */
  readonly bytes: number;
}

/** Record batch, version 2 (Kafka protocol guide): offset, length, …, and the number of records at the end of the header. */
const HEADER_BYTES = 61;
const BEFORE_LENGTH_COUNTS = 12;
const AT = { batchLength: 8, magic: 16, records: 57 } as const;

/** The batches in a piece of a segment. What is cut off at the end is not there yet. */
export function batchesIn(segment: Buffer): Omit<KafkaSend, 'topic'>[] {
  const batches: Omit<KafkaSend, 'topic'>[] = [];
  for (let at = 0; at + HEADER_BYTES <= segment.length;) {
    const bytes = BEFORE_LENGTH_COUNTS + segment.readInt32BE(at + AT.batchLength);
    if (segment.readInt8(at + AT.magic) !== 2 || bytes < HEADER_BYTES) throw new Error('not a record batch');
    if (at + bytes > segment.length) break;
    batches.push({ records: segment.readInt32BE(at + AT.records), bytes });
    at += bytes;
  }
  return batches;
}

/** Sizes of the broker's segment files at one moment, by path. */
export type SegmentSizes = ReadonlyMap<string, number>;

/**
 * What was sent to topics, read from the broker's own files, which no client sees. Only for a broker of the embedded stack.
 */
export class KafkaSends {
  /** @param folder the broker's `log.dirs` */
  constructor(
    private readonly folder: string,
    private readonly topics: readonly string[],
  ) {}

  mark(): SegmentSizes {
    return new Map(this.segments().map(({ path }) => [path, statSync(path).size]));
  }

  /** All sends since a mark. A broker that is stopping or cleaning up must not be asked. */
  since(mark: SegmentSizes): KafkaSend[] {
    return this.segments().flatMap(({ topic, path }) => {
      const from = mark.get(path) ?? 0;
      const piece = readPiece(path, from, statSync(path).size - from);
      return batchesIn(piece).map((batch) => ({ topic, ...batch }));
    });
  }

  private segments(): { topic: string; path: string }[] {
    if (!existsSync(this.folder)) return [];
    return readdirSync(this.folder).flatMap((partition) => {
      const topic = this.topics.find((name) => partition.startsWith(`${name}-`) && /-\d+$/.test(partition));
      if (topic === undefined || partition.slice(topic.length + 1).includes('-')) return [];
      const files = readdirSync(join(this.folder, partition)).filter((name) => name.endsWith('.log'));
      return files.map((name) => ({ topic, path: join(this.folder, partition, name) }));
    });
  }
}

function readPiece(path: string, from: number, length: number): Buffer {
  const piece = Buffer.alloc(length);
  const file = openSync(path, 'r');
  try {
    return piece.subarray(0, readSync(file, piece, 0, length, from));
  } finally {
    closeSync(file);
  }
}
