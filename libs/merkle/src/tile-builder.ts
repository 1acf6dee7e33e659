import { CompactRange } from './compact-range.js';
import { partialTileWidth, tileWidth } from './tile.js';

/** A tile as the tree makes it. */
export interface BuiltTile {
  readonly level: number;
  readonly n: number;
  /** 1 to 256; a partial one stands at the right edge. */
  readonly hashes: readonly Buffer[];
}

/** A tile by its place and width, whatever is in it. */
export interface TileName {
  readonly level: number;
  readonly n: number;
  readonly width: number;
}

/** Levels of the tree in one level of tiles: 2^8 = 256. */
const levelsPerTile = 8;

/** The partial tiles at the right edge of the tree of this size, the lowest first. */
export function partialTiles(size: number): TileName[] {
  const names: TileName[] = [];
  for (let level = 0, hashes = size; hashes > 0; level += 1, hashes = Math.floor(hashes / tileWidth)) {
    const width = partialTileWidth(level, size);
    if (width > 0) names.push({ level, n: Math.floor(hashes / tileWidth), width });
  }
  return names;
}

/** A growing tree that keeps its right edge and the unfinished tiles, and hands over each tile when it is full. */
export class TileBuilder {
  private full: BuiltTile[] = [];

  constructor(
    private readonly edge = CompactRange.empty(),
    private readonly open: Buffer[][] = [],
    private readonly started: number[] = [],
  ) {}

  /**
   * Goes on from the partial tiles of a tree: their bits are those of its size, so its whole right edge is in them. Who
   * knows the root compares. Throws RangeError unless `rows` has exactly those tiles, in the order of `partialTiles`.
   */
  static restore(size: number, rows: readonly (readonly Buffer[])[]): TileBuilder {
    const names = partialTiles(size);
    if (names.length !== rows.length || names.some(({ width }, at) => rows[at]?.length !== width))
      throw new RangeError(`these are not the partial tiles of a tree of size ${size}`);
    const edges = rows.map((row) => {
      const edge = CompactRange.empty();
      for (const hash of row) edge.append(hash);
      return edge.hashes;
    });
    const open: Buffer[][] = [];
    for (const [at, { level }] of names.entries()) open[level] = [...(rows[at] ?? [])];
    const started: number[] = [];
    for (let level = 0, hashes = size; hashes > 0; level += 1, hashes = started[level - 1] ?? 0)
      started[level] = Math.floor(hashes / tileWidth);
    return new TileBuilder(CompactRange.restore(size, edges.reverse().flat()), open, started);
  }

  get size(): number {
    return this.edge.size;
  }

  append(leafHash: Uint8Array): void {
    this.edge.append(leafHash, (level, _index, hash) => {
      if (level % levelsPerTile === 0) this.keep(level / levelsPerTile, hash);
    });
  }

  root(): Buffer {
    return this.edge.root();
  }

  /** Tiles that became full since the last call. */
  takeFull(): BuiltTile[] {
    const taken = this.full;
    this.full = [];
    return taken;
  }

  /** The partial tiles at the right edge, one a level at most. */
  partial(): BuiltTile[] {
    return this.open.flatMap((hashes, level) =>
      hashes.length === 0 ? [] : [{ level, n: this.started[level] ?? 0, hashes }],
    );
  }

  private keep(level: number, hash: Buffer): void {
    const hashes = (this.open[level] ??= []);
    hashes.push(hash);
    if (hashes.length < tileWidth) return;
    const n = this.started[level] ?? 0;
    this.full.push({ level, n, hashes });
    this.open[level] = [];
    this.started[level] = n + 1;
  }
}
