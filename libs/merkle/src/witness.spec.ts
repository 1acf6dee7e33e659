import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { unwrap } from '#kernel';
import {
  type WitnessVerdict,
  MemoryTree,
  ed25519NoteSigner,
  emptyRoot,
  formatAddCheckpoint,
  formatCheckpoint,
  judgeAddCheckpoint,
  parseAddCheckpoint,
  parseVerifierKey,
  signCheckpoint,
  verifierKey,
} from './index.js';
import { distinctLeaves } from './reference-tree.fixture.js';

const origin = 'log.example/kotovayla';
const log = generateKeyPairSync('ed25519');
const verifier = unwrap(parseVerifierKey(verifierKey(origin, log.publicKey)));
const tree = MemoryTree.of(distinctLeaves(20));
const other = MemoryTree.of(distinctLeaves(20).reverse());

const checkpoint = (size: number, of = tree, name = origin, key = log.privateKey): string =>
  signCheckpoint(formatCheckpoint({ origin: name, size, root: of.root(size) }), ed25519NoteSigner(name, key));
const latest = (size: number, of = tree) => ({ size, root: of.root(size) });

interface Asked {
  readonly old: number;
  readonly proof?: readonly Buffer[];
  readonly note: string;
}

function judge({ old, proof = [], note }: Asked, known?: { size: number; root: Buffer }): WitnessVerdict {
  const request = unwrap(parseAddCheckpoint(formatAddCheckpoint({ oldSize: old, proof, checkpoint: note })));
  return judgeAddCheckpoint(request, (name) => (name === origin ? verifier : undefined), known);
}

describe('a witness', () => {
  test('cosigns the first checkpoint that it sees, without a proof', () => {
    expect(judge({ old: 0, note: checkpoint(13) })).toMatchObject({ status: 200, checkpoint: { size: 13 } });
  });

  test('cosigns what has grown from what it cosigned before', () => {
    const proof = tree.consistencyProof(7, 13);
    expect(judge({ old: 7, proof, note: checkpoint(13) }, latest(7))).toMatchObject({ status: 200 });
  });

  test('cosigns the same checkpoint again', () => {
    expect(judge({ old: 13, note: checkpoint(13) }, latest(13))).toMatchObject({ status: 200 });
  });

  test('cosigns the empty log, and what has grown from it', () => {
    expect(judge({ old: 0, note: checkpoint(0) })).toMatchObject({ status: 200 });
    expect(judge({ old: 0, note: checkpoint(13) }, { size: 0, root: emptyRoot })).toMatchObject({ status: 200 });
  });

  test.each<[string, number, Asked, ReturnType<typeof latest> | undefined]>([
    ['what is no note', 400, { old: 0, note: 'no note\n' }, undefined],
    ['another log', 404, { old: 0, note: checkpoint(13, tree, 'log.example/other') }, undefined],
    [
      'another key of the log',
      403,
      { old: 0, note: checkpoint(13, tree, origin, generateKeyPairSync('ed25519').privateKey) },
      undefined,
    ],
    ['a changed size', 403, { old: 0, note: checkpoint(13).replace('\n13\n', '\n14\n') }, undefined],
    ['a checkpoint below the old size', 400, { old: 14, note: checkpoint(13) }, latest(14)],
    [
      'a proof from the empty log',
      422,
      { old: 0, proof: tree.consistencyProof(7, 13), note: checkpoint(13) },
      undefined,
    ],
    ['no proof', 422, { old: 7, note: checkpoint(13) }, latest(7)],
    ['a proof of other sizes', 422, { old: 7, proof: tree.consistencyProof(6, 13), note: checkpoint(13) }, latest(7)],
    ['another branch', 422, { old: 7, proof: other.consistencyProof(7, 13), note: checkpoint(13, other) }, latest(7)],
    ['another root of the same size', 422, { old: 13, note: checkpoint(13, other) }, latest(13)],
    ['another root of the empty log', 403, { old: 0, note: checkpoint(0).replace('47DE', '57DE') }, undefined],
  ])('refuses %s with %i', (_name, status, asked, known) => {
    expect(judge(asked, known)).toMatchObject({ status });
  });

  test.each([
    ['too small', 5],
    ['too large', 9],
    ['zero', 0],
  ])('answers an old size that is %s with the size that it cosigned', (_name, old) => {
    const proof = old === 0 ? [] : tree.consistencyProof(old, 13);
    expect(judge({ old, proof, note: checkpoint(13) }, latest(7))).toEqual({ status: 409, size: 7 });
  });

  test('answers zero to a proof from a size where it has cosigned nothing', () => {
    const proof = tree.consistencyProof(5, 13);
    expect(judge({ old: 5, proof, note: checkpoint(13) })).toEqual({ status: 409, size: 0 });
  });
});

describe('the body of add-checkpoint', () => {
  const note = checkpoint(13);
  const hash = tree.root().toString('base64');

  test('is read as it was written', () => {
    const proof = tree.consistencyProof(7, 13);
    const body = formatAddCheckpoint({ oldSize: 7, proof, checkpoint: note });
    expect(unwrap(parseAddCheckpoint(body))).toEqual({ oldSize: 7n, proof, checkpoint: note });
  });

  test('may name a size of 64 bits', () => {
    expect(unwrap(parseAddCheckpoint(`old 18446744073709551615\n\n${note}`)).oldSize).toBe(2n ** 64n - 1n);
  });

  test.each([
    ['nothing', ''],
    ['no checkpoint', 'old 7\n'],
    ['no size', `old\n\n${note}`],
    ['a size with a leading zero', `old 07\n\n${note}`],
    ['a negative size', `old -7\n\n${note}`],
    ['a size beyond 64 bits', `old 18446744073709551616\n\n${note}`],
    ['a space behind the size', `old 7 \n\n${note}`],
    ['carriage returns', `old 7\r\n\r\n${note}`],
    ['64 hashes', `old 7\n${`${hash}\n`.repeat(64)}\n${note}`],
    ['a hash of 31 bytes', `old 7\n${tree.root().subarray(1).toString('base64')}\n\n${note}`],
    ['a hash without padding', `old 7\n${hash.replace('=', '')}\n\n${note}`],
    ['a checkpoint alone', note],
  ])('is malformed with %s', (_name, body) => {
    expect(parseAddCheckpoint(body)).toMatchObject({ ok: false, error: { code: 'MALFORMED' } });
  });

  test('holds at most 63 hashes', () => {
    const most = Array.from({ length: 63 }, () => tree.root());
    expect(parseAddCheckpoint(formatAddCheckpoint({ oldSize: 7, proof: most, checkpoint: note })).ok).toBe(true);
    expect(() => formatAddCheckpoint({ oldSize: 7, proof: [...most, tree.root()], checkpoint: note })).toThrow(
      RangeError,
    );
  });
});
