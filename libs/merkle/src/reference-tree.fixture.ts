import { emptyRoot, interiorHash, leafHash } from './hashing.js';

/**
 * RFC 6962 §2.1 word for word, by recursion over ranges of leaves and in bigint: slow, simple, and sharing nothing with
 * the code under test but the hashing. Leaves that are not given are all alike, so that trees of 2^64−1 leaves exist.
 */
export class ReferenceTree {
  private readonly known = new Map<string, Buffer>();

  constructor(
    private readonly leaves: ReadonlyMap<bigint, Buffer>,
    private readonly filler: Buffer = leafHash(Buffer.from('filler')),
  ) {}

  /** MTH(D[begin:end]) */
  root(begin: bigint, end: bigint): Buffer {
    if (begin === end) return emptyRoot;
    const key = this.isUniform(begin, end) ? `${end - begin}` : `${begin}:${end}`;
    const known = this.known.get(key) ?? this.computeRoot(begin, end);
    this.known.set(key, known);
    return known;
  }

  /** PATH(m, D[begin:end]) with m counted from the start of the tree. */
  path(index: bigint, begin: bigint, end: bigint): Buffer[] {
    if (end - begin === 1n) return [];
    const middle = begin + split(end - begin);
    return index < middle
      ? [...this.path(index, begin, middle), this.root(middle, end)]
      : [...this.path(index, middle, end), this.root(begin, middle)];
  }

  /** SUBPROOF(m, D[begin:end], b) with m counted from the start of the tree. */
  subproof(first: bigint, begin: bigint, end: bigint, whole: boolean): Buffer[] {
    if (first === end) return whole ? [] : [this.root(begin, end)];
    const middle = begin + split(end - begin);
    return first <= middle
      ? [...this.subproof(first, begin, middle, whole), this.root(middle, end)]
      : [...this.subproof(first, middle, end, false), this.root(begin, middle)];
  }

  private computeRoot(begin: bigint, end: bigint): Buffer {
    if (end - begin === 1n) return this.leaves.get(begin) ?? this.filler;
    const middle = begin + split(end - begin);
    return interiorHash(this.root(begin, middle), this.root(middle, end));
  }

  private isUniform(begin: bigint, end: bigint): boolean {
    for (const index of this.leaves.keys()) if (index >= begin && index < end) return false;
    return true;
  }
}

/** Leaves whose hashes differ from one another. */
export const distinctLeaves = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => leafHash(Buffer.from(`entry ${index}`)));

function split(leaves: bigint): bigint {
  let width = 1n;
  while (width * 2n < leaves) width *= 2n;
  return width;
}
