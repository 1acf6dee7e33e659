import { type NodeId, hashLength, interiorHash } from '#merkle';

/** Levels of the tree in one level of tiles: 256 = 2^8 (C2SP tlog-tiles). */
const tileHeight = 8;
export const tileWidth = 2 ** tileHeight;

/** Where a node stands: `height` levels above the bottom row of the tile. */
export interface TilePlace {
  readonly tileLevel: number;
  readonly n: number;
  readonly height: number;
  readonly offset: number;
}

export interface TileId {
  readonly tileLevel: number;
  readonly n: number;
}

export function placeOf({ level, index }: NodeId): TilePlace {
  const height = level % tileHeight;
  const width = tileWidth >> height;
  return {
    tileLevel: Math.floor(level / tileHeight),
    n: Math.floor(index / width),
    height,
    offset: index % width,
  };
}

// Rows of 256, 128 … 2 hashes, one after the other.
const rowStart = Array.from(
  { length: tileHeight },
  (_, height) => (2 * tileWidth - (2 * tileWidth) / 2 ** height) * hashLength,
);
const tileBytes = (2 * tileWidth - 2) * hashLength;

/**
 * A subtree of up to 256 leaves or lower tiles with all its inner nodes, so that a proof costs look-ups and no hashing.
 * Nodes are only added: what a committed size implies never changes.
 */
export class Tile implements TileId {
  private readonly nodes = Buffer.alloc(tileBytes);
  private filled = 0;

  constructor(
    readonly tileLevel: number,
    readonly n: number,
  ) {}

  /** From the bottom row as stored: computes the nodes above it. */
  static of({ tileLevel, n }: TileId, row: Uint8Array): Tile {
    const tile = new Tile(tileLevel, n);
    if (row.length % hashLength !== 0 || row.length > tileWidth * hashLength)
      throw new RangeError('not a row of hashes');
    for (let at = 0; at < row.length / hashLength; at += 1) {
      let offset = at;
      tile.put(0, offset, Buffer.from(row.buffer, row.byteOffset + at * hashLength, hashLength));
      for (let height = 1; height < tileHeight && offset % 2 === 1; height += 1) {
        offset = (offset - 1) / 2;
        tile.put(
          height,
          offset,
          interiorHash(tile.hash(height - 1, 2 * offset), tile.hash(height - 1, 2 * offset + 1)),
        );
      }
    }
    return tile;
  }

  /** Hashes in the bottom row. */
  get width(): number {
    return this.filled;
  }

  put(height: number, offset: number, hash: Buffer): void {
    hash.copy(this.nodes, this.start(height, offset));
    if (height === 0) this.filled = offset + 1;
  }

  hash(height: number, offset: number): Buffer {
    if ((offset + 1) * 2 ** height > this.filled)
      throw new RangeError(`tile ${this.tileLevel}/${this.n} has no such node`);
    const start = this.start(height, offset);
    return this.nodes.subarray(start, start + hashLength);
  }

  /** The bottom row: what is stored, and later served. */
  get row(): Buffer {
    return this.nodes.subarray(0, this.filled * hashLength);
  }

  /** Root of a full tile: a hash in the bottom row of the tile above. */
  get root(): Buffer {
    return interiorHash(this.hash(tileHeight - 1, 0), this.hash(tileHeight - 1, 1));
  }

  private start(height: number, offset: number): number {
    const row = rowStart[height];
    if (row === undefined) throw new RangeError(`no row ${height} in a tile`);
    return row + offset * hashLength;
  }
}
