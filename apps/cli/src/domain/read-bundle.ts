import { createHash } from 'node:crypto';
import { decodeEntryBundle, leafHash } from '#merkle';

const lengthPrefix = 2;
const longestEntry = 0xffff;
/** Each search hashes up to 64 KiB byte by byte; a file of rubbish must not take for ever. */
const mostRepairs = 8;

export interface BundleReading {
  readonly entries: readonly Uint8Array[];
  /** Places in the bundle whose length was wrong, found by the hash that the tile has for them. */
  readonly wrongLengths: readonly number[];
  /** Bytes from the place `entries.length` on that are no entries. */
  readonly broken: boolean;
}

/**
 * The entries of a bundle, also of a damaged one. One wrong bit in a length makes all that follows unreadable; the hashes
 * of the tile tell where that entry ends, so that it alone is named.
 */
export function readBundle(bytes: Buffer, logged: readonly Buffer[] | undefined, width: number): BundleReading {
  const plain = decodeEntryBundle(bytes);
  if (plain.ok && (plain.value.length === width || logged === undefined)) {
    return { entries: plain.value, wrongLengths: [], broken: false };
  }
  const entries: Uint8Array[] = [];
  const wrongLengths: number[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const begin = offset + lengthPrefix;
    const stated = begin <= bytes.length ? begin + bytes.readUInt16BE(offset) : Number.POSITIVE_INFINITY;
    const expected = logged?.[entries.length];
    const end = endOf(bytes, { begin, stated, expected, mayRepair: wrongLengths.length < mostRepairs });
    if (end === undefined) return { entries, wrongLengths, broken: true };
    if (end !== stated) wrongLengths.push(entries.length);
    entries.push(new Uint8Array(bytes.subarray(begin, end)));
    offset = end;
  }
  return { entries, wrongLengths, broken: false };
}

function endOf(
  bytes: Buffer,
  place: { begin: number; stated: number; expected: Buffer | undefined; mayRepair: boolean },
): number | undefined {
  const { begin, stated, expected, mayRepair } = place;
  const readable = stated <= bytes.length;
  if (readable && (expected === undefined || leafHash(bytes.subarray(begin, stated)).equals(expected))) return stated;
  const repaired = expected !== undefined && mayRepair ? endByHash(bytes, begin, expected) : undefined;
  return repaired ?? (readable ? stated : undefined);
}

function endByHash(bytes: Buffer, begin: number, expected: Buffer): number | undefined {
  const running = createHash('sha256').update(Buffer.of(0));
  const limit = Math.min(bytes.length, begin + longestEntry);
  for (let end = begin; end <= limit; end += 1) {
    if (running.copy().digest().equals(expected)) return end;
    running.update(bytes.subarray(end, end + 1));
  }
  return undefined;
}
