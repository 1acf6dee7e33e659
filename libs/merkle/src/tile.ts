import { AppError, type Result, err, ok } from '#kernel';
import { asHash, hashLength } from './hashing.js';
import { assertTreeSize } from './tree-size.js';

/** Hashes in a full tile and entries in a full bundle (C2SP tlog-tiles). */
export const tileWidth = 256;

const highestTileLevel = 63;
const lengthPrefix = 2;
const longestEntry = 0xffff;

/** `tile/<L>/<N>`, with `.p/<W>` for a partial tile. `width` 256 or none means full. Throws RangeError. */
export function tilePath(level: number, n: number, width: number = tileWidth): string {
  if (!Number.isInteger(level) || level < 0 || level > highestTileLevel) throw new RangeError(`no tile level ${level}`);
  return `tile/${level}/${tileIndexPath(n)}${partialSuffix(width)}`;
}

/** `tile/entries/<N>`, with `.p/<W>` for a partial bundle. `width` 256 or none means full. Throws RangeError. */
export const entryBundlePath = (n: number, width: number = tileWidth): string =>
  `tile/entries/${tileIndexPath(n)}${partialSuffix(width)}`;

/** Hashes in the partial tile at the right edge of that tile level; 0 where there is none to serve. */
export function partialTileWidth(level: number, size: number): number {
  assertTreeSize(size);
  return Math.floor(size / tileWidth ** level) % tileWidth;
}

/** How wide tile or bundle `n` is in a log that has `count` hashes or entries on that level; 0 where there is none. */
export const widthAt = (n: number, count: number): number => Math.max(0, Math.min(tileWidth, count - n * tileWidth));

const tileFile = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,3}))?$/;

/** Level (`entries`, or a number), index and width that a path of `tilePath` or `entryBundlePath` names. */
export function parseTilePath(path: string): { level: 'entries' | number; n: number; width: number } | undefined {
  const [, levelText, indexText, widthText] = tileFile.exec(path) ?? [];
  if (levelText === undefined || indexText === undefined) return undefined;
  const level = levelText === 'entries' ? levelText : Number(levelText);
  const n = Number(indexText.replaceAll(/[x/]/g, ''));
  const width = widthText === undefined ? tileWidth : Number(widthText);
  if (!Number.isSafeInteger(n) || width < 1 || width > tileWidth) return undefined;
  // Only the one spelling: 000.p/256 or 000/x000 name nothing.
  const named =
    level === 'entries' ? entryBundlePath(n, width) : level > highestTileLevel ? undefined : tilePath(level, n, width);
  return named === path ? { level, n, width } : undefined;
}

/** Hashes one after another. Throws RangeError unless there are 1 to 256. */
export function encodeTile(hashes: readonly Uint8Array[]): Buffer {
  assertWidth(hashes.length);
  return Buffer.concat(hashes.map(asHash));
}

/** The hashes of a tile that must be `width` wide. Errors: LOG_INCONSISTENT. */
export function decodeTile(bytes: Uint8Array, width: number = tileWidth): Result<Buffer[]> {
  assertWidth(width);
  if (bytes.length !== width * hashLength) return err(new AppError('LOG_INCONSISTENT', 'the tile has another width'));
  return ok(Array.from({ length: width }, (_, i) => Buffer.from(bytes.subarray(i * hashLength, (i + 1) * hashLength))));
}

/** Each entry behind its length as a big-endian uint16. Throws RangeError beyond 256 entries or 65,535 bytes in one. */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Buffer {
  assertWidth(entries.length);
  return Buffer.concat(entries.flatMap((entry) => [encodedLength(entry), entry]));
}

/**
 * The entries of a bundle, to the last byte. With `width`, exactly so many: an entry too many in a partial bundle is not
 * under the checkpoint. Errors: LEAF_MISMATCH.
 */
export function decodeEntryBundle(bytes: Uint8Array, width?: number): Result<Uint8Array[]> {
  const bundle = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Uint8Array[] = [];
  for (let offset = 0; offset < bundle.length;) {
    const begin = offset + lengthPrefix;
    if (begin > bundle.length) return brokenBundle('the bundle ends within a length');
    const end = begin + bundle.readUInt16BE(offset);
    if (end > bundle.length) return brokenBundle('the bundle ends within an entry');
    entries.push(new Uint8Array(bundle.subarray(begin, end)));
    offset = end;
  }
  if (entries.length === 0 || entries.length > tileWidth) return brokenBundle('a bundle has 1 to 256 entries');
  if (width !== undefined && entries.length !== width) return brokenBundle('the bundle has another width');
  return ok(entries);
}

/** Groups of three digits, `x` before all but the last, so that no path is both file and folder: 1234067 → x001/x234/067. */
function tileIndexPath(n: number): string {
  assertTreeSize(n);
  const digits = String(n);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  return padded.replaceAll(/\d{3}(?=\d)/g, 'x$&/');
}

function partialSuffix(width: number): string {
  assertWidth(width);
  return width === tileWidth ? '' : `.p/${width}`;
}

function assertWidth(width: number): void {
  if (!Number.isInteger(width) || width < 1 || width > tileWidth) throw new RangeError(`no tile is ${width} wide`);
}

function encodedLength(entry: Uint8Array): Buffer {
  if (entry.length > longestEntry) throw new RangeError(`an entry has at most ${longestEntry} bytes`);
  const prefix = Buffer.alloc(lengthPrefix);
  prefix.writeUInt16BE(entry.length);
  return prefix;
}

const brokenBundle = (detail: string) => err(new AppError('LEAF_MISMATCH', detail));
