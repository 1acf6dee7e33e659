import { describe, expect, test } from '@jest/globals';
import {
  MemoryTree,
  type NodeId,
  assembleConsistencyProof,
  assembleInclusionProof,
  consistencyProofNodes,
  inclusionProofNodes,
  verifyConsistency,
  verifyInclusion,
} from './index.js';
import { ReferenceTree, distinctLeaves } from './reference-tree.fixture.js';

const largest = 256;
const leaves = distinctLeaves(largest);
const tree = MemoryTree.of(leaves);
const reference = new ReferenceTree(new Map(leaves.map((leaf, index) => [BigInt(index), leaf])));
const roots = Array.from({ length: largest + 1 }, (_, size) => tree.root(size));
const rootAt = (size: number): Buffer => roots[size] ?? Buffer.alloc(0);
const leafAt = (index: number): Buffer => leaves[index] ?? Buffer.alloc(0);

const same = (a: readonly Buffer[], b: readonly Buffer[]): boolean =>
  a.length === b.length && a.every((hash, i) => b[i]?.equals(hash));
const nodeNames = (nodes: readonly NodeId[]): string => nodes.map(({ level, index }) => `${level}/${index}`).join(' ');
const isComplete = ({ level, index }: NodeId, size: number): boolean => (index + 1) * 2 ** level <= size;

/** Every (smaller, size) with low ≤ smaller and smaller + gap ≤ size ≤ highest. */
function* pairs(highest: number, low: number, gap: number): Generator<[number, number]> {
  for (let size = 1; size <= highest; size += 1) {
    for (let smaller = low; smaller + gap <= size; smaller += 1) yield [smaller, size];
  }
}

describe(`every tree of up to ${largest} leaves`, () => {
  test('its root is that of RFC 6962', () => {
    expect(roots).toEqual(roots.map((_, size) => reference.root(0n, BigInt(size))));
  });

  test('every inclusion proof is that of RFC 6962 and verifies', () => {
    const wrong: string[] = [];
    for (const [index, size] of pairs(largest, 0, 1)) {
      const proof = tree.inclusionProof(index, size);
      const verified = verifyInclusion({ index, size, leafHash: leafAt(index), proof, root: rootAt(size) });
      const expected = reference.path(BigInt(index), 0n, BigInt(size));
      if (!verified.ok || !same(proof, expected)) wrong.push(`${index} in ${size}`);
    }
    expect(wrong).toEqual([]);
  });

  test('every consistency proof is that of RFC 6962 and verifies', () => {
    const wrong: string[] = [];
    for (const [first, second] of pairs(largest, 1, 0)) {
      const proof = tree.consistencyProof(first, second);
      const verified = verifyConsistency({
        first,
        second,
        firstRoot: rootAt(first),
        secondRoot: rootAt(second),
        proof,
      });
      const expected = reference.subproof(BigInt(first), 0n, BigInt(second), true);
      if (!verified.ok || !same(proof, expected)) wrong.push(`${first} to ${second}`);
    }
    expect(wrong).toEqual([]);
  });

  test('the nodes named for a proof are complete, each named once, and just those that its assembly reads', () => {
    const wrong: string[] = [];
    const check = (name: string, size: number, nodes: NodeId[], assemble: (read: (node: NodeId) => void) => void) => {
      const read: NodeId[] = [];
      assemble((node) => read.push(node));
      const names = nodeNames(nodes);
      const unique = new Set(names.split(' ')).size === nodes.length || nodes.length === 0;
      if (names !== nodeNames(read) || !unique || !nodes.every((node) => isComplete(node, size))) wrong.push(name);
    };
    const reading = (read: (node: NodeId) => void) => (level: number, index: number) => {
      read({ level, index });
      return tree.node(level, index);
    };
    for (const [index, size] of pairs(96, 0, 1)) {
      check(`inclusion ${index} in ${size}`, size, inclusionProofNodes(index, size), (read) =>
        assembleInclusionProof(index, size, reading(read)),
      );
    }
    for (const [first, second] of pairs(96, 0, 0)) {
      check(`consistency ${first} to ${second}`, second, consistencyProofNodes(first, second), (read) =>
        assembleConsistencyProof(first, second, reading(read)),
      );
    }
    expect(wrong).toEqual([]);
  });
});

describe('every tree of up to 32 leaves', () => {
  test('no inclusion proof serves another index', () => {
    const accepted: string[] = [];
    for (const [index, size] of pairs(32, 0, 1)) {
      const proof = tree.inclusionProof(index, size);
      for (let other = 0; other < size; other += 1) {
        const claim = { index: other, size, leafHash: leafAt(index), proof, root: rootAt(size) };
        if (other !== index && verifyInclusion(claim).ok) accepted.push(`${index} as ${other} in ${size}`);
      }
    }
    expect(accepted).toEqual([]);
  });

  test('up to 24, no consistency proof serves another pair of sizes', () => {
    const accepted: string[] = [];
    for (const [first, second] of pairs(24, 1, 1)) {
      const proof = tree.consistencyProof(first, second);
      for (const [otherFirst, otherSecond] of pairs(24, 1, 1)) {
        if (otherFirst === first && otherSecond === second) continue;
        const claim = {
          first: otherFirst,
          second: otherSecond,
          firstRoot: rootAt(otherFirst),
          secondRoot: rootAt(otherSecond),
          proof,
        };
        if (verifyConsistency(claim).ok) accepted.push(`${first}-${second} as ${otherFirst}-${otherSecond}`);
      }
    }
    expect(accepted).toEqual([]);
  });

  test('no tree with one other leaf is consistent with what was', () => {
    const accepted: string[] = [];
    for (const [first, second] of pairs(32, 1, 1)) {
      for (let forged = 0; forged < first; forged += 1) {
        const fork = MemoryTree.of(leaves.slice(0, second).map((leaf, i) => (i === forged ? rootAt(9) : leaf)));
        const proof = fork.consistencyProof(first, second);
        const claim = { first, second, firstRoot: rootAt(first), secondRoot: fork.root(), proof };
        if (verifyConsistency(claim).ok) accepted.push(`${first} to ${second}, leaf ${forged}`);
      }
    }
    expect(accepted).toEqual([]);
  });
});

describe('proofs that cannot be', () => {
  test.each([
    ['a leaf beyond the tree', () => inclusionProofNodes(7, 7)],
    ['a leaf of the empty tree', () => inclusionProofNodes(0, 0)],
    ['a negative leaf', () => inclusionProofNodes(-1, 7)],
    ['a leaf with a fraction', () => inclusionProofNodes(0.5, 7)],
    ['a tree beyond the safe integers', () => inclusionProofNodes(1, 2 ** 53)],
    ['a past larger than the present', () => consistencyProofNodes(8, 7)],
    ['a negative past', () => consistencyProofNodes(-1, 7)],
    ['a size that the tree has not reached', () => tree.root(largest + 1)],
    ['a leaf at a size not reached', () => tree.inclusionProof(1, largest + 1)],
    ['growth to a size not reached', () => tree.consistencyProof(1, largest + 1)],
  ])('%s is refused', (_name, prove) => {
    expect(prove).toThrow(RangeError);
  });

  test('from the empty tree there is nothing to prove', () => {
    expect(tree.consistencyProof(0, 7)).toEqual([]);
  });
});
