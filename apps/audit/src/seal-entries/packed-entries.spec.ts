import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { SealedEntry } from '#envelope';
import type { EntryToSeal, SealedPart } from '../append-entries/prepared-entry.js';
import { pack, packTexts, unpack, unpackTexts } from './packed-entries.js';

const bytes = (length: object): fc.Arbitrary<Buffer> => fc.uint8Array(length).map((array) => Buffer.from(array));
const key = bytes({ minLength: 32, maxLength: 32 });
const sealed: fc.Arbitrary<SealedEntry> = fc.record(
  {
    commitmentKey: key,
    commitment: key,
    salts: fc.array(key, { maxLength: 6 }).map((salts) => Buffer.concat(salts)),
    body: bytes({ maxLength: 300 }),
    wrappedSecret: bytes({ minLength: 40, maxLength: 40 }),
    evidence: bytes({ minLength: 1, maxLength: 300 }),
  },
  { requiredKeys: ['commitmentKey', 'commitment', 'salts', 'body', 'wrappedSecret'] },
);

const open: fc.Arbitrary<Pick<EntryToSeal, 'text' | 'chains' | 'evidence'>> = fc.record(
  {
    text: fc.string({ unit: 'grapheme', maxLength: 300 }),
    chains: fc.nat(96),
    evidence: fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), fc.string(), { maxKeys: 3, noNullPrototype: true }),
  },
  { requiredKeys: ['text', 'chains'] },
);

const partsOf = ({ commitmentKey, commitment, salts, body, wrappedSecret, evidence, kek }: SealedPart) => ({
  commitmentKey,
  commitment,
  salts,
  body,
  wrappedSecret,
  evidence,
  kek,
});

describe('packed entries', () => {
  it('are unpacked as what they were', () =>
    fc.assert(
      fc.property(fc.array(sealed, { maxLength: 20 }), (entries) =>
        expect(unpack(pack(entries), 'kek').map(partsOf)).toEqual(
          entries.map((entry) => partsOf({ ...entry, kek: 'kek' })),
        ),
      ),
    ));

  it('are unpacked as what they were before they were sealed', () =>
    fc.assert(
      fc.property(fc.array(open, { maxLength: 20 }), (entries) =>
        expect(unpackTexts(structuredClone(packTexts(entries)))).toEqual(
          entries.map(({ text, ...entry }) => ({ ...entry, canonical: new Uint8Array(Buffer.from(text)) })),
        ),
      ),
    ));

  it('stand in memory of their own, which can be given to another thread', () => {
    const entry = {
      commitmentKey: randomBytes(32),
      commitment: randomBytes(32),
      salts: randomBytes(32),
      body: randomBytes(9),
      wrappedSecret: randomBytes(40),
    };
    const packed = pack([entry]);
    expect(packed.buffer.byteLength).toBe(packed.length);
    const moved = structuredClone(packed, { transfer: [packed.buffer] });
    expect([packed.length, unpack(moved, 'kek').map(({ salts }) => salts)]).toEqual([0, [entry.salts]]);
  });
});
