import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  MemoryTree,
  assembleInclusionProof,
  consistencyProofNodes,
  assembleConsistencyProof,
  inclusionProofNodes,
  leafHash,
} from '#merkle';
import type { Tile, TileId } from './tile.js';
import { TiledTree, type TileSource } from './tiled-tree.js';

const entry = (index: number): Buffer => Buffer.from(`entry ${index}`);

/** Keeps what the appender stores: entries, and tiles when they are full. */
class StoredLog implements TileSource {
  entriesKept: Buffer[] = [];
  tiles = new Map<string, Tile>();
  fetched = 0;

  async rows(tiles: readonly TileId[]): Promise<Buffer[]> {
    this.fetched += tiles.length;
    return tiles.map(({ tileLevel, n }) => {
      const tile = this.tiles.get(`${tileLevel}/${n}`);
      if (!tile) throw new RangeError('missing');
      return Buffer.from(tile.row);
    });
  }
  async roots(tileLevel: number, from: number, to: number): Promise<Buffer[]> {
    return Array.from(
      { length: to - from },
      (_, at) => this.tiles.get(`${tileLevel}/${from + at}`)?.root ?? Buffer.alloc(0),
    );
  }
  async entries(from: number, to: number): Promise<Buffer[]> {
    return this.entriesKept.slice(from, to);
  }
}

const text = (proof: readonly Buffer[]): string => Buffer.concat(proof).toString('hex');

const largest = 67_000;
const stored = new StoredLog();
const reference = new MemoryTree();

beforeAll(async () => {
  const tree = await TiledTree.restore(0, stored);
  for (let index = 0; index < largest; index += 1) {
    stored.entriesKept.push(entry(index));
    tree.append(leafHash(entry(index)));
    reference.append(leafHash(entry(index)));
  }
  for (const tile of tree.takeCompleted()) stored.tiles.set(`${tile.tileLevel}/${tile.n}`, tile);
});

// Around the edges of tiles of both levels.
const sizes = [0, 1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_536 + 256, 66_000];

describe('a tree kept in tiles', () => {
  it.each(sizes)('restored at size %i has the root of the same tree kept whole', async (size) => {
    const restored = await TiledTree.restore(size, stored);
    expect(restored.size).toBe(size);
    expect(restored.root()).toEqual(reference.root(size));
  });

  it.each(sizes)('goes on from size %i as if there had been no restart', async (size) => {
    const restored = await TiledTree.restore(size, stored);
    for (let index = size; index < size + 300; index += 1) restored.append(leafHash(entry(index)));
    expect(restored.root()).toEqual(reference.root(size + 300));
    const completed = restored.takeCompleted();
    expect(completed.map(({ tileLevel, n }) => `${tileLevel}/${n}`)).toContain(`0/${Math.floor(size / 256)}`);
    for (const { tileLevel, n, row } of completed) expect(row).toEqual(stored.tiles.get(`${tileLevel}/${n}`)?.row);
  });

  it('proves leaves at every size up to 600, and growth to 600, from tiles', async () => {
    const tree = await TiledTree.restore(600, stored);
    for (let size = 1; size <= 600; size += 1) {
      for (const index of new Set([0, size >> 1, size - 1, Math.max(0, size - 257)])) {
        const read = await tree.reader(inclusionProofNodes(index, size), stored);
        expect(text(assembleInclusionProof(index, size, read))).toBe(text(reference.inclusionProof(index, size)));
      }
      const read = await tree.reader(consistencyProofNodes(size, 600), stored);
      expect(text(assembleConsistencyProof(size, 600, read))).toBe(text(reference.consistencyProof(size, 600)));
    }
  });

  it('fetches only the tiles on the path, and none twice', async () => {
    const tree = await TiledTree.restore(66_000, stored);
    const nodes = inclusionProofNodes(1_000, 66_000);
    const fetchedBefore = stored.fetched;
    const proof = assembleInclusionProof(1_000, 66_000, await tree.reader(nodes, stored));
    expect(proof).toEqual(reference.inclusionProof(1_000, 66_000));
    const fetched = stored.fetched - fetchedBefore;
    expect(fetched).toBeLessThanOrEqual(2);
    await tree.reader(nodes, stored);
    expect(stored.fetched - fetchedBefore).toBe(fetched);
  });

  it('needs no store for proofs of what was just appended', async () => {
    const tree = await TiledTree.restore(1_000, stored);
    for (let index = 1_000; index < 2_000; index += 1) tree.append(leafHash(entry(index)));
    for (const index of [1_000, 1_023, 1_024, 1_500, 1_999])
      expect(assembleInclusionProof(index, 2_000, tree.node)).toEqual(reference.inclusionProof(index, 2_000));
  });

  it('refuses a store that lacks an entry', async () => {
    const short = Object.assign(new StoredLog(), {
      tiles: stored.tiles,
      entriesKept: stored.entriesKept.slice(0, 299),
    });
    await expect(TiledTree.restore(300, short)).rejects.toThrow(RangeError);
  });
});
