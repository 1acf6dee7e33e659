import { describe, expect, test } from '@jest/globals';
import { CompactRange, MemoryTree, rootNodes } from './index.js';
import { distinctLeaves } from './reference-tree.fixture.js';

const leaves = distinctLeaves(300);
const rangeOf = (size: number): CompactRange => {
  const range = CompactRange.empty();
  for (const leaf of leaves.slice(0, size)) range.append(leaf);
  return range;
};

describe('the compact range of an appender', () => {
  test('it has the root of the tree after every append', () => {
    const tree = MemoryTree.of(leaves);
    const range = CompactRange.empty();
    const wrong: number[] = [];
    for (const [index, leaf] of leaves.entries()) {
      if (!range.root().equals(tree.root(index))) wrong.push(index);
      range.append(leaf);
    }
    expect(wrong).toEqual([]);
    expect(range.root()).toEqual(tree.root());
  });

  test('it stores one hash for each one in the binary size', () => {
    expect(rangeOf(0b100101011).hashes).toHaveLength(5);
  });

  test('its hashes are the nodes that make up the root, left to right', () => {
    const tree = MemoryTree.of(leaves);
    expect(rangeOf(213).hashes).toEqual(rootNodes(213).map(({ level, index }) => tree.node(level, index)));
  });

  test('restored after every append, it goes on as if never stopped', () => {
    let range = CompactRange.empty();
    for (const leaf of leaves) {
      range = CompactRange.restore(range.size, range.hashes);
      range.append(leaf);
    }
    expect(range.root()).toEqual(rangeOf(300).root());
    expect(range.size).toBe(300);
  });

  test('it names every perfect subtree once, when it is complete', () => {
    const range = CompactRange.empty();
    const named: string[] = [];
    for (const leaf of leaves.slice(0, 8)) range.append(leaf, (level, index) => named.push(`${level}/${index}`));
    expect(named.join(' ')).toBe('0/0 0/1 1/0 0/2 0/3 1/1 2/0 0/4 0/5 1/2 0/6 0/7 1/3 2/1 3/0');
  });

  test('a clone that grows leaves the original as it was', () => {
    const range = rangeOf(7);
    const before = range.root();
    const batch = range.clone();
    for (const leaf of leaves.slice(7, 20)) batch.append(leaf);
    expect([range.size, range.root()]).toEqual([7, before]);
    expect(batch.root()).toEqual(rangeOf(20).root());
  });

  test('hashes that were given out can be changed without harm', () => {
    const range = rangeOf(7);
    const before = range.root();
    for (const hash of range.hashes) hash.fill(0);
    range.root().fill(0);
    expect(range.root()).toEqual(before);
  });

  test('a leaf hash that is reused by the caller stays what it was', () => {
    const range = CompactRange.empty();
    const leaf = Buffer.from(leaves[0] ?? '');
    range.append(leaf);
    leaf.fill(0);
    expect(range.root()).toEqual(leaves[0]);
  });

  test('it counts beyond 32 bits', () => {
    const size = 2 ** 32 + 2 ** 31 + 1;
    const nodes: string[] = [];
    const range = CompactRange.restore(size, leaves.slice(0, 3));
    range.append(leaves[3] ?? Buffer.alloc(0), (level, index) => nodes.push(`${level}/${index}`));
    expect(range.size).toBe(6442450946);
    expect(nodes).toEqual(['0/6442450945', '1/3221225472']);
  });

  test.each([
    ['a hash too few', 7, 2],
    ['a hash too many', 7, 4],
    ['a hash for the empty tree', 0, 1],
    ['no hash for a tree with leaves', 8, 0],
    ['a negative size', -1, 0],
    ['a size with a fraction', 1.5, 1],
    ['a size beyond the safe integers', 2 ** 53, 1],
  ])('state with %s is not restored', (_name, size, hashes) => {
    expect(() => CompactRange.restore(size, leaves.slice(0, hashes))).toThrow(RangeError);
  });

  test('state with a hash of another length is not restored', () => {
    expect(() => CompactRange.restore(1, [Buffer.alloc(31)])).toThrow(TypeError);
  });

  test('what is no hash is not appended, and nothing has changed', () => {
    const range = rangeOf(7);
    const before = range.root();
    expect(() => range.append(Buffer.alloc(20))).toThrow(TypeError);
    expect([range.size, range.root()]).toEqual([7, before]);
  });
});
