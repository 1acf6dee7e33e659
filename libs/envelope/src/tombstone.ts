import type { AgencyId, Sha256 } from '#kernel';
import { agency, code, hash, instant, isAscending } from './fields.js';
import { type Check, also, closed, integer, list, oneOf, text } from './shape.js';

/** Indices of the log from the first to the last, both included. */
export interface IndexRange {
  first: number;
  last: number;
}

/** So many that the leaf stays below the 65,535 bytes of an entry bundle's length field, with indices of ten digits. */
export const maxTombstoneRanges = 1_400;

/**
 * What stays of erased entries: that they were erased, which, on what grounds, who asked and approved, and that no legal
 * hold stood against it. One covers a batch of several persons' entries and says nothing of who belongs to which, so that it
 * groups nobody's (design 3, Erasure). In clear, so that everybody can demand body or tombstone for every index.
 */
export interface Tombstone {
  type: 'tombstone';
  indices: IndexRange[];
  /** Ids of the legal grounds in the retention data, sorted. */
  grounds: string[];
  /** Version of the retention data whose floors were kept. */
  retention: number;
  /** Agencies whose keys signed proposals and approvals, sorted. */
  proposers: AgencyId[];
  approvers: AgencyId[];
  /** Hashes of the signed approvals, sorted; each names its proposal. */
  approvals: Sha256[];
  /** No legal hold that stood at this moment covers any of the entries. */
  holds: { checkedAt: string; standing: number };
  /** Names the key-encryption key under which they were sealed, and which ends with them. */
  kek: string;
  at: string;
}

const isSorted = (values: readonly string[]): boolean =>
  values.every((value, at) => at === 0 || String(values[at - 1]) < value);
const sorted = <T extends string>(item: Check<T>, max: number): Check<T[]> =>
  also(list(item, { min: 1, max }), isSorted);

/** Rising, apart from each other: one set has one canonical form. */
const indexRanges = (max: number): Check<IndexRange[]> =>
  also(
    list(closed<IndexRange>({ first: integer(0), last: integer(0) }), { min: 1, max }),
    (ranges) =>
      isAscending(ranges.map(({ first }) => first)) &&
      ranges.every(({ first, last }, at) => first <= last && (at === 0 || ranges[at - 1]!.last + 1 < first)),
  );

export const someIndices = indexRanges(maxTombstoneRanges);

export const tombstone: Check<Tombstone> = closed<Tombstone>({
  type: oneOf('tombstone'),
  indices: someIndices,
  grounds: sorted(code, 16),
  retention: integer(1),
  proposers: sorted(agency, 64),
  approvers: sorted(agency, 64),
  approvals: sorted(hash, 64),
  holds: closed<Tombstone['holds']>({ checkedAt: instant, standing: integer(0) }),
  kek: text(/^[A-Za-z0-9_-]{8}$/),
  at: instant,
});

/** The fewest ranges that hold these indices and no other. */
export function rangesOf(indices: Iterable<number>): IndexRange[] {
  const ranges: IndexRange[] = [];
  for (const index of [...indices].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && index <= last.last + 1) last.last = index;
    else ranges.push({ first: index, last: index });
  }
  return ranges;
}

export const countOf = (ranges: readonly IndexRange[]): number =>
  ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);

export const indicesOf = (ranges: readonly IndexRange[]): number[] =>
  ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, at) => first + at));
