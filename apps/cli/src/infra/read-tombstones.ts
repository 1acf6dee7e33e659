import type { Tombstone } from '#envelope';
import { AppError } from '#kernel';
import type { LogFiles } from '../domain/log-files.js';
import { covers, tombstoneIn } from '../domain/tombstones.js';
import { TiledSource } from '../export-log/tiled-source.js';

/** A tombstone as the public log has it, which its leaf has still to prove. */
export interface ReadTombstone {
  readonly index: number;
  readonly entry: Buffer;
  readonly tombstone: Tombstone;
}

/**
 * The tombstones that name any of these entries. The public log is read once for them, as they stand in clear.
 *
 * @param published size up to which the log's files are there
 *
 * Errors: LOG_INCONSISTENT (it ends before its checkpoint says).
 */
export async function readTombstones(
  log: LogFiles,
  { size, published = size }: { readonly size: number; readonly published?: number },
  erased: readonly number[],
): Promise<ReadTombstone[]> {
  if (erased.length === 0) return [];
  const source = new TiledSource(log);
  const found: ReadTombstone[] = [];
  for (let from = 0; from < size;) {
    const page = (await source.entries(from, published)).slice(0, size - from);
    if (page.length === 0) throw new AppError('LOG_INCONSISTENT', `The published log ends before entry ${from}.`);
    for (const [place, entry] of page.entries()) {
      const tombstone = tombstoneIn(entry);
      if (tombstone && erased.some((index) => covers(tombstone, index)))
        found.push({ index: from + place, entry, tombstone });
    }
    from += page.length;
  }
  return found;
}
