import { AppError, unwrap } from '#kernel';
import { interiorHash } from './hashing.js';
import type { NodeId, NodeReader } from './perfect-subtree.js';
import { decodeTile, tilePath, tileWidth, widthAt } from './tile.js';

/** Levels of the tree in one level of tiles: 2^8 = 256. */
const levelsPerTile = 8;

/**
 * Reads nodes of a tree from its tiles, each tile once: what proofs need, from a log that only serves files. Nothing is
 * proved by that: the caller compares with a signed root. Errors: LOG_INCONSISTENT where a tile is missing or has another width.
 *
 * @param size of the tree whose tiles are read
 * @param read a file in the layout of C2SP tlog-tiles
 */
export async function readNodes(
  nodes: readonly NodeId[],
  size: number,
  read: (path: string) => Promise<Uint8Array | undefined>,
): Promise<NodeReader> {
  const wanted = new Map(nodes.map((node) => [keyOf(placeOf(node, size)), node]));
  const tiles = new Map<string, TileNodes>();
  await Promise.all(
    [...wanted].map(async ([key, node]) => {
      const { level, n, width } = placeOf(node, size);
      const path = tilePath(level, n, width);
      const bytes = await read(path);
      if (!bytes) throw new AppError('LOG_INCONSISTENT', `${path} is missing, which the checkpoint implies`);
      tiles.set(key, new TileNodes(unwrap(decodeTile(bytes, width))));
    }),
  );
  return (level, index) => {
    const place = placeOf({ level, index }, size);
    const tile = tiles.get(keyOf(place));
    if (!tile) throw new RangeError(`node ${level}/${index} was not asked for`);
    return tile.node(place.height, place.offset);
  };
}

/** The nodes above a tile's row, each computed once however many proofs need it. */
class TileNodes {
  private readonly above = new Map<number, Buffer>();

  constructor(private readonly row: readonly Buffer[]) {}

  /** The subtree of 2^height hashes must be whole. */
  node(height: number, offset: number): Buffer {
    if (height === 0) return this.row[offset]!;
    const key = height * tileWidth + offset;
    const known = this.above.get(key);
    if (known) return known;
    const hash = interiorHash(this.node(height - 1, 2 * offset), this.node(height - 1, 2 * offset + 1));
    this.above.set(key, hash);
    return hash;
  }
}

interface Place {
  readonly level: number;
  readonly n: number;
  readonly width: number;
  /** Above the tile's row, and among the nodes of that height. */
  readonly height: number;
  readonly offset: number;
}

const keyOf = ({ level, n }: Place): string => `${level}/${n}`;

function placeOf({ level, index }: NodeId, size: number): Place {
  const tileLevel = Math.floor(level / levelsPerTile);
  const height = level % levelsPerTile;
  const covered = 2 ** height;
  const first = index * covered;
  const n = Math.floor(first / tileWidth);
  const width = widthAt(n, Math.floor(size / tileWidth ** tileLevel));
  const begin = first % tileWidth;
  if (begin + covered > width) throw new RangeError(`no node ${level}/${index} in a tree of size ${size}`);
  return { level: tileLevel, n, width, height, offset: begin / covered };
}
