import { decodeTile, entryBundlePath, leafHash, tilePath, tileWidth, widthAt } from '#merkle';
import type { FoundLeaf } from '../domain/align-leaves.js';
import { type FaultList, faultOf } from '../domain/log-fault.js';
import { readBundle } from '../domain/read-bundle.js';
import type { LogFiles } from '../domain/log-files.js';

/** What the export holds for up to 256 places of the log: its entries, and the hashes of the lowest tiles. */
export interface LogChunk {
  readonly found: readonly FoundLeaf[];
  readonly logged: readonly (Buffer | undefined)[];
}

const unreadable: FoundLeaf = { hash: undefined, entry: new Uint8Array() };

/** The whole log in order, one bundle and its tile at a time. What cannot be read is told and stands as undefined. */
export async function* readChunks(files: LogFiles, size: number, faults: FaultList): AsyncGenerator<LogChunk> {
  for (let n = 0; n * tileWidth < size; n += 1) {
    const width = widthAt(n, size);
    const hashes = await readTile(files, n, width, faults);
    const found = await readEntries(files, { n, size, hashes }, faults);
    yield { found, logged: hashes ?? Array.from<undefined>({ length: width }) };
  }
}

async function readTile(files: LogFiles, n: number, width: number, faults: FaultList): Promise<Buffer[] | undefined> {
  const path = tilePath(0, n, width);
  const place = { path, index: n * tileWidth };
  const bytes = await files.read(path);
  if (bytes === undefined) {
    faults.add(faultOf('tile-missing', `The tile with the hashes of ${places(n, width)} is missing.`, place));
    return undefined;
  }
  const tile = decodeTile(bytes, width);
  if (tile.ok) return tile.value;
  faults.add(faultOf('tile-changed', `The tile with the hashes of ${places(n, width)} has another length.`, place));
  return undefined;
}

async function readEntries(
  files: LogFiles,
  { n, size, hashes }: { readonly n: number; readonly size: number; readonly hashes: Buffer[] | undefined },
  faults: FaultList,
): Promise<FoundLeaf[]> {
  const width = widthAt(n, size);
  const path = entryBundlePath(n, width);
  const bytes = await files.read(path);
  if (bytes === undefined) {
    // Where its tile is there, or a later bundle, a file is missing. Where neither is, the log was cut off: the tail is named as
    // such, entry by entry, by who puts entries and hashes side by side.
    if (hashes === undefined && !(await hasLaterBundle(files, n, size))) return [];
    faults.add(
      faultOf('bundle-missing', `The bundle of ${places(n, width)} is missing.`, { path, index: n * tileWidth }),
    );
    return Array.from({ length: width }, () => unreadable);
  }
  const { entries, wrongLengths, broken } = readBundle(bytes, hashes, width);
  for (const place of wrongLengths) {
    const index = n * tileWidth + place;
    faults.add(
      faultOf('entry-changed', 'The bytes before the entry state another length than it has.', { path, index }),
    );
  }
  const found: FoundLeaf[] = entries.map((entry, place) => {
    // No entry is empty: a database has no row for this place.
    if (entry.length > 0) return { hash: leafHash(entry), entry };
    faults.add(faultOf('entry-missing', 'Nothing stands at this place.', { index: n * tileWidth + place }));
    return unreadable;
  });
  if (!broken) return found;
  const index = n * tileWidth + entries.length;
  faults.add(
    faultOf('bundle-broken', 'From this entry to the end of its bundle nothing can be read.', { path, index }),
  );
  return [...found, ...Array.from({ length: Math.max(0, width - found.length) }, () => unreadable)];
}

async function hasLaterBundle(files: LogFiles, n: number, size: number): Promise<boolean> {
  for (let later = n + 1; later * tileWidth < size; later += 1) {
    if (await files.read(entryBundlePath(later, widthAt(later, size)))) return true;
  }
  return false;
}

const places = (n: number, width: number): string =>
  width === 1 ? `entry ${n * tileWidth}` : `entries ${n * tileWidth} to ${n * tileWidth + width - 1}`;
