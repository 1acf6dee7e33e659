import { describe, expect, test } from '@jest/globals';
import { type ConsistencyClaim, type InclusionClaim, MemoryTree, emptyRoot } from './index.js';
import { verifyConsistency, verifyInclusion } from './index.js';
import { distinctLeaves } from './reference-tree.fixture.js';

const leaves = distinctLeaves(13);
const tree = MemoryTree.of(leaves);
const leaf = leaves[5] ?? Buffer.alloc(0);
const short = (hash: Buffer): Buffer => hash.subarray(1);
const turned = (hash: Buffer): Buffer => Buffer.from(hash).fill((hash[0] ?? 0) ^ 1, 0, 1);

describe('an inclusion proof', () => {
  const proof = tree.inclusionProof(5, 13);
  const claim: InclusionClaim = { index: 5, size: 13, leafHash: leaf, proof, root: tree.root() };

  test('of leaf 5 in a tree of 13 verifies', () => expect(verifyInclusion(claim).ok).toBe(true));

  test('verifies with indices as bigint', () => {
    expect(verifyInclusion({ ...claim, index: 5n, size: 13n }).ok).toBe(true);
  });

  const refused: [string, Partial<InclusionClaim>][] = [
    ['another index', { index: 4 }],
    ['an index at the size', { index: 13 }],
    ['an index beyond the size', { index: 2n ** 64n - 1n }],
    ['an index that wraps around 64 bits to the right one', { index: 2n ** 64n + 5n }],
    ['a size that wraps around 64 bits to the right one', { size: 2n ** 64n + 13n }],
    ['an index that wraps around 32 bits to the right one', { index: 2 ** 32 + 5, size: 2 ** 32 + 13 }],
    ['a negative index', { index: -1 }],
    ['a negative bigint index', { index: -5n }],
    ['an index with a fraction', { index: 5.5 }],
    ['an index that is no number', { index: Number.NaN }],
    ['an infinite size', { size: Number.POSITIVE_INFINITY }],
    ['an index beyond the safe integers', { index: 2 ** 53, size: 2n ** 60n }],
    ['the empty tree', { index: 0, size: 0, root: emptyRoot, proof: [] }],
    ['another leaf', { leafHash: turned(leaf) }],
    ['a leaf hash that is too short', { leafHash: short(leaf) }],
    ['an empty leaf hash', { leafHash: Buffer.alloc(0) }],
    ['another root', { root: tree.root(12) }],
    ['a root that is too short', { root: short(tree.root()) }],
    ['an empty root', { root: Buffer.alloc(0) }],
    ['no proof', { proof: [] }],
    ['a hash missing at the leaf', { proof: proof.slice(1) }],
    ['a hash missing at the root', { proof: proof.slice(0, -1) }],
    ['a hash too many', { proof: [...proof, tree.root()] }],
    ['two hashes in the other order', { proof: proof.toSpliced(0, 2, ...proof.slice(0, 2).reverse()) }],
    ['a bit turned', { proof: proof.with(2, turned(proof[2] ?? leaf)) }],
    ['a hash that is too short', { proof: proof.with(2, short(proof[2] ?? leaf)) }],
    ['an interior node passed off as the leaf', { leafHash: tree.node(1, 2), index: 2, proof: proof.slice(1) }],
  ];

  test.each(refused)('with %s is refused', (_name, change) => {
    expect(verifyInclusion({ ...claim, ...change })).toMatchObject({ ok: false, error: { code: 'RECEIPT_INVALID' } });
  });

  // A root does not fix its size, so that a wrong size must be noticed by the shape of the path alone.
  const larger = MemoryTree.of(distinctLeaves(16));
  test.each([
    ['the last leaf as the last of a smaller tree', 15, { index: 3, size: 4 }],
    ['a leaf at an index that the stated size does not have', 8, { index: 8, size: 8 }],
  ])('under the root of a larger tree, %s is refused', (_name, index, lie) => {
    const honest = { leafHash: larger.node(0, index), proof: larger.inclusionProof(index), root: larger.root() };
    expect(verifyInclusion({ ...honest, index, size: 16 }).ok).toBe(true);
    expect(verifyInclusion({ ...honest, ...lie })).toMatchObject({ ok: false, error: { code: 'RECEIPT_INVALID' } });
  });

  test('of the only leaf has no hashes, and the leaf must be a hash even if the root equals it', () => {
    expect(verifyInclusion({ index: 0, size: 1, leafHash: leaf, proof: [], root: leaf }).ok).toBe(true);
    const empty = Buffer.alloc(0);
    expect(verifyInclusion({ index: 0, size: 1, leafHash: empty, proof: [], root: empty }).ok).toBe(false);
  });
});

describe('a consistency proof', () => {
  const proof = tree.consistencyProof(6, 13);
  const claim: ConsistencyClaim = {
    first: 6,
    second: 13,
    firstRoot: tree.root(6),
    secondRoot: tree.root(13),
    proof,
  };
  const perfectProof = tree.consistencyProof(8, 13);
  const fromPerfect: ConsistencyClaim = { ...claim, first: 8, firstRoot: tree.root(8), proof: perfectProof };

  test('from 6 to 13 leaves verifies', () => expect(verifyConsistency(claim).ok).toBe(true));
  test('from 8 to 13 leaves verifies', () => expect(verifyConsistency(fromPerfect).ok).toBe(true));
  test('verifies with sizes as bigint', () => {
    expect(verifyConsistency({ ...claim, first: 6n, second: 13n }).ok).toBe(true);
  });
  test('between equal sizes is empty', () => {
    expect(verifyConsistency({ ...claim, second: 6, secondRoot: tree.root(6), proof: [] }).ok).toBe(true);
  });

  const refused: [string, Partial<ConsistencyClaim>][] = [
    ['the sizes swapped', { first: 13, second: 6 }],
    ['the roots swapped', { firstRoot: tree.root(13), secondRoot: tree.root(6) }],
    ['another first size', { first: 7 }],
    ['another second size', { second: 20 }],
    ['a first size that wraps around 64 bits', { first: 2n ** 64n + 6n, second: 2n ** 64n + 13n }],
    ['a first size that wraps around 32 bits', { first: 2 ** 32 + 6, second: 2 ** 32 + 13 }],
    ['a negative first size', { first: -6 }],
    ['a size with a fraction', { first: 6.5 }],
    ['a size that is no number', { second: Number.NaN }],
    ['another first root', { firstRoot: tree.root(5) }],
    ['another second root', { secondRoot: tree.root(12) }],
    ['an empty first root', { firstRoot: Buffer.alloc(0) }],
    ['an empty second root', { secondRoot: Buffer.alloc(0) }],
    ['no proof', { proof: [] }],
    ['a hash missing in front', { proof: proof.slice(1) }],
    ['a hash missing at the end', { proof: proof.slice(0, -1) }],
    ['a hash too many', { proof: [...proof, tree.root()] }],
    ['the first root in front', { proof: [tree.root(6), ...proof] }],
    ['a bit turned in the seed', { proof: proof.with(0, turned(proof[0] ?? leaf)) }],
    ['a bit turned in the last hash', { proof: proof.with(-1, turned(proof.at(-1) ?? leaf)) }],
    ['a hash that is too short', { proof: proof.with(1, short(proof[1] ?? leaf)) }],
    ['a hash for equal sizes', { second: 6, secondRoot: tree.root(6), proof: [tree.root(6)] }],
    ['two roots of one size', { second: 6, proof: [] }],
    ['size 0 and a matching root', { first: 0, firstRoot: emptyRoot, proof: [] }],
    ['size 0 and another root', { first: 0, proof: [] }],
    ['both sizes 0', { first: 0, second: 0, firstRoot: emptyRoot, secondRoot: emptyRoot, proof: [] }],
  ];

  test.each(refused)('with %s is refused', (_name, change) => {
    expect(verifyConsistency({ ...claim, ...change })).toMatchObject({
      ok: false,
      error: { code: 'LOG_INCONSISTENT' },
    });
  });

  test.each([
    ['another first root', { firstRoot: tree.root(7) }],
    ['a first root that is no hash', { firstRoot: short(tree.root(8)) }],
    ['the first root repeated in front', { proof: [tree.root(8), ...perfectProof] }],
    ['a bit turned', { proof: perfectProof.with(0, turned(perfectProof[0] ?? leaf)) }],
  ])('from a perfect tree with %s is refused', (_name, change) => {
    expect(verifyConsistency({ ...fromPerfect, ...change })).toMatchObject({
      ok: false,
      error: { code: 'LOG_INCONSISTENT' },
    });
  });

  test('under the roots of larger trees is refused for smaller sizes', () => {
    const larger = MemoryTree.of(distinctLeaves(16));
    const roots = { firstRoot: larger.root(15), secondRoot: larger.root(16), proof: larger.consistencyProof(15, 16) };
    expect(verifyConsistency({ ...roots, first: 15, second: 16 }).ok).toBe(true);
    expect(verifyConsistency({ ...roots, first: 3, second: 4 })).toMatchObject({
      ok: false,
      error: { code: 'LOG_INCONSISTENT' },
    });
  });
});
