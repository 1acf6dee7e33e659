import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchesIn, KafkaSends } from './kafka-sends.js';

function batch(records: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeInt32BE(bytes - 12, 8);
  buffer.writeInt8(2, 16);
  buffer.writeInt32BE(records, 57);
  return buffer;
}

describe('what Kafka was sent', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kafka-sends-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is one send for each batch, with its records and bytes', () => {
    expect(batchesIn(Buffer.concat([batch(3, 200), batch(1, 61)]))).toEqual([
      { records: 3, bytes: 200 },
      { records: 1, bytes: 61 },
    ]);
  });

  it('leaves out a batch that is still being written', () => {
    expect(batchesIn(Buffer.concat([batch(3, 200), batch(1, 100).subarray(0, 99)]))).toHaveLength(1);
  });

  it('refuses what is no record batch', () => {
    expect(() => batchesIn(Buffer.alloc(100))).toThrow('not a record batch');
  });

  it('counts from a mark on, in the named topics only', () => {
    for (const partition of ['a.v1-0', 'a.v1-1', 'b.v1-0', 'a.v1-other-0']) mkdirSync(join(folder, partition));
    const segment = (partition: string): string => join(folder, partition, '00000000000000000000.log');
    for (const partition of ['a.v1-0', 'b.v1-0', 'a.v1-other-0']) writeFileSync(segment(partition), batch(1, 100));
    const sends = new KafkaSends(folder, ['a.v1']);
    const mark = sends.mark();
    appendFileSync(segment('a.v1-0'), batch(2, 150));
    appendFileSync(segment('b.v1-0'), batch(5, 150));
    writeFileSync(segment('a.v1-1'), batch(4, 90));

    expect(sends.since(mark)).toEqual([
      { topic: 'a.v1', records: 2, bytes: 150 },
      { topic: 'a.v1', records: 4, bytes: 90 },
    ]);
  });
});
