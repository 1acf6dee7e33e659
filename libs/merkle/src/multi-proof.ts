import { AppError, type Result, err, ok } from '#kernel';
import { interiorHash, isHash, sameHash } from './hashing.js';
import {
  type LeafRange,
  type NodeId,
  type NodeReader,
  perfectSubtrees,
  rangeRoot,
  splitWidth,
} from './perfect-subtree.js';
import { assertTreeSize } from './tree-size.js';

/**
 * Some leaves of a tree, and what leads from all of them to its root: each hash once, and none that follows from others. The
 * inclusion path of RFC 6962 §2.1.1 is that of one leaf.
 */
export interface MultiProof {
  /** Hashes of the leaves, in the order of their indices. */
  readonly leaves: readonly Buffer[];
  /** Hashes over the largest subtrees without any of the leaves, left to right. */
  readonly others: readonly Buffer[];
}

/** Nodes to read for the proof, each once. Throws RangeError unless the indices rise, and each is below the size. */
export function multiProofNodes(indices: readonly number[], size: number): NodeId[] {
  assertLeaves(indices, size);
  const nodes: NodeId[] = [];
  climb(indices, size, {
    leaf: (at) => void nodes.push({ level: 0, index: indices[at]! }),
    other: (range) => void nodes.push(...perfectSubtrees(range)),
    join: () => undefined,
  });
  return nodes;
}

/** Throws as `multiProofNodes`. */
export function assembleMultiProof(indices: readonly number[], size: number, get: NodeReader): MultiProof {
  assertLeaves(indices, size);
  const leaves: Buffer[] = [];
  const others: Buffer[] = [];
  climb(indices, size, {
    leaf: (at) => void leaves.push(get(0, indices[at]!)),
    other: (range) => void others.push(rangeRoot(range, get)),
    join: () => undefined,
  });
  return { leaves, others };
}

/**
 * Does the tree of `size` leaves under `root` hold each of these leaf hashes at its index? Everything but size and root may be
 * chosen by an attacker: indices and size alone decide how many hashes there are and where each of them stands. Which of
 * several is wrong is not said. Errors: RECEIPT_INVALID.
 */
export function verifyMultiProof({
  indices,
  size,
  leaves,
  others,
  root,
}: MultiProof & {
  readonly indices: readonly number[];
  readonly size: number;
  readonly root: Uint8Array;
}): Result<void> {
  if (!areLeaves(indices, size)) return notIncluded('no such leaves in that tree');
  if (leaves.length !== indices.length || ![...leaves, ...others].every(isHash))
    return notIncluded('a hash is missing or has another length');
  let taken = 0;
  const found = climb<Uint8Array | undefined>(indices, size, {
    leaf: (at) => leaves[at],
    other: () => others[taken++],
    join: (left, right) => left && right && interiorHash(left, right),
  });
  if (found === undefined || taken !== others.length) return notIncluded('the proof has another length');
  return sameHash(found, root) ? ok(undefined) : notIncluded('the proof leads to another root');
}

interface Climb<T> {
  /** By its place among the indices. */
  readonly leaf: (at: number) => T;
  readonly other: (range: LeafRange) => T;
  readonly join: (left: T, right: T) => T;
}

/** MTH of RFC 6962 §2.1, from left to right, that goes down only where one of the leaves lies. */
function climb<T>(indices: readonly number[], size: number, { leaf, other, join }: Climb<T>): T {
  const over = (range: LeafRange, from: number, to: number): T => {
    const { begin, end } = range;
    if (from === to) return other(range);
    if (end - begin === 1) return leaf(from);
    const middle = begin + splitWidth(end - begin);
    const split = firstFrom(middle, indices, from, to);
    const left = over({ begin, end: middle }, from, split);
    return join(left, over({ begin: middle, end }, split, to));
  };
  return over({ begin: 0, end: size }, 0, indices.length);
}

/** Where the first index stands that is not below. */
function firstFrom(index: number, indices: readonly number[], from: number, to: number): number {
  let [low, high] = [from, to];
  while (low < high) {
    const half = Math.floor((low + high) / 2);
    if (indices[half]! < index) low = half + 1;
    else high = half;
  }
  return low;
}

const areLeaves = (indices: readonly number[], size: number): boolean =>
  indices.length > 0 &&
  indices.every((index, at) => Number.isSafeInteger(index) && index > (indices[at - 1] ?? -1) && index < size);

function assertLeaves(indices: readonly number[], size: number): void {
  assertTreeSize(size);
  if (!areLeaves(indices, size)) throw new RangeError(`no rising leaves of a tree of size ${size}`);
}

const notIncluded = (detail: string) => err(new AppError('RECEIPT_INVALID', detail));
