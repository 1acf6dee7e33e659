import { describe, expect, it } from '@jest/globals';
import { CompactRange, leafHash } from '#merkle';
import { RecentTree } from './recent-tree.js';

const leaf = (index: number): Buffer => leafHash(Buffer.from(`leaf ${index}`));
const leaves = (from: number, to: number): Buffer[] => Array.from({ length: to - from }, (_, i) => leaf(from + i));

/** Roots of every size from 0 to `size`, by appending and nothing else. */
function rootsUpTo(size: number): Buffer[] {
  const range = CompactRange.empty();
  return [range.root(), ...leaves(0, size).map((hash) => (range.append(hash), range.root()))];
}

describe('the recent tree', () => {
  it('tells the root of every size that it has seen, in whatever steps it grew', () => {
    const tree = new RecentTree(CompactRange.empty());
    for (const [from, to] of [
      [0, 1],
      [1, 64],
      [64, 65],
      [65, 300],
    ] as const)
      tree.append(leaves(from, to));
    expect(Array.from({ length: 301 }, (_, size) => tree.rootAt(size))).toEqual(rootsUpTo(300));
    expect(tree.rootAt(301)).toBeUndefined();
  });

  it('goes on from a tree of which it knows the right edge only', () => {
    const base = CompactRange.empty();
    for (const hash of leaves(0, 100)) base.append(hash);
    const tree = new RecentTree(base);
    tree.append(leaves(100, 200));
    const expected = rootsUpTo(200);
    expect([100, 130, 200].map((size) => tree.rootAt(size))).toEqual([100, 130, 200].map((size) => expected[size]));
    expect(tree.rootAt(99)).toBeUndefined();
  });

  it('forgets the oldest leaves, and is right about the others', () => {
    const tree = new RecentTree(CompactRange.empty());
    for (let from = 0; from < 17_000; from += 1_000) tree.append(leaves(from, from + 1_000));
    expect(tree.rootAt(10)).toBeUndefined();
    const expected = rootsUpTo(17_000);
    for (const size of [9_000, 12_345, 16_999, 17_000]) expect(tree.rootAt(size)).toEqual(expected[size]);
  });
});
