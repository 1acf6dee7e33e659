import { AppError, unwrap } from '#kernel';
import { CompactRange } from './compact-range.js';
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
  const wanted = new Map(nodes.map((node) => [pathOf(node, size), node]));
  const tiles = new Map<string, Buffer[]>();
  await Promise.all(
    [...wanted].map(async ([path, node]) => {
      const bytes = await read(path);
      if (!bytes) throw new AppError('LOG_INCONSISTENT', `${path} is missing, which the checkpoint implies`);
      tiles.set(path, unwrap(decodeTile(bytes, placeOf(node, size).width)));
    }),
  );
  return (level, index) => {
    const node = { level, index };
    const { begin, end } = placeOf(node, size);
    const row = tiles.get(pathOf(node, size));
    if (!row) throw new RangeError(`node ${level}/${index} was not asked for`);
    const subtree = CompactRange.empty();
    for (const hash of row.slice(begin, end)) subtree.append(hash);
    return subtree.root();
  };
}

interface Place {
  readonly level: number;
  readonly n: number;
  readonly width: number;
  /** Hashes of the tile's row that the node stands above. */
  readonly begin: number;
  readonly end: number;
}

function placeOf({ level, index }: NodeId, size: number): Place {
  const tileLevel = Math.floor(level / levelsPerTile);
  const covered = 2 ** (level % levelsPerTile);
  const first = index * covered;
  const n = Math.floor(first / tileWidth);
  const width = widthAt(n, Math.floor(size / tileWidth ** tileLevel));
  const begin = first % tileWidth;
  if (begin + covered > width) throw new RangeError(`no node ${level}/${index} in a tree of size ${size}`);
  return { level: tileLevel, n, width, begin, end: begin + covered };
}

function pathOf(node: NodeId, size: number): string {
  const { level, n, width } = placeOf(node, size);
  return tilePath(level, n, width);
}
