import { interiorHash } from './hashing.js';

/** Root of a perfect subtree: it covers the leaves from index · 2^level to (index + 1) · 2^level − 1 and never changes. */
export interface NodeId {
  readonly level: number;
  readonly index: number;
}

/** Looks up the hash of a perfect subtree that the log has completed. */
export type NodeReader = (level: number, index: number) => Buffer;

/** Consecutive leaves from `begin` up to, not including, `end`, that form a subtree of the RFC 6962 tree. */
export interface LeafRange {
  readonly begin: number;
  readonly end: number;
}

/**
 * The perfect subtrees that make up a range, left to right, the largest first. Only the range at the right edge of a
 * tree has several: its root is ephemeral, changes with the next entry, and is therefore folded and never stored.
 */
export function perfectSubtrees({ begin, end }: LeafRange): NodeId[] {
  const nodes: NodeId[] = [];
  for (let start = begin; start < end;) {
    const { level, width } = largestPerfectWithin(end - start);
    nodes.push({ level, index: start / width });
    start += width;
  }
  return nodes;
}

/** Root of several neighbouring perfect subtrees, given left to right. Throws on an empty list. */
export function foldRight(hashes: readonly Buffer[]): Buffer {
  const last = hashes.at(-1);
  if (last === undefined) throw new RangeError('nothing to fold');
  return hashes.slice(0, -1).reduceRight((right, left) => interiorHash(left, right), last);
}

/** Hash over a range of leaves, from the perfect subtrees in it. */
export const rangeRoot = (range: LeafRange, get: NodeReader): Buffer =>
  foldRight(perfectSubtrees(range).map(({ level, index }) => get(level, index)));

/** The largest power of two smaller than `leaves`, where RFC 6962 splits a tree of more than one leaf. */
export function splitWidth(leaves: number): number {
  let width = 1;
  while (width * 2 < leaves) width *= 2;
  return width;
}

// Multiplication, not shifts: JavaScript's shifts end at 32 bits, and log2 rounds wrongly near 2^53.
function largestPerfectWithin(leaves: number): { level: number; width: number } {
  let level = 0;
  let width = 1;
  while (width * 2 <= leaves) {
    width *= 2;
    level += 1;
  }
  return { level, width };
}
