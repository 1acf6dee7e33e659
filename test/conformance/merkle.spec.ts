import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { unwrap } from '#kernel';
import {
  MemoryTree,
  type TreeIndex,
  decodeEntryBundle,
  decodeTile,
  encodeEntryBundle,
  encodeTile,
  entryBundlePath,
  leafHash,
  openCheckpoint,
  parseVerifierKey,
  tilePath,
  verifyConsistency,
  verifyGrowth,
  verifyInclusion,
} from '#merkle';
import { describeVectors, readVectors } from './vectors.js';

const bytes = (base64: string | null): Buffer => Buffer.from(base64 ?? '', 'base64');
const path = (proof: readonly string[] | null): Buffer[] => (proof ?? []).map(bytes);

interface InclusionCase {
  name: string;
  leafIdx: TreeIndex;
  treeSize: TreeIndex;
  root: string | null;
  leafHash: string | null;
  proof: string[] | null;
  wantErr: boolean;
}

interface ConsistencyCase {
  name: string;
  size1: TreeIndex;
  size2: TreeIndex;
  root1: string | null;
  root2: string | null;
  proof: string[] | null;
  wantErr: boolean;
}

describeVectors('inclusion proofs of transparency-dev/merkle', 'merkle/inclusion.json', (file) => {
  const cases = readVectors<InclusionCase[]>(file);

  test('all 98 cases are read', () => expect(cases).toHaveLength(98));

  test.each(cases)('$name', (row) => {
    const verified = verifyInclusion({
      index: row.leafIdx,
      size: row.treeSize,
      leafHash: bytes(row.leafHash),
      proof: path(row.proof),
      root: bytes(row.root),
    });
    expect(verified).toMatchObject(row.wantErr ? { ok: false, error: { code: 'RECEIPT_INVALID' } } : { ok: true });
  });
});

describeVectors('consistency proofs of transparency-dev/merkle', 'merkle/consistency.json', (file) => {
  const cases = readVectors<ConsistencyCase[]>(file);

  test('all 98 cases are read', () => expect(cases).toHaveLength(98));

  test.each(cases)('$name', (row) => {
    const verified = verifyConsistency({
      first: row.size1,
      second: row.size2,
      firstRoot: bytes(row.root1),
      secondRoot: bytes(row.root2),
      proof: path(row.proof),
    });
    expect(verified).toMatchObject(row.wantErr ? { ok: false, error: { code: 'LOG_INCONSISTENT' } } : { ok: true });
  });
});

describeVectors('the log of tessera', 'tlog/log', (folder) => {
  const verifier = unwrap(
    parseVerifierKey('example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx'),
  );
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  const checkpoint = (name: string) => unwrap(openCheckpoint(read(name).toString('utf8'), verifier));
  const sizes = Array.from({ length: 16 }, (_, size) => size);
  const widths = sizes.slice(1);
  const entries = (): Uint8Array[] => unwrap(decodeEntryBundle(read(entryBundlePath(0, 15)), 15));
  const tree = () => MemoryTree.of(entries().map(leafHash));

  test('the newest checkpoint is the one of size 15', () => {
    expect(checkpoint('checkpoint')).toEqual(checkpoint('checkpoint.15'));
  });

  test.each(sizes)('checkpoint %i is signed, and its root is that of the first entries', (size) => {
    expect(checkpoint(`checkpoint.${size}`)).toMatchObject({
      origin: 'example.com/log/testdata',
      size,
      root: tree().root(size),
    });
  });

  test.each(sizes)('every later checkpoint is consistent with checkpoint %i', (size) => {
    const whole = tree();
    const earlier = checkpoint(`checkpoint.${size}`);
    for (const laterSize of sizes.slice(size)) {
      const later = checkpoint(`checkpoint.${laterSize}`);
      expect(verifyGrowth(earlier, later, whole.consistencyProof(size, laterSize))).toMatchObject({ ok: true });
    }
  });

  test.each(widths)('the partial bundle of %i entries is encoded alike', (width) => {
    const bundle = read(entryBundlePath(0, width));
    expect(unwrap(decodeEntryBundle(bundle, width))).toEqual(entries().slice(0, width));
    expect(encodeEntryBundle(entries().slice(0, width))).toEqual(bundle);
  });

  test.each(widths)('the partial tile of %i hashes holds the hashes of the entries', (width) => {
    const hashes = entries().slice(0, width).map(leafHash);
    const tile = read(tilePath(0, 0, width));
    expect(unwrap(decodeTile(tile, width))).toEqual(hashes);
    expect(encodeTile(hashes)).toEqual(tile);
  });
});
