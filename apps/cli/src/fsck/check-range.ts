import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { type IndexRange, decodeEntry } from '#envelope';
import {
  CompactRange,
  decodeEntryBundle,
  encodeTile,
  entryBundlePath,
  hashLength,
  leafHash,
  tilePath,
  tileWidth,
  widthAt,
} from '#merkle';
import { openBodyLine, parseBodyLine } from '../domain/body-line.js';
import { Buried } from '../domain/buried.js';
import { type ClearLeaf, clearLeafOf } from '../domain/clear-lists.js';
import { type LogFiles, bodiesFile } from '../domain/log-files.js';
import { type KeyEntry, keyEntryOf } from '../domain/log-keys.js';

/** Bundles that are fetched while one is computed. */
const ahead = 8;

/** Consecutive bundles of a log of this size. */
export interface BundleRange {
  readonly first: number;
  readonly end: number;
  readonly size: number;
}

export interface CheckedRange {
  /** Something is not as it should be: another pass says what and where. */
  readonly wrong: boolean;
  readonly opaque: number;
  /** The entries in clear. */
  readonly clear: readonly ClearLeaf[];
  /** Those of them that are about a key of the log. */
  readonly keyEntries: readonly KeyEntry[];
  /** What tombstones among them name. */
  readonly buried: readonly IndexRange[];
  /** First opaque entry that commits to its numbered places; Infinity where there is none. */
  readonly firstNumbered: number;
  /** Last one in the format from before there were any; −1 where there is none. */
  readonly lastUnnumbered: number;
  /** Roots of the full bundles, one after another; after them the leaf hashes of a partial one. */
  readonly roots: Uint8Array;
  readonly partial: Uint8Array;
}

/** Recomputes bundles and the lowest tiles over them, and stops at the first that is wrong. */
export async function checkRange(files: LogFiles, { first, end, size }: BundleRange): Promise<CheckedRange> {
  let opaque = 0;
  const clear: ClearLeaf[] = [];
  const keyEntries: KeyEntry[] = [];
  const buried: IndexRange[] = [];
  const numbered = { firstNumbered: Infinity, lastUnnumbered: -1 };
  const roots: Buffer[] = [];
  let partial = Buffer.alloc(0);
  const nothing = { wrong: true, opaque, clear, keyEntries, buried, ...numbered, roots: Buffer.alloc(0), partial };
  const fetched = new Map<number, Promise<[Buffer | undefined, Buffer | undefined]>>();
  for (let n = first; n < end; n += 1) {
    for (let next = n; next < Math.min(end, n + ahead); next += 1)
      if (!fetched.has(next)) fetched.set(next, fetchBoth(files, next, widthAt(next, size)));
    const width = widthAt(n, size);
    const [bundle, tile] = (await fetched.get(n)) ?? [];
    fetched.delete(n);
    const entries = decodeEntryBundle(bundle ?? Buffer.alloc(0), width);
    if (!entries.ok) return settled(fetched, nothing);
    const hashes = entries.value.map(leafHash);
    if (!tile?.equals(encodeTile(hashes))) return settled(fetched, nothing);
    for (const [at, bytes] of entries.value.entries()) {
      const entry = decodeEntry(bytes);
      if (!entry.ok) return settled(fetched, nothing);
      if (entry.value.kind === 'opaque') {
        opaque += 1;
        const index = n * tileWidth + at;
        if (entry.value.places === undefined) numbered.lastUnnumbered = index;
        else numbered.firstNumbered = Math.min(numbered.firstNumbered, index);
      } else {
        clear.push(clearLeafOf(n * tileWidth + at, bytes, entry.value.record));
        keyEntries.push(...keyEntryOf(n * tileWidth + at, entry.value.record));
        if (entry.value.record.type === 'tombstone') buried.push(...entry.value.record.indices);
      }
    }
    if (width < tileWidth) partial = Buffer.from(encodeTile(hashes));
    else {
      const subtree = CompactRange.empty();
      for (const hash of hashes) subtree.append(hash);
      roots.push(subtree.root());
    }
  }
  return { wrong: false, opaque, clear, keyEntries, buried, ...numbered, roots: Buffer.concat(roots), partial };
}

const fetchBoth = (files: LogFiles, n: number, width: number): Promise<[Buffer | undefined, Buffer | undefined]> =>
  Promise.all([files.read(entryBundlePath(n, width)), files.read(tilePath(0, n, width))]);

/** What was asked ahead is waited for, or it would fail unseen. */
async function settled<T>(fetched: ReadonlyMap<number, Promise<unknown>>, result: T): Promise<T> {
  await Promise.allSettled(fetched.values());
  return result;
}

/** A piece of the file of bodies: the lines that begin in it. */
export interface BodyRange {
  readonly begin: number;
  readonly end: number;
  readonly size: number;
  /** Of which no body may be there. */
  readonly buried: readonly IndexRange[];
}

export interface CheckedBodies {
  readonly wrong: boolean;
  readonly count: number;
  /** Indices of the first and last body; −1 where there is none. */
  readonly first: number;
  readonly last: number;
}

/** Does each body lead to the leaf that the tiles have at its index, in rising order? Stops at the first that does not. */
export async function checkBodies(
  files: LogFiles,
  path: string,
  { begin, end, size, buried: ranges }: BodyRange,
): Promise<CheckedBodies> {
  const buried = new Buried(ranges);
  let [count, first, last] = [0, -1, -1];
  let tile: { readonly n: number; readonly bytes: Buffer | undefined } | undefined;
  for await (const text of linesBeginningIn(join(path, bodiesFile), begin, end)) {
    const line = parseBodyLine(text);
    const opened = line.ok ? openBodyLine(line.value) : line;
    const index = line.ok ? line.value.index : size;
    if (!opened.ok || !('leafHash' in opened.value) || index <= last || index >= size || buried.has(index))
      return { wrong: true, count, first, last };
    const n = Math.floor(index / tileWidth);
    if (tile?.n !== n) tile = { n, bytes: await files.read(tilePath(0, n, widthAt(n, size))) };
    const at = (index % tileWidth) * hashLength;
    if (!tile.bytes?.subarray(at, at + hashLength).equals(opened.value.leafHash))
      return { wrong: true, count, first, last };
    if (count === 0) first = index;
    last = index;
    count += 1;
  }
  return { wrong: false, count, first, last };
}

const newline = 0x0a;

/** The lines whose first byte lies in the range, each once however the file is cut. */
async function* linesBeginningIn(path: string, begin: number, end: number): AsyncGenerator<string> {
  // One byte earlier: a line begins at `begin` only if a newline stands before it.
  const from = Math.max(0, begin - 1);
  let rest = Buffer.alloc(0);
  let offset = from;
  let skipping = begin > 0;
  for await (const chunk of createReadStream(path, { start: from, highWaterMark: 1 << 20 })) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    let start = 0;
    for (let stop = rest.indexOf(newline); stop >= 0; stop = rest.indexOf(newline, start)) {
      const lineBegin = offset + start;
      if (!skipping && lineBegin >= end) return;
      if (!skipping) yield rest.toString('utf8', start, stop);
      skipping = false;
      start = stop + 1;
    }
    offset += start;
    rest = rest.subarray(start);
  }
  if (rest.length > 0 && !skipping && offset < end) yield rest.toString('utf8');
}
