import { createHmac } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { canonicalJson, unwrap } from '#kernel';
import { type Party, codeOf, forgedJwe, forgedJws, partsOf, partyOf, sealed } from './envelope.fixture.js';
import {
  checkParts,
  openCapsule,
  openReleasedKey,
  readManifest,
  verifyManifest,
  verifyPermitRefusal,
} from './index.js';
import { sealTo } from './compact-jwe.js';

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('profile: everything else is refused', () => {
  let sender: Party;
  let audit: Party;
  let manifest: string;
  let payload: string;
  let header: Record<string, unknown>;

  beforeAll(async () => {
    [sender, audit] = await Promise.all([partyOf('K-235'), partyOf('H-03')]);
    ({ manifest } = await sealed({ sender, recipient: audit, audit }));
    const parts = partsOf(manifest);
    header = parts.header;
    payload = canonicalJson(parts.payload);
  });

  const verify = async (token: string): Promise<string> => codeOf(await verifyManifest(token, sender.verification));
  const signedWith = (changes: object, text: unknown = payload): Promise<string> =>
    verify(forgedJws({ ...header, ...changes }, text, sender.signing.privateKey));

  describe('signatures', () => {
    it('the hand-made token itself is sound', async () => expect(await signedWith({})).toBe('OK'));

    it('alg none', async () => {
      const input = `${base64url({ ...header, alg: 'none' })}.${Buffer.from(payload).toString('base64url')}`;
      expect(await verify(`${input}.`)).toBe('ALG_NOT_ALLOWED');
    });

    it('HS256 keyed with the public key', async () => {
      const input = `${base64url({ ...header, alg: 'HS256' })}.${Buffer.from(payload).toString('base64url')}`;
      const secret = sender.verification.publicKey.export({ format: 'pem', type: 'spki' });
      const mac = createHmac('sha256', secret).update(input).digest('base64url');
      expect(await verify(`${input}.${mac}`)).toBe('ALG_NOT_ALLOWED');
    });

    it.each(['RS256', 'PS256', 'ES384', 'ES256K', 'Ed448', 'es256', ''])('alg %s', async (alg) => {
      expect(await signedWith({ alg })).toBe('ALG_NOT_ALLOWED');
    });

    it("an accepted algorithm that is not this key's", async () => {
      expect(await signedWith({ alg: 'EdDSA' })).toBe('ALG_NOT_ALLOWED');
    });

    it('Ed25519 under its own name as of RFC 9864', async () => {
      const modern = await partyOf('K-091', { alg: 'EdDSA' });
      const token = forgedJws(
        { ...header, kid: modern.signing.kid, alg: 'Ed25519' },
        payload,
        modern.signing.privateKey,
      );
      expect(codeOf(await verifyManifest(token, modern.verification))).toBe('OK');
    });

    it.each([
      ['crit', { crit: ['exp'], exp: 1 }],
      ['crit with b64', { crit: ['b64'], b64: false }],
      ['zip', { zip: 'DEF' }],
      ['jku', { jku: 'https://evil.example/jwks' }],
      ['x5u', { x5u: 'https://evil.example/cert' }],
      ['x5c', { x5c: ['AAAA'] }],
      ['x5t#S256', { 'x5t#S256': 'AAAA' }],
      ['cty', { cty: 'JWT' }],
    ])('header member %s', async (_name, member) => {
      expect(await signedWith(member)).toBe('ALG_NOT_ALLOWED');
    });

    it('a key that came along in the header', async () => {
      const thief = await partyOf('L-KELA');
      const token = forgedJws({ ...header, jwk: thief.signing.publicJwk }, payload, thief.signing.privateKey);
      expect(await verify(token)).toBe('ALG_NOT_ALLOWED');
    });

    it.each(['../../etc/passwd', 'abc', 42, undefined, "' OR 1=1"])('kid %s', async (kid) => {
      expect(await signedWith({ kid })).toBe('MALFORMED');
    });

    it.each(['JWT', 'kotovayla-inner+jws', 'KOTOVAYLA-MANIFEST+JWS', undefined])('typ %s', async (typ) => {
      expect(await signedWith({ typ })).toBe('TYP_MISMATCH');
    });

    it('a token of another kind with a valid signature', async () => {
      expect(codeOf(await verifyPermitRefusal(manifest, sender.verification))).toBe('TYP_MISMATCH');
    });

    it.each([
      ['a member twice', (text: string) => text.replace('{', '{"capsuleHash":"x",')],
      ['white space', (text: string) => text.replace('{', '{ ')],
      ['another order', (text: string) => text.replace(/^\{("capsuleHash":"[^"]*"),(.*)\}$/, '{$2,$1}')],
      ['another number form', (text: string) => text.replace('"v":1', '"v":1.0')],
      ['a byte order mark', (text: string) => `\uFEFF${text}`],
      ['no JSON', () => 'manifest'],
      ['nothing', () => ''],
      ['an array', (text: string) => `[${text}]`],
      ['nesting beyond the stack', () => `${'['.repeat(5_000)}${']'.repeat(5_000)}`],
    ])('signed text that is not canonical: %s', async (_name, change) => {
      expect(await signedWith({}, change(payload))).toBe('MALFORMED');
    });

    it('a member that nobody defined', async () => {
      const extended = canonicalJson({ ...(JSON.parse(payload) as object), extra: 1 });
      expect(await signedWith({}, extended)).toBe('MALFORMED');
    });

    it('JSON serialisation', async () => {
      const [protectedHeader, body, signature] = manifest.split('.');
      const general = JSON.stringify({ payload: body, signatures: [{ protected: protectedHeader, signature }] });
      expect(await verify(general)).toBe('TOKEN_CHARACTERS');
    });

    it.each(['', '.', '..', '...', 'a.b', 'eyJ9.eyJ9.'])('the fragment "%s"', (token) => {
      expect(['MALFORMED', 'TOKEN_CHARACTERS']).toContain(codeOf(readManifest(token)));
    });

    it('too long a token is refused before it is parsed', () => {
      expect(codeOf(readManifest('!'.repeat(16 * 1024 + 1)))).toBe('CONTENT_TOO_LARGE');
    });

    it.each([63, 65, 0])('a signature of %i bytes', async (length) => {
      const input = manifest.slice(0, manifest.lastIndexOf('.'));
      expect(await verify(`${input}.${Buffer.alloc(length, 1).toString('base64url')}`)).toBe('SIGNATURE_INVALID');
    });

    it('a signature of zeros (CVE-2022-21449)', async () => {
      const input = manifest.slice(0, manifest.lastIndexOf('.'));
      expect(await verify(`${input}.${Buffer.alloc(64).toString('base64url')}`)).toBe('SIGNATURE_INVALID');
    });
  });

  describe('encryption', () => {
    const capsuleHeader = (changes: object) => ({
      alg: 'ECDH-ES',
      enc: 'A256GCM',
      kid: audit.receiving.kid,
      typ: 'kotovayla-capsule+jwe',
      ...changes,
    });
    const openForged = async (changes: object, plaintext: string | Uint8Array = '{}'): Promise<string> =>
      codeOf(
        await openCapsule(
          await forgedJwe(capsuleHeader(changes), plaintext, audit.recipient.publicKey),
          audit.receiving,
        ),
      );

    it('a zip bomb', async () => {
      const bomb = await openForged({ zip: 'DEF' }, Buffer.alloc(200_000));
      expect(bomb).toBe('ALG_NOT_ALLOWED');
      expect(deflateRawSync(Buffer.alloc(200_000)).length).toBeLessThan(1_000);
    });

    it.each(['ECDH-ES+A128KW', 'ECDH-ES+A256KW'])('alg %s', async (alg) => {
      expect(await openForged({ alg })).toBe('ALG_NOT_ALLOWED');
    });

    it.each(['A128GCM', 'A128CBC-HS256', 'A256CBC-HS512'])('enc %s', async (enc) => {
      expect(await openForged({ enc })).toBe('ALG_NOT_ALLOWED');
    });

    it.each(['apu', 'apv', 'cty', 'jku', 'x5u', 'jwk', 'p2c'])('header member %s', async (member) => {
      const [, ...rest] = sealTo('capsule', Buffer.from('{}'), audit.recipient).split('.');
      const forged = [base64url({ ...capsuleHeader({}), [member]: 'AAAA' }), ...rest].join('.');
      expect(codeOf(await openCapsule(forged, audit.receiving))).toBe('ALG_NOT_ALLOWED');
    });

    it('PBES2, which lets a stranger choose how long we compute', async () => {
      const header2 = {
        alg: 'PBES2-HS512+A256KW',
        enc: 'A256GCM',
        typ: 'kotovayla-capsule+jwe',
        kid: audit.receiving.kid,
      };
      const forged = await forgedJwe(header2, '{}', Buffer.from('password'));
      expect(codeOf(await openCapsule(forged, audit.receiving))).toBe('ALG_NOT_ALLOWED');
    });

    it('dir where a key was to be agreed', async () => {
      const forged = await forgedJwe(capsuleHeader({ alg: 'dir' }), '{}', Buffer.alloc(32, 1));
      expect(codeOf(await openCapsule(forged, audit.receiving))).toBe('ALG_NOT_ALLOWED');
    });

    it('key agreement where the content key was to be used', async () => {
      const message = await sealed({ sender, recipient: audit, audit });
      const agreed = await forgedJwe(
        { alg: 'ECDH-ES', enc: 'A256CBC-HS512', typ: 'kotovayla-outer+jwe' },
        'x',
        audit.recipient.publicKey,
      );
      const parts = { capsule: message.capsule, outer: agreed };
      expect(codeOf(checkParts(unwrap(readManifest(message.manifest)), parts))).toBe('ALG_NOT_ALLOWED');
    });

    it('a content key used with an encryption that does not commit to it', async () => {
      const message = await sealed({ sender, recipient: audit, audit });
      const header2 = { alg: 'dir', enc: 'A256GCM', typ: 'kotovayla-outer+jwe' };
      const parts = { capsule: message.capsule, outer: await forgedJwe(header2, 'x', Buffer.alloc(32, 1)) };
      expect(codeOf(checkParts(unwrap(readManifest(message.manifest)), parts))).toBe('ALG_NOT_ALLOWED');
    });

    it('an ephemeral key of another curve', async () => {
      const other = await partyOf('T-01', { crv: 'P-256' });
      const forged = await forgedJwe(capsuleHeader({}), '{}', other.recipient.publicKey);
      expect(codeOf(await openCapsule(forged, audit.receiving))).toBe('CAPSULE_MISMATCH');
    });

    it('an ephemeral key with a private member', async () => {
      const [, ...rest] = sealTo('capsule', Buffer.from('{}'), audit.recipient).split('.');
      const epk = { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43), d: 'A'.repeat(43) };
      const forged = [base64url(capsuleHeader({ epk })), ...rest].join('.');
      expect(codeOf(await openCapsule(forged, audit.receiving))).toBe('MALFORMED');
    });

    it('an ephemeral key of small order', async () => {
      const [, ...rest] = sealTo('capsule', Buffer.from('{}'), audit.recipient).split('.');
      const epk = { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) };
      const forged = [base64url(capsuleHeader({ epk })), ...rest].join('.');
      expect(codeOf(await openCapsule(forged, audit.receiving))).toBe('CAPSULE_MISMATCH');
    });

    it('an encrypted key where there is none', async () => {
      const [head, , ...rest] = sealTo('capsule', Buffer.from('{}'), audit.recipient).split('.');
      expect(codeOf(await openCapsule([head, 'AAAA', ...rest].join('.'), audit.receiving))).toBe('MALFORMED');
    });

    it('one kind of sealed token in the place of another', async () => {
      const capsule = sealTo('capsule', Buffer.from('{}'), audit.recipient);
      expect(codeOf(await openReleasedKey(capsule, audit.receiving))).toBe('TYP_MISMATCH');
    });
  });
});
