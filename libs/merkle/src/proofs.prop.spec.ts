import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  CompactRange,
  MemoryTree,
  assembleConsistencyProof,
  assembleInclusionProof,
  leafHash,
  verifyConsistency,
  verifyInclusion,
} from './index.js';
import { ReferenceTree, distinctLeaves } from './reference-tree.fixture.js';

const settings = { seed: 20260423, numRuns: 300 };
const largestUint64 = 2n ** 64n - 1n;
const entry = leafHash(Buffer.from('the entry in question'));

/** Sizes of every order of magnitude, and those around powers of two, where proofs change their shape. */
const sizeUpTo = (largest: bigint): fc.Arbitrary<bigint> =>
  fc
    .oneof(
      fc
        .tuple(fc.integer({ min: 0, max: 64 }), fc.bigInt({ min: 0n, max: largestUint64 }))
        .map(([bits, value]) => value >> BigInt(bits)),
      fc
        .tuple(fc.integer({ min: 0, max: 64 }), fc.integer({ min: -2, max: 2 }))
        .map(([bits, delta]) => (1n << BigInt(bits)) + BigInt(delta)),
    )
    .filter((size) => size >= 1n && size <= largest);

const ordered = (largest: bigint): fc.Arbitrary<[bigint, bigint]> =>
  fc.tuple(sizeUpTo(largest), sizeUpTo(largest)).map(([a, b]) => (a < b ? [a, b] : [b, a]));

const withBitTurned = (hash: Buffer, bit: number): Buffer => {
  const changed = Buffer.from(hash);
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return changed;
};
const bit = fc.integer({ min: 0, max: 255 });

const readerOf = (reference: ReferenceTree) => (level: number, index: number) =>
  reference.root(BigInt(index) << BigInt(level), BigInt(index + 1) << BigInt(level));

describe('inclusion proofs of any size', () => {
  test('up to 2^64−1 leaves, the proof of RFC 6962 verifies', () => {
    fc.assert(
      fc.property(ordered(largestUint64), ([smaller, size]) => {
        const index = smaller - 1n;
        const reference = new ReferenceTree(new Map([[index, entry]]));
        const claim = {
          index,
          size,
          leafHash: entry,
          proof: reference.path(index, 0n, size),
          root: reference.root(0n, size),
        };
        expect(verifyInclusion(claim).ok).toBe(true);
      }),
      settings,
    );
  });

  test('up to 2^53−1 leaves, the assembled proof is that of RFC 6962', () => {
    fc.assert(
      fc.property(ordered(BigInt(Number.MAX_SAFE_INTEGER)), ([smaller, size]) => {
        const index = smaller - 1n;
        const reference = new ReferenceTree(new Map([[index, entry]]));
        const proof = assembleInclusionProof(Number(index), Number(size), readerOf(reference));
        expect(proof).toEqual(reference.path(index, 0n, size));
      }),
      settings,
    );
  });

  test('one bit turned anywhere in leaf, proof or root is noticed', () => {
    fc.assert(
      fc.property(ordered(largestUint64), fc.nat(), bit, ([smaller, size], place, turned) => {
        const index = smaller - 1n;
        const reference = new ReferenceTree(new Map([[index, entry]]));
        const proof = reference.path(index, 0n, size);
        const hashes = [entry, ...proof, reference.root(0n, size)];
        const at = place % hashes.length;
        const [leaf = entry, ...rest] = hashes.with(at, withBitTurned(hashes[at] ?? entry, turned));
        const claim = { index, size, leafHash: leaf, proof: rest.slice(0, -1), root: rest.at(-1) ?? entry };
        expect(verifyInclusion(claim).ok).toBe(false);
      }),
      settings,
    );
  });
});

describe('consistency proofs of any size', () => {
  test('up to 2^64−1 leaves, the proof of RFC 6962 verifies', () => {
    fc.assert(
      fc.property(ordered(largestUint64), ([first, second]) => {
        const reference = new ReferenceTree(new Map([[first - 1n, entry]]));
        const claim = {
          first,
          second,
          firstRoot: reference.root(0n, first),
          secondRoot: reference.root(0n, second),
          proof: reference.subproof(first, 0n, second, true),
        };
        expect(verifyConsistency(claim).ok).toBe(true);
      }),
      settings,
    );
  });

  test('up to 2^53−1 leaves, the assembled proof is that of RFC 6962', () => {
    fc.assert(
      fc.property(ordered(BigInt(Number.MAX_SAFE_INTEGER)), ([first, second]) => {
        const reference = new ReferenceTree(new Map([[first - 1n, entry]]));
        const proof = assembleConsistencyProof(Number(first), Number(second), readerOf(reference));
        expect(proof).toEqual(reference.subproof(first, 0n, second, true));
      }),
      settings,
    );
  });

  test('one bit turned anywhere in proof or roots is noticed', () => {
    fc.assert(
      fc.property(ordered(largestUint64), fc.nat(), bit, ([first, second], place, turned) => {
        const reference = new ReferenceTree(new Map([[first - 1n, entry]]));
        const proof = reference.subproof(first, 0n, second, true);
        const hashes = [reference.root(0n, first), reference.root(0n, second), ...proof];
        const at = place % hashes.length;
        const [firstRoot = entry, secondRoot = entry, ...rest] = hashes.with(
          at,
          withBitTurned(hashes[at] ?? entry, turned),
        );
        expect(verifyConsistency({ first, second, firstRoot, secondRoot, proof: rest }).ok).toBe(false);
      }),
      settings,
    );
  });

  test('a leaf replaced in the past is noticed, whatever the fork proves', () => {
    fc.assert(
      fc.property(ordered(largestUint64), fc.bigInt({ min: 0n, max: largestUint64 }), ([first, second], place) => {
        const honest = new ReferenceTree(new Map());
        const fork = new ReferenceTree(new Map([[place % first, entry]]));
        const claim = {
          first,
          second,
          firstRoot: honest.root(0n, first),
          secondRoot: fork.root(0n, second),
          proof: fork.subproof(first, 0n, second, true),
        };
        expect(verifyConsistency(claim).ok).toBe(false);
      }),
      settings,
    );
  });
});

describe('whatever an attacker sends', () => {
  const position = fc.oneof(fc.double(), fc.integer(), fc.bigInt(), sizeUpTo(largestUint64), fc.nat(8));
  const hash = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 32, maxLength: 32 }));
  const proof = fc.array(hash, { maxLength: 70 });

  test('verification of inclusion refuses by its code and never throws', () => {
    fc.assert(
      fc.property(position, position, hash, hash, proof, (index, size, leaf, root, path) => {
        const verified = verifyInclusion({ index, size, leafHash: leaf, proof: path, root });
        if (!verified.ok) expect(verified.error.code).toBe('RECEIPT_INVALID');
        else expect([Number(size), root]).toEqual([1, leaf]);
      }),
      { ...settings, numRuns: 2000 },
    );
  });

  test('verification of consistency refuses by its code and never throws', () => {
    fc.assert(
      fc.property(position, position, hash, hash, proof, (first, second, firstRoot, secondRoot, path) => {
        const verified = verifyConsistency({ first, second, firstRoot, secondRoot, proof: path });
        if (!verified.ok) expect(verified.error.code).toBe('LOG_INCONSISTENT');
        else expect([Number(second), secondRoot]).toEqual([Number(first), firstRoot]);
      }),
      { ...settings, numRuns: 2000 },
    );
  });
});

describe('an appender that is stopped at any time', () => {
  test('grows the same tree in any batches, and names each node once with its hash', () => {
    const leaves = distinctLeaves(400);
    const tree = MemoryTree.of(leaves);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 6 }), (batches) => {
        let range = CompactRange.empty();
        const nodes = new Map<string, Buffer>();
        for (const batch of batches) {
          range = CompactRange.restore(range.size, range.hashes);
          for (const leaf of leaves.slice(range.size, range.size + batch)) {
            range.append(leaf, (level, index, node) => nodes.set(`${level}/${index}`, node));
          }
        }
        expect(range.root()).toEqual(tree.root(range.size));
        const ones = range.size.toString(2).replaceAll('0', '').length;
        expect(nodes.size).toBe(2 * range.size - ones);
        for (const [name, node] of nodes) {
          const [level = 0, index = 0] = name.split('/').map(Number);
          if (!node.equals(tree.node(level, index))) throw new Error(`node ${name} differs`);
        }
      }),
      { ...settings, numRuns: 60 },
    );
  });
});
