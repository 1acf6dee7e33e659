import { describe, expect, it } from '@jest/globals';
import {
  MemoryTree,
  TileBuilder,
  assembleConsistencyProof,
  assembleInclusionProof,
  assembleRoot,
  consistencyProofNodes,
  encodeTile,
  inclusionProofNodes,
  leafHash,
  readNodes,
  rootNodes,
  tilePath,
} from './index.js';

const size = 66_000;
const leaves = Array.from({ length: size }, (_, n) => leafHash(Buffer.from(`entry ${n}`)));
const tree = MemoryTree.of(leaves);
const builder = new TileBuilder();
for (const leaf of leaves) builder.append(leaf);
const files = new Map(
  [...builder.takeFull(), ...builder.partial()].map(({ level, n, hashes }) => [
    tilePath(level, n, hashes.length),
    encodeTile(hashes),
  ]),
);
const read = async (path: string): Promise<Buffer | undefined> => files.get(path);

describe('nodes read from tiles alone', () => {
  it.each([0, 1, 255, 256, 65_535, 65_536, 65_999])('prove entry %i', async (index) => {
    const get = await readNodes(inclusionProofNodes(index, size), size, read);
    expect(assembleInclusionProof(index, size, get)).toEqual(tree.inclusionProof(index, size));
  });

  it.each([1, 2, 255, 256, 300, 65_536, 65_537, 66_000])('prove growth from %i, and give its root', async (first) => {
    const get = await readNodes([...consistencyProofNodes(first, size), ...rootNodes(first)], size, read);
    expect(assembleConsistencyProof(first, size, get)).toEqual(tree.consistencyProof(first, size));
    expect(assembleRoot(first, get)).toEqual(tree.root(first));
  });

  it('fetch no tile twice and none in vain', async () => {
    const fetched: string[] = [];
    await readNodes(inclusionProofNodes(5, size), size, async (path) => {
      fetched.push(path);
      return read(path);
    });
    expect(fetched.sort()).toEqual([tilePath(0, 0), tilePath(1, 0), tilePath(1, 1, 1), tilePath(0, 257, 208)].sort());
  });

  it('are refused where a tile is missing or has another width', async () => {
    const nodes = inclusionProofNodes(5, size);
    await expect(readNodes(nodes, size, async () => undefined)).rejects.toMatchObject({ code: 'LOG_INCONSISTENT' });
    await expect(readNodes(nodes, size, async () => Buffer.alloc(32))).rejects.toMatchObject({
      code: 'LOG_INCONSISTENT',
    });
  });

  it('are only those that the tree has', async () => {
    await expect(readNodes([{ level: 0, index: size }], size, read)).rejects.toThrow(RangeError);
  });
});
