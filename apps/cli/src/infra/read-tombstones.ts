import type { IndexRange, Tombstone } from '#envelope';
import { type SignedLog, clearEntries } from './clear-entries.js';

/** A tombstone as the public log has it, which its leaf has still to prove. */
export interface ReadTombstone {
  readonly index: number;
  readonly entry: Buffer;
  readonly tombstone: Tombstone;
}

/** The tombstones that name any of these entries. They stand in clear, after what they name. Errors: as `clearEntries`. */
export async function readTombstones(log: SignedLog, erased: readonly number[]): Promise<ReadTombstone[]> {
  if (erased.length === 0) return [];
  const rising = Float64Array.from(erased).sort();
  const found = await clearEntries(log, ({ type, index }) => type === 'tombstone' && index > rising[0]!);
  return found.flatMap(({ index, entry, record }) =>
    record.type === 'tombstone' && record.indices.some((range) => isAnyIn(rising, range))
      ? [{ index, entry, tombstone: record }]
      : [],
  );
}

/** Is any of these, which rise, in the range? */
function isAnyIn(rising: Float64Array, { first, last }: IndexRange): boolean {
  let [low, high] = [0, rising.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rising[middle]! < first) low = middle + 1;
    else high = middle;
  }
  return low < rising.length && rising[low]! <= last;
}
