import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { CompactEncrypt } from 'jose';
import fc from 'fast-check';
import * as native from './compact-crypto.js';
import { type Party, partyOf } from './envelope.fixture.js';
import * as jose from './jose-reference.fixture.js';

const seed = 20_260_614;
const header = { typ: 'kotovayla-test+jws', kid: 'a kid' };
const encryptions = ['A256GCM', 'A256CBC-HS512'] as const;
const keyBytes = { A256GCM: 32, 'A256CBC-HS512': 64 } as const;

const payloads = fc.uint8Array({ maxLength: 3_000 });
const encs = fc.constantFrom(...encryptions);
/** One change of a token: a character put in the place of another, or in between. */
const changes = fc.record({
  place: fc.nat(),
  character: fc.constantFrom(...'ABQgwxyz0_-.=+/ \n'),
  instead: fc.boolean(),
});

const changed = (
  token: string,
  { place, character, instead }: { place: number; character: string; instead: boolean },
) => token.slice(0, place % token.length) + character + token.slice((place % token.length) + (instead ? 1 : 0));

describe('compact tokens by node:crypto beside those by jose', () => {
  let parties: readonly Party[];
  const anyParty = fc.nat(3).map((index) => index);
  const partyAt = (index: number): Party => parties[index]!;

  beforeAll(async () => {
    parties = await Promise.all([
      partyOf('K-235'),
      partyOf('H-03', { crv: 'P-256' }),
      partyOf('T-01', { alg: 'EdDSA' }),
      partyOf('L-KELA', { alg: 'EdDSA', crv: 'P-256' }),
    ]);
  });

  it('signatures of each verify with the other, and with no other key', async () => {
    await fc.assert(
      fc.asyncProperty(payloads, anyParty, async (payload, index) => {
        const { signing, verification } = partyAt(index);
        const other = partyAt((index + 2) % 4).verification;
        const tokens = [native.signToken(payload, header, signing), await jose.signToken(payload, header, signing)];
        for (const token of tokens) {
          expect(native.verifySignature(token, verification)).toBe(true);
          expect(await jose.verifySignature(token, verification)).toBe(true);
          expect(native.verifySignature(token, other)).toBe(false);
        }
        expect(tokens[0]!.split('.').slice(0, 2)).toEqual(tokens[1]!.split('.').slice(0, 2));
      }),
      { seed, numRuns: 100 },
    );
  });

  it('what each seals to a key the other opens, and no other key does', async () => {
    await fc.assert(
      fc.asyncProperty(payloads, anyParty, encs, async (plaintext, index, enc) => {
        const { receiving, recipient } = partyAt(index);
        const other = partyAt((index + 2) % 4).receiving;
        const tokens = [
          native.encryptTo(plaintext, { ...header, enc }, recipient),
          await jose.encryptTo(plaintext, { ...header, enc }, recipient),
        ];
        for (const token of tokens) {
          expect(native.decryptToken(token, receiving, enc)).toEqual(Buffer.from(plaintext));
          expect(await jose.decryptToken(token, receiving, enc)).toEqual(Buffer.from(plaintext));
          expect(native.decryptToken(token, other, enc)).toBeUndefined();
        }
      }),
      { seed, numRuns: 100 },
    );
  });

  it('what each seals under shared bytes the other opens, and no other bytes do', async () => {
    await fc.assert(
      fc.asyncProperty(payloads, encs, async (plaintext, enc) => {
        const [key, other] = [randomBytes(keyBytes[enc]), randomBytes(keyBytes[enc])];
        const tokens = [
          native.encryptUnder(plaintext, { typ: header.typ, enc }, key),
          await jose.encryptUnder(plaintext, { typ: header.typ, enc }, key),
        ];
        for (const token of tokens) {
          expect(native.decryptToken(token, key, enc)).toEqual(Buffer.from(plaintext));
          expect(await jose.decryptToken(token, key, enc)).toEqual(Buffer.from(plaintext));
          expect(native.decryptToken(token, other, enc)).toBeUndefined();
        }
      }),
      { seed, numRuns: 100 },
    );
  });

  it('no changed token is taken that jose refuses', async () => {
    await fc.assert(
      fc.asyncProperty(payloads, anyParty, encs, changes, async (payload, index, enc, change) => {
        const { signing, verification, receiving, recipient } = partyAt(index);
        const signed = changed(native.signToken(payload, header, signing), change);
        const sealed = changed(native.encryptTo(payload, { ...header, enc }, recipient), change);
        const key = randomBytes(keyBytes[enc]);
        const direct = changed(native.encryptUnder(payload, { typ: header.typ, enc }, key), change);
        if (native.verifySignature(signed, verification))
          expect(await jose.verifySignature(signed, verification)).toBe(true);
        const opened = native.decryptToken(sealed, receiving, enc);
        if (opened) expect(await jose.decryptToken(sealed, receiving, enc)).toEqual(opened);
        const openedDirectly = native.decryptToken(direct, key, enc);
        if (openedDirectly) expect(await jose.decryptToken(direct, key, enc)).toEqual(openedDirectly);
      }),
      { seed, numRuns: 300 },
    );
  });

  it('the parties that a token names count in the agreed key', async () => {
    const { receiving, recipient } = partyAt(0);
    const token = await new CompactEncrypt(Buffer.from('to Bob'))
      .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' })
      .setKeyManagementParameters({ apu: Buffer.from('Alice'), apv: Buffer.from('Bob') })
      .encrypt(recipient.publicKey);
    expect(native.decryptToken(token, receiving, 'A256GCM')?.toString()).toBe('to Bob');
  });

  it('a key of another length is a mistake of the caller', () => {
    const sealing = () => native.encryptUnder(Buffer.alloc(1), { typ: 't', enc: 'A256CBC-HS512' }, randomBytes(32));
    expect(sealing).toThrow(TypeError);
  });
});
