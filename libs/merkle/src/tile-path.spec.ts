import { describe, expect, it } from '@jest/globals';
import { entryBundlePath, parseTilePath, tilePath, widthAt } from './index.js';

describe('the path of a tile', () => {
  it.each([
    [tilePath(0, 0), { level: 0, n: 0, width: 256 }],
    [tilePath(3, 1_234_067, 5), { level: 3, n: 1_234_067, width: 5 }],
    [entryBundlePath(1_000), { level: 'entries', n: 1_000, width: 256 }],
    [entryBundlePath(7, 44), { level: 'entries', n: 7, width: 44 }],
  ])('%s names one tile', (path, tile) => {
    expect(parseTilePath(path)).toEqual(tile);
  });

  it.each([
    'tile/0/0',
    'tile/0/x000/001',
    'tile/00/001',
    'tile/64/001',
    'tile/0/001.p/256',
    'tile/0/001.p/0',
    'tile/0/001.p/007',
    'checkpoint',
  ])('%s names none', (path) => {
    expect(parseTilePath(path)).toBeUndefined();
  });
});

describe('the width of a tile', () => {
  it.each([
    [0, 0, 0],
    [0, 1, 1],
    [0, 256, 256],
    [1, 256, 0],
    [1, 300, 44],
    [2, 300, 0],
  ])('%i in a log of %i is %i', (n, count, width) => {
    expect(widthAt(n, count)).toBe(width);
  });
});
