import { type KeyPairKeyObjectResult, generateKeyPairSync } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import { describe, expect, it } from '@jest/globals';
import { unwrap } from '#kernel';
import { codeOf, privateMember } from './envelope.fixture.js';
import {
  type PublicJwk,
  exportPrivateJwk,
  generateReceivingKey,
  generateSigningKey,
  importReceivingKey,
  importRecipientKey,
  importSigningKey,
  importVerificationKey,
  thumbprintOf,
} from './index.js';

const exported = ({ publicKey }: KeyPairKeyObjectResult): object => publicKey.export({ format: 'jwk' });

describe('keys', () => {
  it.each(['ES256', 'EdDSA'] as const)(
    '%s signing key: private half, public half and thumbprint belong together',
    async (alg) => {
      const key = await generateSigningKey(alg);
      expect(key.kid).toBe(await calculateJwkThumbprint(key.publicJwk));
      expect(unwrap(await importVerificationKey(key.publicJwk))).toMatchObject({
        kid: key.kid,
        alg,
        jwk: key.publicJwk,
      });
      const again = await importSigningKey(exportPrivateJwk(key));
      expect(again.publicJwk).toEqual(key.publicJwk);
      expect(again.privateKey.equals(key.privateKey)).toBe(true);
    },
  );

  it.each(['X25519', 'P-256'] as const)('%s receiving key: likewise', async (crv) => {
    const key = await generateReceivingKey(crv);
    expect(key.kid).toBe(await calculateJwkThumbprint(key.publicJwk));
    expect(unwrap(await importRecipientKey(key.publicJwk))).toMatchObject({ kid: key.kid, crv, jwk: key.publicJwk });
    expect((await importReceivingKey(exportPrivateJwk(key))).publicJwk).toEqual(key.publicJwk);
  });

  it('the thumbprint of RFC 8037 appendix A.3', async () => {
    const jwk: PublicJwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
    expect(await thumbprintOf(jwk)).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
  });

  it('a public key has the public members and no other', async () => {
    const keys = [await generateSigningKey(), await generateSigningKey('EdDSA'), await generateReceivingKey()];
    for (const { publicJwk } of keys) {
      expect(Object.keys(publicJwk).every((member) => ['kty', 'crv', 'x', 'y', 'alg'].includes(member))).toBe(true);
    }
  });

  it('is imported once', async () => {
    const { publicJwk } = await generateSigningKey();
    expect(unwrap(await importVerificationKey(publicJwk))).toBe(unwrap(await importVerificationKey({ ...publicJwk })));
  });

  describe('is refused', () => {
    const verification = async (jwk: unknown): Promise<string> => codeOf(await importVerificationKey(jwk));
    const recipient = async (jwk: unknown): Promise<string> => codeOf(await importRecipientKey(jwk));

    it('a private key given as a public one', async () => {
      expect(await verification(privateMember((await generateSigningKey()).publicJwk))).toBe('ALG_NOT_ALLOWED');
      expect(await recipient(privateMember((await generateReceivingKey()).publicJwk))).toBe('ALG_NOT_ALLOWED');
      expect(await verification({ kty: 'oct', k: 'AAAA' })).toBe('ALG_NOT_ALLOWED');
    });

    it('a signing key to which something would be sealed, and the reverse', async () => {
      expect(await recipient((await generateSigningKey('EdDSA')).publicJwk)).toBe('ALG_NOT_ALLOWED');
      expect(await recipient((await generateSigningKey('ES256')).publicJwk)).toBe('ALG_NOT_ALLOWED');
      expect(await verification((await generateReceivingKey('X25519')).publicJwk)).toBe('ALG_NOT_ALLOWED');
      expect(await verification((await generateReceivingKey('P-256')).publicJwk)).toBe('ALG_NOT_ALLOWED');
    });

    it.each([
      ['RSA', () => exported(generateKeyPairSync('rsa', { modulusLength: 2048 }))],
      ['P-384', () => exported(generateKeyPairSync('ec', { namedCurve: 'P-384' }))],
      ['secp256k1', () => exported(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }))],
      ['Ed448', () => exported(generateKeyPairSync('ed448'))],
      ['X448', () => exported(generateKeyPairSync('x448'))],
    ])('%s', async (_name, jwk) => {
      expect(await verification(jwk())).toBe('ALG_NOT_ALLOWED');
      expect(await recipient(jwk())).toBe('ALG_NOT_ALLOWED');
    });

    it('a point that is not on its curve', async () => {
      const { publicJwk } = await generateSigningKey();
      expect(await verification({ ...publicJwk, y: publicJwk.x })).toBe('ALG_NOT_ALLOWED');
    });

    it.each([
      ['zero', '00'.repeat(32)],
      ['one', `01${'00'.repeat(31)}`],
      ['a point of order eight', 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'],
    ])('an X25519 point of small order: %s', async (_name, hex) => {
      const x = Buffer.from(hex, 'hex').toString('base64url');
      expect(await recipient({ kty: 'OKP', crv: 'X25519', x })).toBe('ALG_NOT_ALLOWED');
    });

    it('a second spelling of an X25519 key, which would have a thumbprint of its own', async () => {
      const { publicJwk } = await generateReceivingKey('X25519');
      const bytes = Buffer.from(publicJwk.x, 'base64url');
      bytes.writeUInt8(bytes.readUInt8(31) | 0x80, 31);
      expect(await recipient({ ...publicJwk, x: bytes.toString('base64url') })).toBe('ALG_NOT_ALLOWED');
    });

    it('an Ed25519 point of small order', async () => {
      const x = Buffer.from(`01${'00'.repeat(31)}`, 'hex').toString('base64url');
      expect(await verification({ kty: 'OKP', crv: 'Ed25519', x })).toBe('ALG_NOT_ALLOWED');
    });

    it.each([
      ['another spelling of a coordinate', (jwk: PublicJwk) => ({ ...jwk, x: `${jwk.x}=` })],
      ['a short coordinate', (jwk: PublicJwk) => ({ ...jwk, x: jwk.x.slice(2) })],
      ['an unknown member', (jwk: PublicJwk) => ({ ...jwk, jku: 'https://evil.example' })],
      ['a missing coordinate', ({ kty, crv, x }: PublicJwk) => ({ kty, crv, x })],
    ])('%s', async (_name, change) => {
      expect(await verification(change((await generateSigningKey()).publicJwk))).toBe('MALFORMED');
    });

    it.each([null, undefined, 'key', 7, []])('%p', async (jwk) => {
      expect(await verification(jwk)).toBe('MALFORMED');
      expect(await recipient(jwk)).toBe('MALFORMED');
    });

    it('a private key file whose halves do not belong together', async () => {
      const [first, second] = [await generateSigningKey('EdDSA'), await generateSigningKey('EdDSA')];
      const mixed = { ...exportPrivateJwk(first), x: second.publicJwk.x };
      await expect(importSigningKey(mixed)).rejects.toThrow(TypeError);
      const [one, two] = [await generateSigningKey(), await generateSigningKey()];
      await expect(importSigningKey({ ...exportPrivateJwk(one), ...two.publicJwk })).rejects.toThrow(TypeError);
    });

    it('a receiving key in the place of a signing key', async () => {
      await expect(importSigningKey(exportPrivateJwk(await generateReceivingKey()))).rejects.toThrow(TypeError);
      await expect(importReceivingKey(exportPrivateJwk(await generateSigningKey('EdDSA')))).rejects.toThrow(TypeError);
    });
  });
});
