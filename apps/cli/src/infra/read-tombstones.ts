import type { Tombstone } from '#envelope';
import { covers } from '../domain/tombstones.js';
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
  const first = Math.min(...erased);
  const found = await clearEntries(log, ({ type, index }) => type === 'tombstone' && index > first);
  return found.flatMap(({ index, entry, record }) =>
    record.type === 'tombstone' && erased.some((one) => covers(record, one))
      ? [{ index, entry, tombstone: record }]
      : [],
  );
}
