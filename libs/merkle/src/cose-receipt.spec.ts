import { generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { Tag, cdeDecodeOptions, decode, encode } from 'cbor2';
import fc from 'fast-check';
import { unwrap } from '#kernel';
import {
  MemoryTree,
  readCoseReceipt,
  signConsistencyReceipt,
  signInclusionReceipt,
  verifyConsistencyReceipt,
  verifyInclusionReceipt,
} from './index.js';
import { distinctLeaves } from './reference-tree.fixture.js';

const origin = 'log.example/kotovayla';
const kid = 'vCl7UcS0ZZY99VpRthDc-0iUjLdfLtnmFqLJ2-Tt8N4';
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signer = { kid, privateKey };
const leaves = distinctLeaves(20);
const tree = MemoryTree.of(leaves);
const invalid = { ok: false, error: { code: 'RECEIPT_INVALID' } };

const inclusion = (index: number, size = 20): Buffer =>
  signInclusionReceipt(origin, { size, index, path: tree.inclusionProof(index, size), root: tree.root(size) }, signer);
const consistency = (first: number, second = 20): Buffer =>
  signConsistencyReceipt(
    origin,
    { first, second, path: tree.consistencyProof(first, second), root: tree.root(second) },
    signer,
  );
const leafAt = (index: number): Buffer => leaves[index] ?? Buffer.alloc(0);
const check = (bytes: Uint8Array, index: number) => {
  const read = readCoseReceipt(bytes);
  return read.ok ? verifyInclusionReceipt(read.value, leafAt(index), publicKey) : read;
};

describe('a COSE receipt of inclusion (RFC 9942)', () => {
  test('is a tagged COSE_Sign1 with the fields that the RFC names, and a detached root', () => {
    const tag = decode(inclusion(17), cdeDecodeOptions);
    expect(tag).toBeInstanceOf(Tag);
    const { tag: number, contents } = tag as Tag;
    expect(Number(number)).toBe(18);
    const [header, unprotected, payload, signature] = contents as [
      Uint8Array,
      Map<number, Map<number, Uint8Array[]>>,
      null,
      Uint8Array,
    ];
    expect(decode(header, cdeDecodeOptions)).toEqual(
      new Map<number, unknown>([
        [1, -7],
        [4, new Uint8Array(Buffer.from(kid))],
        [15, new Map([[1, origin]])],
        [395, 1],
      ]),
    );
    expect([...unprotected.keys()]).toEqual([396]);
    const [proof, ...more] = unprotected.get(396)?.get(-1) ?? [];
    expect(more).toEqual([]);
    expect(decode(proof ?? new Uint8Array(), cdeDecodeOptions)).toEqual([
      20,
      17,
      tree.inclusionProof(17, 20).map((hash) => new Uint8Array(hash)),
    ]);
    expect(payload).toBeNull();
    expect(signature).toHaveLength(64);
  });

  test('is signed as RFC 9052 §4.4 says, byte for byte', () => {
    const { contents } = decode<Tag>(inclusion(17), cdeDecodeOptions);
    const [header, , , signature] = contents as [Uint8Array, unknown, null, Uint8Array];
    // ["Signature1", protected, h'', payload]: an array of four, a text of ten, and byte strings.
    const structure = Buffer.concat([
      Buffer.from('846a5369676e617475726531', 'hex'),
      Buffer.from([0x58, header.length]),
      header,
      Buffer.from('405820', 'hex'),
      tree.root(),
    ]);
    expect(verify('sha256', structure, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true);
  });

  test('verifies for each leaf of each size', () => {
    for (let size = 1; size <= 20; size += 1)
      for (let index = 0; index < size; index += 1)
        expect(check(inclusion(index, size), index)).toEqual({
          ok: true,
          value: { size, index, root: tree.root(size) },
        });
  });

  test('says which log and which key', () => {
    expect(unwrap(readCoseReceipt(inclusion(3)))).toMatchObject({ kid, issuer: origin });
  });

  test('does not verify for another leaf or under another key', () => {
    expect(check(inclusion(3), 3)).toMatchObject({ ok: true });
    expect(check(inclusion(3), 4)).toMatchObject(invalid);
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    expect(verifyInclusionReceipt(unwrap(readCoseReceipt(inclusion(3))), leafAt(3), other)).toMatchObject(invalid);
  });

  test('is no receipt any more with any byte changed', () => {
    const bytes = inclusion(17);
    expect(check(bytes, 17)).toMatchObject({ ok: true });
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const changed = Buffer.from(bytes);
        changed[at] = ((changed[at] ?? 0) + by) % 256;
        expect(check(changed, 17)).toMatchObject(invalid);
      }),
      { seed: 20261126, numRuns: 500 },
    );
  });

  test('is refused with bytes behind it, cut short, in another encoding, or as something else', () => {
    const bytes = inclusion(17);
    const untagged = encode(decode<Tag>(bytes, cdeDecodeOptions).contents);
    for (const wrong of [
      Buffer.concat([bytes, Buffer.of(0)]),
      bytes.subarray(0, -1),
      untagged,
      Buffer.alloc(0),
      encode('text'),
      Buffer.alloc(10_000),
    ])
      expect(readCoseReceipt(wrong)).toMatchObject(invalid);
  });
});

describe('a COSE receipt of consistency (RFC 9942)', () => {
  test('verifies for each pair of sizes, and gives the newer root', () => {
    for (let second = 1; second <= 20; second += 1)
      for (let first = 1; first <= second; first += 1) {
        const read = unwrap(readCoseReceipt(consistency(first, second)));
        expect(verifyConsistencyReceipt(read, tree.root(first), publicKey)).toEqual({
          ok: true,
          value: { first, second, root: tree.root(second) },
        });
      }
  });

  test('carries the proof under its label', () => {
    const { contents } = decode<Tag>(consistency(7), cdeDecodeOptions);
    const proofs = (contents as [Uint8Array, Map<number, Map<number, Uint8Array[]>>])[1].get(396);
    expect(decode(proofs?.get(-2)?.[0] ?? new Uint8Array(), cdeDecodeOptions)).toEqual([
      7,
      20,
      tree.consistencyProof(7, 20).map((hash) => new Uint8Array(hash)),
    ]);
  });

  test('does not verify from another root, and is no receipt of inclusion', () => {
    const read = unwrap(readCoseReceipt(consistency(7)));
    expect(verifyConsistencyReceipt(read, tree.root(7), publicKey)).toMatchObject({ ok: true });
    expect(verifyConsistencyReceipt(read, tree.root(6), publicKey)).toMatchObject(invalid);
    expect(verifyInclusionReceipt(read, leafAt(7), publicKey)).toMatchObject(invalid);
    expect(verifyConsistencyReceipt(unwrap(readCoseReceipt(inclusion(7))), tree.root(7), publicKey)).toMatchObject(
      invalid,
    );
  });
});
