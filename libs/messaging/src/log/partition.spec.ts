import { describe, expect, it } from '@jest/globals';
import { Partitioners } from 'kafkajs';
import { byPartition, murmur2, partitionOf } from './partition.js';

describe('murmur2', () => {
  // From Kafka's own UtilsTest.testMurmur2.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('of %s is what Kafka computes', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });
});

describe('the partition of a key', () => {
  it('is the one of the client’s default partitioner', () => {
    const theirs = Partitioners.DefaultPartitioner();
    const partitionMetadata = Array.from({ length: 12 }, (_, partitionId) => ({
      partitionErrorCode: 0,
      partitionId,
      leader: 1,
      replicas: [1],
      isr: [1],
    }));
    for (let index = 0; index < 500; index++) {
      const key = `Länsi-${index}-${'ö'.repeat(index % 7)}`;
      expect(partitionOf(key, 12)).toBe(
        theirs({ topic: 't', partitionMetadata, message: { key: Buffer.from(key), value: null } }),
      );
    }
  });

  it('groups records and keeps their order', () => {
    const records = Array.from({ length: 50 }, (_, index) => ({ key: `k${index % 9}`, index }));
    const groups = byPartition(records, 12);
    expect([...groups.values()].flat()).toHaveLength(50);
    for (const [partition, group] of groups) {
      expect(group.every(({ key }) => partitionOf(key, 12) === partition)).toBe(true);
      expect(group.map(({ index }) => index)).toEqual(group.map(({ index }) => index).sort((a, b) => a - b));
    }
  });
});
