import { describe, expect, it } from '@jest/globals';
import {
  type BuiltTile,
  MemoryTree,
  TileBuilder,
  leafHash,
  partialTileWidth,
  partialTiles,
  tileWidth,
} from './index.js';

const leaves = Array.from({ length: 70_000 }, (_, n) => leafHash(Buffer.from(`entry ${n}`)));
const tree = MemoryTree.of(leaves);

/** Names and content in a form that is quickly compared. */
const named = (tiles: readonly BuiltTile[]): string[] =>
  tiles.map(({ level, n, hashes }) => `${level}/${n} ${Buffer.concat(hashes).toString('base64')}`);

const builderOf = (size: number): TileBuilder => {
  const builder = new TileBuilder();
  for (const leaf of leaves.slice(0, size)) builder.append(leaf);
  return builder;
};

describe('tiles of a growing tree', () => {
  it('hold the nodes of every eighth level', () => {
    const full = builderOf(70_000).takeFull();
    const nodes = full.map(({ level, n, hashes }) => ({
      level,
      n,
      hashes: hashes.map((_, at) => tree.node(8 * level, n * tileWidth + at)),
    }));
    expect(named(full)).toEqual(named(nodes));
  });

  it('are told as full once each', () => {
    const builder = builderOf(70_000);
    const full = builder.takeFull().map(({ level, n }) => `${level}/${n}`);
    expect(full).toHaveLength(273 + 1);
    expect(new Set(full).size).toBe(full.length);
    expect(builder.takeFull()).toEqual([]);
  });

  it.each([0, 1, 255, 256, 257, 300, 65_535, 65_536, 65_537, 65_792, 70_000])(
    'of size %i: the partial ones are named by the size alone',
    (size) => {
      const built = builderOf(size).partial();
      expect(partialTiles(size)).toEqual(built.map(({ level, n, hashes }) => ({ level, n, width: hashes.length })));
      for (const { level, width } of partialTiles(size)) expect(width).toBe(partialTileWidth(level, size));
    },
  );

  it.each([0, 1, 2, 255, 256, 257, 511, 65_535, 65_536, 65_537, 65_793, 69_000])(
    'goes on from the partial ones of size %i as if it had never stopped',
    (size) => {
      const stopped = builderOf(size);
      const restored = TileBuilder.restore(
        size,
        stopped.partial().map(({ hashes }) => hashes),
      );
      expect(restored.root()).toEqual(tree.root(size));
      stopped.takeFull();
      for (const builder of [stopped, restored])
        for (const leaf of leaves.slice(size, size + 700)) builder.append(leaf);
      expect(restored.root()).toEqual(tree.root(Math.min(70_000, size + 700)));
      expect(named(restored.takeFull())).toEqual(named(stopped.takeFull()));
      expect(named(restored.partial())).toEqual(named(stopped.partial()));
    },
  );

  it('goes on from no other tiles', () => {
    expect(() => TileBuilder.restore(3, [leaves.slice(0, 2)])).toThrow(RangeError);
    expect(() => TileBuilder.restore(3, [])).toThrow(RangeError);
    expect(() => TileBuilder.restore(256, [leaves.slice(0, 256)])).toThrow(RangeError);
  });
});
