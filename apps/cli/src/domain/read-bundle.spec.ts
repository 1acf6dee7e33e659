import { describe, expect, it } from '@jest/globals';
import { encodeEntryBundle, leafHash } from '#merkle';
import { readBundle } from './read-bundle.js';

const entries = Array.from({ length: 40 }, (_, n) => Buffer.alloc(20 + n, n));
const bundle = encodeEntryBundle(entries);
const hashes = entries.map(leafHash);
const offsetOf = (place: number): number => entries.slice(0, place).reduce((sum, entry) => sum + 2 + entry.length, 0);

const withLength = (place: number, length: number): Buffer => {
  const changed = Buffer.from(bundle);
  changed.writeUInt16BE(length, offsetOf(place));
  return changed;
};

describe('a bundle', () => {
  it('is read as it is', () => {
    const { entries: read, wrongLengths, broken } = readBundle(bundle, hashes, 40);
    expect(read.map((entry) => Buffer.from(entry))).toEqual(entries);
    expect({ wrongLengths, broken }).toEqual({ wrongLengths: [], broken: false });
  });

  it.each([
    ['too long', 5, 26],
    ['too short', 5, 24],
    ['beyond the end', 5, 65_535],
    ['as long as two entries', 5, 25 + 2 + 26],
    ['of the last entry beyond the end', 39, 60],
    ['of the last entry too short', 39, 3],
  ])('with a length %s is read by the hashes of the tile', (_, place, length) => {
    const read = readBundle(withLength(place, length), hashes, 40);
    expect(read.entries).toHaveLength(40);
    expect(read).toMatchObject({ wrongLengths: [place], broken: false });
  });

  it('without a tile is read up to where it breaks', () => {
    const { entries: read, broken } = readBundle(withLength(5, 65_535), undefined, 40);
    expect(read).toHaveLength(5);
    expect(broken).toBe(true);
  });

  it('of rubbish is broken from the start', () => {
    expect(readBundle(Buffer.alloc(3, 0xff), hashes, 40)).toEqual({ entries: [], wrongLengths: [], broken: true });
  });
});
