import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { unwrap } from '#kernel';
import {
  MemoryTree,
  ed25519NoteSigner,
  formatCheckpoint,
  formatProof,
  parseProof,
  parseVerifierKey,
  signCheckpoint,
  verifierKey,
  verifyProof,
} from './index.js';
import { distinctLeaves } from './reference-tree.fixture.js';

const origin = 'log.example/kotovayla';
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const verifier = unwrap(parseVerifierKey(verifierKey(origin, publicKey)));
const leaves = distinctLeaves(13);
const leaf = leaves[5] ?? Buffer.alloc(0);
const tree = MemoryTree.of(leaves);
const signer = ed25519NoteSigner(origin, privateKey);
const checkpoint = signCheckpoint(formatCheckpoint({ origin, size: 13, root: tree.root() }), signer);
const proof = tree.inclusionProof(5);
const text = formatProof({ index: 5, proof, checkpoint });
const pathLines = proof.map((hash) => hash.toString('base64'));

describe('a proof file', () => {
  test('is header, index, path and checkpoint', () => {
    expect(text).toBe(['c2sp.org/tlog-proof@v1', 'index 5', ...pathLines, '', checkpoint].join('\n'));
  });

  test('is read as written', () => {
    expect(unwrap(parseProof(text))).toEqual({ index: 5n, proof, checkpoint });
  });

  test('carries extra data before the index', () => {
    const extra = Buffer.from('for the application');
    const withExtra = formatProof({ index: 5, proof, checkpoint, extra });
    expect(withExtra.split('\n')[1]).toBe(`extra ${extra.toString('base64')}`);
    expect(unwrap(parseProof(withExtra))).toEqual({ index: 5n, proof, checkpoint, extra });
  });

  test('has no line for empty extra data', () => {
    expect(formatProof({ index: 5, proof, checkpoint, extra: Buffer.alloc(0) })).toBe(text);
  });

  test('of the only entry has no path', () => {
    const alone = formatProof({ index: 0, proof: [], checkpoint });
    expect(unwrap(parseProof(alone))).toEqual({ index: 0n, proof: [], checkpoint });
  });

  test('keeps an index of 2^64−1', () => {
    const last = formatProof({ index: 2n ** 64n - 1n, proof, checkpoint });
    expect(unwrap(parseProof(last)).index).toBe(2n ** 64n - 1n);
  });

  const line = pathLines[0] ?? '';
  test.each([
    ['nothing', ''],
    ['only a header', 'c2sp.org/tlog-proof@v1\n'],
    ['another version', text.replace('@v1', '@v2')],
    ['a space behind the header', text.replace('@v1', '@v1 ')],
    ['no checkpoint', text.slice(0, text.indexOf('\n\n'))],
    ['an empty checkpoint', text.slice(0, text.indexOf('\n\n') + 2)],
    ['no index', text.replace('index 5\n', '')],
    ['an empty index', text.replace('index 5', 'index ')],
    ['an index with a leading zero', text.replace('index 5', 'index 05')],
    ['a negative index', text.replace('index 5', 'index -5')],
    ['an index of 2^64', text.replace('index 5', 'index 18446744073709551616')],
    ['an index with a space behind it', text.replace('index 5', 'index 5 ')],
    ['two indices', text.replace('index 5', 'index 5\nindex 5')],
    ['extra behind the index', text.replace('index 5', 'index 5\nextra AAAA')],
    ['extra twice', text.replace('index 5', 'extra AAAA\nextra AAAA\nindex 5')],
    ['empty extra', text.replace('index 5', 'extra \nindex 5')],
    ['extra with stray bits', text.replace('index 5', 'extra AB==\nindex 5')],
    ['a carriage return', text.replaceAll('\n', '\r\n')],
    ['a hash cut short', text.replace(line, line.slice(4))],
    ['a hash without padding', text.replace(line, line.replace('=', ''))],
    ['a hash with stray bits', text.replace(line, `${'A'.repeat(42)}B=`)],
    ['65 hashes', text.replace(line, Array.from({ length: 62 }, () => line).join('\n'))],
    ['more than 256 KiB', text.replace('index 5', `extra ${'AAAA'.repeat(65_536)}\nindex 5`)],
  ])('with %s is refused', (_name, changed) => {
    expect(parseProof(changed)).toMatchObject({ ok: false, error: { code: 'RECEIPT_INVALID' } });
  });

  test.each([
    ['a negative index', { index: -1, proof, checkpoint }],
    ['an index of 2^64', { index: 2n ** 64n, proof, checkpoint }],
    ['a path of 65 hashes', { index: 5, proof: Array.from({ length: 65 }, () => leaf), checkpoint }],
    ['what is no hash', { index: 5, proof: [Buffer.alloc(5)], checkpoint }],
  ])('is not written with %s', (_name, content) => {
    expect(() => formatProof(content)).toThrow();
  });
});

describe('verifying a proof file', () => {
  const verify = (changed: string, leafHash = leaf) => verifyProof(unwrap(parseProof(changed)), leafHash, verifier);

  test('gives the checkpoint under which the entry stands', () => {
    expect(unwrap(verify(text))).toMatchObject({ origin, size: 13, root: tree.root() });
  });

  test.each([
    ['another entry', () => verify(text, leaves[4])],
    ['another index', () => verify(text.replace('index 5', 'index 4'))],
    ['an index beyond the log', () => verify(text.replace('index 5', 'index 18446744073709551615'))],
    ['a path of another entry', () => verify(formatProof({ index: 5, proof: tree.inclusionProof(4), checkpoint }))],
  ])('refuses %s', (_name, verified) => {
    expect(verified()).toMatchObject({ ok: false, error: { code: 'RECEIPT_INVALID' } });
  });

  test('refuses a checkpoint that the log did not sign', () => {
    const forged = signCheckpoint(
      formatCheckpoint({ origin, size: 13, root: tree.root() }),
      ed25519NoteSigner(origin, generateKeyPairSync('ed25519').privateKey),
    );
    expect(verify(formatProof({ index: 5, proof, checkpoint: forged }))).toMatchObject({
      ok: false,
      error: { code: 'CHECKPOINT_INVALID' },
    });
  });
});
