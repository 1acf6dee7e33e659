import { describe, expect, test } from '@jest/globals';
import { MemoryTree, emptyRoot, interiorHash, leafHash } from './index.js';

/** The eight entries that Certificate Transparency's implementations have tested with since the first. */
const classicEntries = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];

const classicRoots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

describe('hashing of RFC 6962', () => {
  test.each(classicRoots.map((root, size) => ({ root, size })))(
    'the root of the first $size classic leaves',
    ({ root, size }) => {
      const tree = MemoryTree.of(classicEntries.map((entry) => leafHash(Buffer.from(entry, 'hex'))));
      expect(tree.root(size).toString('hex')).toBe(root);
    },
  );

  test('the empty tree has the hash of nothing for a root', () => {
    expect(emptyRoot.toString('hex')).toBe(classicRoots[0]);
    expect(new MemoryTree().root()).toEqual(emptyRoot);
  });

  test('an entry made of two hashes is told apart from the node above them', () => {
    const [left, right] = [leafHash(Buffer.from('left')), leafHash(Buffer.from('right'))];
    expect(leafHash(Buffer.concat([left, right]))).not.toEqual(interiorHash(left, right));
  });

  test('a view into a larger buffer is hashed as what it shows', () => {
    const bytes = new TextEncoder().encode('one entry between others');
    expect(leafHash(bytes.subarray(4, 9))).toEqual(leafHash(Buffer.from('entry')));
  });

  test('a node does not change when the next one is hashed', () => {
    const [a, b] = [leafHash(Buffer.from('a')), leafHash(Buffer.from('b'))];
    const node = interiorHash(a, b);
    const before = node.toString('hex');
    interiorHash(b, a);
    expect(node.toString('hex')).toBe(before);
  });

  test.each([0, 31, 33])('%i bytes are not a hash to build upon', (length) => {
    expect(() => interiorHash(emptyRoot, Buffer.alloc(length))).toThrow(TypeError);
    expect(() => interiorHash(Buffer.alloc(length), emptyRoot)).toThrow(TypeError);
  });
});
