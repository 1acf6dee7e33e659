import { describe, expect, test } from '@jest/globals';
import { unwrap } from '#kernel';
import {
  decodeEntryBundle,
  decodeTile,
  encodeEntryBundle,
  encodeTile,
  entryBundlePath,
  partialTileWidth,
  tilePath,
} from './index.js';
import { distinctLeaves } from './reference-tree.fixture.js';

describe('the path of a tile', () => {
  test.each([
    [0, 0, undefined, 'tile/0/000'],
    [0, 5, 256, 'tile/0/005'],
    [0, 999, undefined, 'tile/0/999'],
    [1, 1000, undefined, 'tile/1/x001/000'],
    [3, 1234067, undefined, 'tile/3/x001/x234/067'],
    [63, 123456, 1, 'tile/63/x123/456.p/1'],
    [2, 0, 255, 'tile/2/000.p/255'],
    [0, Number.MAX_SAFE_INTEGER, 17, 'tile/0/x009/x007/x199/x254/x740/991.p/17'],
  ])('of level %i, number %i, width %s is %s', (level, n, width, path) => {
    expect(tilePath(level, n, width)).toBe(path);
  });

  test('of entries stands beside the levels', () => {
    expect([entryBundlePath(1234067), entryBundlePath(0, 15)]).toEqual([
      'tile/entries/x001/x234/067',
      'tile/entries/000.p/15',
    ]);
  });

  test.each([
    ['a level beyond 63', () => tilePath(64, 0)],
    ['a negative level', () => tilePath(-1, 0)],
    ['a level with a fraction', () => tilePath(0.5, 0)],
    ['a negative number', () => tilePath(0, -1)],
    ['a number beyond the safe integers', () => tilePath(0, 2 ** 53)],
    ['no hashes', () => tilePath(0, 0, 0)],
    ['257 hashes', () => tilePath(0, 0, 257)],
    ['no entries', () => entryBundlePath(0, 0)],
    ['a negative bundle', () => entryBundlePath(-1)],
  ])('does not exist for %s', (_name, path) => {
    expect(path).toThrow(RangeError);
  });
});

describe('the width of the partial tile', () => {
  test.each([
    [70_000, [112, 17, 1, 0]],
    [256, [0, 1, 0, 0]],
    [255, [255, 0, 0, 0]],
    [0, [0, 0, 0, 0]],
    [2 ** 32 + 3, [3, 0, 0, 0]],
  ])('in a tree of %i leaves is %j by level', (size, widths) => {
    expect([0, 1, 2, 3].map((level) => partialTileWidth(level, size))).toEqual(widths);
  });
});

describe('a tile', () => {
  const hashes = distinctLeaves(256);

  test.each([1, 255, 256])('of %i hashes is read as written', (width) => {
    const bytes = encodeTile(hashes.slice(0, width));
    expect(bytes).toHaveLength(width * 32);
    expect(unwrap(decodeTile(bytes, width))).toEqual(hashes.slice(0, width));
  });

  test.each([
    ['a byte too few', encodeTile(hashes).subarray(1), 256],
    ['a byte too many', Buffer.concat([encodeTile(hashes), Buffer.of(0)]), 256],
    ['a hash too many', encodeTile(hashes.slice(0, 3)), 2],
    ['nothing', Buffer.alloc(0), 1],
  ])('with %s is refused', (_name, bytes, width) => {
    expect(decodeTile(bytes, width)).toMatchObject({ ok: false, error: { code: 'LOG_INCONSISTENT' } });
  });

  test('of no hashes, of 257 or of what is no hash is not written', () => {
    expect(() => encodeTile([])).toThrow(RangeError);
    expect(() => encodeTile(distinctLeaves(257))).toThrow(RangeError);
    expect(() => encodeTile([Buffer.alloc(31)])).toThrow(TypeError);
  });
});

describe('an entry bundle', () => {
  const entries = ['one', '', 'three'].map((text) => new TextEncoder().encode(text));
  const hex = '00036f6e6500000005' + Buffer.from('three').toString('hex');

  test('is each length in two bytes and the entry', () => {
    expect(encodeEntryBundle(entries).toString('hex')).toBe(hex);
  });

  test('is read from a view into a larger buffer', () => {
    const larger = Buffer.concat([Buffer.from('before'), encodeEntryBundle(entries), Buffer.from('after')]);
    const view = new Uint8Array(larger.buffer, larger.byteOffset + 6, hex.length / 2);
    expect(unwrap(decodeEntryBundle(view, 3))).toEqual(entries);
  });

  test('holds entries of up to 65,535 bytes', () => {
    const longest = new Uint8Array(65_535).fill(7);
    expect(unwrap(decodeEntryBundle(encodeEntryBundle([longest])))).toEqual([longest]);
    expect(() => encodeEntryBundle([new Uint8Array(65_536)])).toThrow(RangeError);
  });

  test('holds 256 entries and no more', () => {
    const full = Array.from({ length: 256 }, () => new Uint8Array([1]));
    expect(unwrap(decodeEntryBundle(encodeEntryBundle(full), 256))).toEqual(full);
    expect(() => encodeEntryBundle([...full, ...full])).toThrow(RangeError);
    expect(() => encodeEntryBundle([])).toThrow(RangeError);
  });

  test.each([
    ['nothing', '', undefined],
    ['half a length', `${hex}00`, undefined],
    ['a length and no entry', `${hex}0001`, undefined],
    ['the last byte cut off', hex.slice(0, -2), undefined],
    ['an entry too many for its width', hex, 2],
    ['an entry too few for its width', hex, 4],
    ['257 entries', '0000'.repeat(257), undefined],
  ])('with %s is refused', (_name, bytes, width) => {
    expect(decodeEntryBundle(Buffer.from(bytes, 'hex'), width)).toMatchObject({
      ok: false,
      error: { code: 'LEAF_MISMATCH' },
    });
  });
});
