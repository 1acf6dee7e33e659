import { describe, expect, it } from '@jest/globals';
import { partitionOf } from '#messaging';
import { payloadOf, planFloor } from './floor-plan.js';

const sends = [
  { topic: 'a', records: 2, bytes: 1_000 },
  { topic: 'b', records: 1, bytes: 61 },
  { topic: 'a', records: 10, bytes: 9_000 },
];

describe('the floor', () => {
  it('repeats each send with its number of records', () => {
    const { lanes, ...totals } = planFloor(sends, 2);
    expect(totals).toEqual({ sends: 3, records: 13, sendBytes: 10_061 });
    expect(lanes.map((lane) => lane.map(({ sizes }) => sizes.length))).toEqual([[2, 10], [1]]);
  });

  it('puts each lane on a partition of its own', () => {
    const { lanes } = planFloor(sends, 2);
    const partitions = lanes.map((lane) => new Set(lane.map(({ key }) => partitionOf(key, 2))));
    expect(partitions.map((own) => [...own])).toEqual([[0], [1]]);
  });

  it('comes near the bytes of each send, and never below one a record', () => {
    const { lanes } = planFloor(sends, 2);
    const [first] = lanes[0]!;
    const batch = 61 + first!.sizes.reduce((sum, size) => sum + size + 12 + first!.key.length, 0);
    expect(Math.abs(batch - 1_000)).toBeLessThanOrEqual(2);
    expect(lanes[1]![0]!.sizes).toEqual([1]);
  });

  it('writes as much log with a commit as the pipeline on average', () => {
    expect(payloadOf({ writes: 10, walBytes: 11_400 })).toBe(1_000);
    expect(payloadOf({ writes: 10, walBytes: 100 })).toBe(1);
    expect(payloadOf({ writes: 0, walBytes: 0 })).toBe(0);
  });
});
