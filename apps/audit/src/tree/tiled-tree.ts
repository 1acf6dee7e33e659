import { LRUCache } from 'lru-cache';
import { CompactRange, type NodeId, type NodeReader, leafHash, rootNodes } from '#merkle';
import { Tile, type TileId, placeOf, tileWidth } from './tile.js';

/** Where the tree's past lies: full tiles, and the entries of the last one that is not yet full. */
export interface TileSource {
  /** Bottom rows of full tiles. Rejects when one is missing. */
  rows(tiles: readonly TileId[]): Promise<Buffer[]>;
  /** Roots of the full tiles `from` ≤ n < `to` of a level. */
  roots(tileLevel: number, from: number, to: number): Promise<Buffer[]>;
  /** Entries with `from` ≤ leaf index < `to`. */
  entries(from: number, to: number): Promise<Buffer[]>;
}

/** 16 kB each. */
const tilesInMemory = 2_048;

const keyOf = ({ tileLevel, n }: TileId): string => `${tileLevel}/${n}`;

/**
 * The tree at its right edge, with full tiles in a cache. Appending is synchronous and needs no store. A tile is stored
 * when it is full, once; the partial ones are rebuilt from entries and from the tiles below (C2SP tlog-tiles).
 */
export class TiledTree {
  private readonly edge = new Map<number, Tile>();
  private readonly full = new LRUCache<string, Tile>({ max: tilesInMemory });
  private completed: Tile[] = [];

  private constructor(
    private readonly range: CompactRange,
    edge: readonly Tile[],
  ) {
    for (const tile of edge) this.edge.set(tile.tileLevel, tile);
  }

  /** Reads the right edge of the tree of this size. The caller compares the root with its checkpoint. */
  static async restore(size: number, source: TileSource): Promise<TiledTree> {
    const edge: Tile[] = [];
    for (let tileLevel = 0, hashes = size; hashes > 0; tileLevel += 1, hashes = Math.floor(hashes / tileWidth)) {
      const n = Math.floor(hashes / tileWidth);
      if (hashes % tileWidth === 0) continue;
      const row =
        tileLevel === 0
          ? (await source.entries(n * tileWidth, hashes)).map(leafHash)
          : await source.roots(tileLevel - 1, n * tileWidth, hashes);
      if (row.length !== hashes % tileWidth) throw new RangeError(`tile ${tileLevel}/${n} is not whole`);
      edge.push(Tile.of({ tileLevel, n }, Buffer.concat(row)));
    }
    const partial = new TiledTree(CompactRange.empty(), edge);
    const right = rootNodes(size);
    const read = await partial.reader(right, source);
    const hashes = right.map(({ level, index }) => read(level, index));
    return new TiledTree(CompactRange.restore(size, hashes), edge);
  }

  get size(): number {
    return this.range.size;
  }

  root(): Buffer {
    return this.range.root();
  }

  append(hash: Buffer): void {
    this.range.append(hash, (level, index, node) => this.keep(level, index, node));
  }

  /** Tiles that were filled since the last call. */
  takeCompleted(): Tile[] {
    const tiles = this.completed;
    this.completed = [];
    return tiles;
  }

  /** Reads nodes that are in memory: the right edge and what was appended lately. Throws RangeError for others. */
  readonly node: NodeReader = (level, index) => {
    const place = placeOf({ level, index });
    const tile = this.inMemory(place);
    if (!tile) throw new RangeError(`node ${level}/${index} is not in memory`);
    return tile.hash(place.height, place.offset);
  };

  /** A reader of these nodes, tiles being fetched where needed: at most one query, for O(log n) tiles. */
  async reader(nodes: readonly NodeId[], source: TileSource): Promise<NodeReader> {
    const tiles = new Map<string, Tile>();
    const missing = new Map<string, TileId>();
    for (const node of nodes) {
      const place = placeOf(node);
      const tile = this.inMemory(place);
      if (tile) tiles.set(keyOf(place), tile);
      else missing.set(keyOf(place), place);
    }
    if (missing.size > 0) {
      const wanted = [...missing.values()];
      const rows = await source.rows(wanted);
      for (const [at, id] of wanted.entries()) {
        const tile = Tile.of(id, rows[at] ?? Buffer.alloc(0));
        this.full.set(keyOf(id), tile);
        tiles.set(keyOf(id), tile);
      }
    }
    return (level, index) => {
      const place = placeOf({ level, index });
      const tile = tiles.get(keyOf(place));
      if (!tile) throw new RangeError(`node ${level}/${index} was not asked for`);
      return tile.hash(place.height, place.offset);
    };
  }

  private inMemory(id: TileId): Tile | undefined {
    const edge = this.edge.get(id.tileLevel);
    return edge?.n === id.n ? edge : this.full.get(keyOf(id));
  }

  private keep(level: number, index: number, hash: Buffer): void {
    const { tileLevel, n, height, offset } = placeOf({ level, index });
    let tile = this.edge.get(tileLevel);
    if (tile?.n !== n) {
      tile = new Tile(tileLevel, n);
      this.edge.set(tileLevel, tile);
    }
    tile.put(height, offset, hash);
    // The last inner node of a tile comes after its last leaf.
    if (height === 7 && offset === 1) {
      this.full.set(keyOf(tile), tile);
      this.completed.push(tile);
    }
  }
}
