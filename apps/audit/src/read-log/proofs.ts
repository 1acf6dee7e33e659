import { AppError } from '#kernel';
import { assembleConsistencyProof, assembleInclusionProof, consistencyProofNodes, inclusionProofNodes } from '#merkle';
import type { TiledTree, TileSource } from '../tree/tiled-tree.js';

/** Leaf to root, for any committed size. Errors: NOT_FOUND. */
export async function inclusionProof(
  tree: TiledTree,
  source: TileSource,
  { index, size, committed }: { readonly index: number; readonly size: number; readonly committed: number },
): Promise<Buffer[]> {
  if (!(index < size && size <= committed))
    throw new AppError('NOT_FOUND', 'there is no such leaf in a tree of that size');
  const read = await tree.reader(inclusionProofNodes(index, size), source);
  return assembleInclusionProof(index, size, read).map((hash) => Buffer.from(hash));
}

/** Between two committed sizes. Errors: NOT_FOUND. */
export async function consistencyProof(
  tree: TiledTree,
  source: TileSource,
  { first, second, committed }: { readonly first: number; readonly second: number; readonly committed: number },
): Promise<Buffer[]> {
  if (!(first <= second && second <= committed)) throw new AppError('NOT_FOUND', 'the log has not reached that size');
  const read = await tree.reader(consistencyProofNodes(first, second), source);
  return assembleConsistencyProof(first, second, read).map((hash) => Buffer.from(hash));
}
