import { describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import {
  MemoryTree,
  assembleInclusionProof,
  assembleMultiProof,
  leafHash,
  multiProofNodes,
  verifyMultiProof,
} from './index.js';

const tree = MemoryTree.of(Array.from({ length: 300 }, (_, n) => leafHash(Buffer.from(`entry ${n}`))));

const claimOf = (indices: readonly number[], size: number) => ({
  indices,
  size,
  root: tree.root(size),
  ...assembleMultiProof(indices, size, tree.node),
});
const holds = (claim: Parameters<typeof verifyMultiProof>[0]): boolean => verifyMultiProof(claim).ok;
const leavesOf = fc
  .integer({ min: 1, max: 300 })
  .chain((size) =>
    fc
      .uniqueArray(fc.nat({ max: size - 1 }), { minLength: 1 })
      .map((indices) => ({ size, indices: indices.sort((a, b) => a - b) })),
  );
const turned = (hash: Buffer, bit: number): Buffer => {
  const other = Buffer.from(hash);
  other[Math.floor(bit / 8) % other.length]! ^= 1 << (bit % 8);
  return other;
};

describe('a proof of several leaves', () => {
  it('leads to the root from every choice of leaves of every tree of up to nine', () => {
    for (let size = 1; size <= 9; size += 1)
      for (let chosen = 1; chosen < 2 ** size; chosen += 1) {
        const indices = Array.from({ length: size }, (_, index) => index).filter((index) => (chosen >> index) & 1);
        expect([size, indices, holds(claimOf(indices, size))]).toEqual([size, indices, true]);
      }
  });

  test('leads to the root from any leaves, and needs no other nodes than it names', () => {
    fc.assert(
      fc.property(leavesOf, ({ size, indices }) => {
        const named = new Set(multiProofNodes(indices, size).map(({ level, index }) => `${level}/${index}`));
        const { leaves, others } = assembleMultiProof(indices, size, (level, index) => {
          expect(named).toContain(`${level}/${index}`);
          return tree.node(level, index);
        });
        expect(holds({ indices, size, leaves, others, root: tree.root(size) })).toBe(true);
      }),
    );
  });

  it('of one leaf is its inclusion proof, and of all leaves is the leaves', () => {
    const { leaves, others } = assembleMultiProof([77], 300, tree.node);
    expect(leaves).toEqual([tree.node(0, 77)]);
    expect(new Set(others)).toEqual(new Set(assembleInclusionProof(77, 300, tree.node)));
    const all = Array.from({ length: 300 }, (_, index) => index);
    expect(assembleMultiProof(all, 300, tree.node).others).toEqual([]);
  });

  test('leads nowhere with one bit turned in it, a hash too many or too few, or at another place', () => {
    fc.assert(
      fc.property(leavesOf, fc.nat(), fc.nat({ max: 255 }), ({ size, indices }, place, bit) => {
        const claim = claimOf(indices, size);
        const { leaves, others } = claim;
        const at = place % (leaves.length + others.length);
        const changed =
          at < leaves.length
            ? { leaves: leaves.with(at, turned(leaves[at]!, bit)) }
            : { others: others.with(at - leaves.length, turned(others[at - leaves.length]!, bit)) };
        expect(holds({ ...claim, ...changed })).toBe(false);
        expect(holds({ ...claim, others: [...others, tree.node(0, 0)] })).toBe(false);
        expect(holds({ ...claim, leaves: [...leaves, tree.node(0, 0)] })).toBe(false);
        if (others.length > 0) expect(holds({ ...claim, others: others.slice(1) })).toBe(false);
        const elsewhere = indices.map((index) => (index + 1) % size).sort((a, b) => a - b);
        if (elsewhere.join() !== indices.join()) expect(holds({ ...claim, indices: elsewhere })).toBe(false);
      }),
    );
  });

  it.each([
    ['none', []],
    ['one twice', [1, 1]],
    ['falling ones', [2, 1]],
    ['one beyond the tree', [1, 300]],
    ['a negative one', [-1, 1]],
    ['a half one', [0.5]],
  ])('is none for indices that are no rising leaves: %s', (_name, indices) => {
    expect(() => multiProofNodes(indices, 300)).toThrow(RangeError);
    expect(() => assembleMultiProof(indices, 300, tree.node)).toThrow(RangeError);
    const leaves = indices.map(() => tree.node(0, 0));
    expect(holds({ indices, size: 300, leaves, others: [], root: tree.root(300) })).toBe(false);
  });
});
