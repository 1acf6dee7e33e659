import { CompactRange, tileWidth } from '#merkle';

/** A tile as the tree makes it. */
export interface BuiltTile {
  readonly level: number;
  readonly n: number;
  /** 1 to 256; a partial one stands at the right edge. */
  readonly hashes: readonly Buffer[];
}

/** Levels of the tree in one level of tiles: 2^8 = 256. */
const levelsPerTile = 8;

/** A growing tree that keeps its right edge and the unfinished tiles, and hands over each tile when it is full. */
export class TileBuilder {
  private readonly edge = CompactRange.empty();
  private readonly open: Buffer[][] = [];
  private readonly started: number[] = [];
  private full: BuiltTile[] = [];

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
