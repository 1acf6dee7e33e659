import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { unwrap } from '#kernel';
import {
  decodeEntryBundle,
  ed25519NoteSigner,
  emptyRoot,
  encodeEntryBundle,
  formatCheckpoint,
  formatProof,
  openCheckpoint,
  openNote,
  parseProof,
  parseVerifierKey,
  signCheckpoint,
  signNote,
  verifierKey,
} from './index.js';

const settings = { seed: 20260423, numRuns: 300 };
const origin = 'log.example/kotovayla';
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const signer = ed25519NoteSigner(origin, privateKey);
const verifier = unwrap(parseVerifierKey(verifierKey(origin, publicKey)));
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
/** Text near the formats, so that parsing gets past the first line now and then. */
const nearlyFormatted = fc
  .array(
    fc.constantFrom(
      '\n',
      ' ',
      '— ',
      origin,
      'c2sp.org/tlog-proof@v1\n',
      'index ',
      'extra ',
      '0',
      '13',
      'AAAA',
      '=',
      '+',
      '\u00a0',
      '\ud800',
    ),
    {
      maxLength: 30,
    },
  )
  .map((parts) => parts.join(''));

describe('formats', () => {
  test('a checkpoint of any size and root opens to what was signed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), hash, (size, root) => {
        const note = signCheckpoint(formatCheckpoint({ origin, size, root }), signer);
        expect(unwrap(openCheckpoint(note, verifier))).toEqual({ origin, size, root, note });
      }),
      settings,
    );
  });

  test('a note gives back any text that can be signed, empty lines included', () => {
    const piece = fc.oneof(
      fc.constantFrom('\n', '\n\n', '\u2014 ', ' '),
      fc.string({ unit: 'grapheme', maxLength: 9 }),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = `${pieces.join('')}\n`;
        expect(openNote(signNote(text, [signer]), verifier)).toEqual({ ok: true, value: text });
      }),
      settings,
    );
  });

  test('no text that was not signed opens as a checkpoint, and none makes it throw', () => {
    fc.assert(
      fc.property(fc.oneof(nearlyFormatted, fc.string({ unit: 'binary' })), (text) => {
        const opened = openCheckpoint(text, verifier);
        expect(opened).toMatchObject({ ok: false, error: { code: 'CHECKPOINT_INVALID' } });
      }),
      { ...settings, numRuns: 2000 },
    );
  });

  test('no text makes reading a verifier key throw', () => {
    const parts = fc.constantFrom('+', 'a', '033de0ae', 'AAAA', '=', ' ', '\n', verifierKey(origin, publicKey));
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), (text) => {
        const parsed = parseVerifierKey(text.join(''));
        expect(parsed.ok).toBe(text.join('') === verifierKey(origin, publicKey));
      }),
      { ...settings, numRuns: 2000 },
    );
  });

  test('a proof file is read as written', () => {
    const index = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const extra = fc.option(fc.uint8Array({ minLength: 1, maxLength: 60 }), { nil: undefined });
    fc.assert(
      fc.property(index, fc.array(hash, { maxLength: 64 }), extra, (at, proof, data) => {
        const checkpoint = signCheckpoint(formatCheckpoint({ origin, size: 0, root: emptyRoot }), signer);
        const content = { index: at, proof, checkpoint, ...(data === undefined ? {} : { extra: Buffer.from(data) }) };
        expect(unwrap(parseProof(formatProof(content)))).toEqual(content);
      }),
      settings,
    );
  });

  test('a text that reads as a proof file is written back to the letter', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          nearlyFormatted,
          nearlyFormatted.map((text) => `c2sp.org/tlog-proof@v1\nindex 13\n\n${text}`),
        ),
        (text) => {
          const parsed = parseProof(text);
          if (parsed.ok) expect(formatProof(parsed.value)).toBe(text);
          else expect(parsed.error.code).toBe('RECEIPT_INVALID');
        },
      ),
      { ...settings, numRuns: 2000 },
    );
  });

  test('an entry bundle is read as written', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 256 }), (entries) => {
        expect(unwrap(decodeEntryBundle(encodeEntryBundle(entries), entries.length))).toEqual(entries);
      }),
      settings,
    );
  });

  test('bytes that read as an entry bundle are written back to the byte', () => {
    const shortLength = fc.constantFrom(0, 0, 0, 1, 2, 3);
    fc.assert(
      fc.property(fc.array(shortLength, { maxLength: 40 }), (bytes) => {
        const bundle = Buffer.from(bytes);
        const decoded = decodeEntryBundle(bundle);
        if (decoded.ok) expect(encodeEntryBundle(decoded.value)).toEqual(bundle);
        else expect(decoded.error.code).toBe('LEAF_MISMATCH');
      }),
      { ...settings, numRuns: 2000 },
    );
  });
});
