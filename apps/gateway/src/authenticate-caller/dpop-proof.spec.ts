import { createHash } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { FixedClock, numericDate } from '#kernel';
import { DpopNonces } from './dpop-nonce.js';
import { DpopProofs } from './dpop-proof.js';

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

const target = { method: 'POST', url: 'https://gateway.example/v1/messages', accessToken: 'the-token' };
const ath = createHash('sha256').update(target.accessToken).digest('base64url');

describe('a DPoP proof', () => {
  const clock = new FixedClock(new Date('2026-03-02T10:00:00Z'));
  let pair: Pair;
  let jwk: JWK;
  let nonces: DpopNonces;
  let proofs: DpopProofs;
  let jtis = 0;

  beforeAll(async () => {
    pair = await generateKeyPair('ES256', { extractable: true });
    jwk = await exportJWK(pair.publicKey);
  });
  beforeEach(() => {
    nonces = new DpopNonces(clock);
    proofs = new DpopProofs(nonces, clock);
  });

  const proof = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}, by = pair) => {
    const all = {
      htm: target.method,
      htu: target.url,
      ath,
      jti: `a-proof-${++jtis}`,
      iat: numericDate(clock.now()),
      nonce: nonces.issue(),
      ...claims,
    };
    return new SignJWT(JSON.parse(JSON.stringify(all)) as Record<string, unknown>)
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header })
      .sign(by.privateKey);
  };
  const codeOf = async (token: string): Promise<string> => {
    const result = await proofs.verify(token, target);
    return result.ok ? 'ok' : result.error.code;
  };

  it('tells the thumbprint of its key', async () => {
    expect(await proofs.verify(await proof(), target)).toEqual({ ok: true, value: await calculateJwkThumbprint(jwk) });
  });

  it('may be signed with Ed25519', async () => {
    const other = await generateKeyPair('EdDSA', { extractable: true });
    const header = { alg: 'EdDSA', jwk: await exportJWK(other.publicKey) };
    expect(await codeOf(await proof({}, header, other))).toBe('ok');
  });

  it.each([
    ['that is a minute old', -60],
    ['by a clock that is a minute ahead', 60],
  ])('%s is taken', async (_what, seconds) => {
    expect(await codeOf(await proof({ iat: numericDate(clock.now()) + seconds }))).toBe('ok');
  });

  it.each<[string, Record<string, unknown>]>([
    ['for another method', { htm: 'GET' }],
    ['for another address', { htu: 'https://gateway.example/v1/releases' }],
    ['for the address with a query', { htu: `${target.url}?x=1` }],
    ['for another token', { ath: createHash('sha256').update('other').digest('base64url') }],
    ['for no token', { ath: undefined }],
    ['that is old', { iat: numericDate(clock.now()) - 61 }],
    ['from the future', { iat: numericDate(clock.now()) + 61 }],
    ['without time', { iat: undefined }],
    ['without jti', { jti: undefined }],
    ['with a short jti', { jti: 'short' }],
    ['with a long jti', { jti: 'x'.repeat(129) }],
    ['that has expired', { exp: numericDate(clock.now()) - 1 }],
  ])('%s is refused', async (_what, claims) => {
    expect(await codeOf(await proof(claims))).toBe('DPOP_INVALID');
  });

  it.each<[string, () => Promise<Record<string, unknown>>]>([
    ['of another type', async () => ({ typ: 'JWT' })],
    ['without its key', async () => ({ jwk: undefined })],
    ['with its private key', async () => ({ jwk: await exportJWK(pair.privateKey) })],
    [
      'with the key of somebody else',
      async () => ({ jwk: await exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey) }),
    ],
  ])('%s is refused', async (_what, header) => {
    expect(await codeOf(await proof({}, await header()))).toBe('DPOP_INVALID');
  });

  it('by an algorithm outside the profile is refused', async () => {
    const other = await generateKeyPair('RS256', { extractable: true });
    const header = { alg: 'RS256', jwk: await exportJWK(other.publicKey) };
    expect(await codeOf(await proof({}, header, other))).toBe('DPOP_INVALID');
  });

  it.each(['', 'x', 'a.b.c', `${'x'.repeat(2_049)}`, 'two proofs, at once'])(
    'that is none is refused',
    async (token) => {
      expect(await codeOf(token)).toBe('DPOP_INVALID');
    },
  );

  it.each([undefined, 'made-up.nonce'])('with nonce %p is told to take a fresh one', async (nonce) => {
    expect(await codeOf(await proof({ nonce }))).toBe('USE_DPOP_NONCE');
  });

  it('is good once', async () => {
    const token = await proof();
    expect(await codeOf(token)).toBe('ok');
    expect(await codeOf(token)).toBe('DPOP_INVALID');
  });

  it('that lacked a nonce does not use up its jti', async () => {
    const jti = 'the-same-one';
    expect(await codeOf(await proof({ jti, nonce: undefined }))).toBe('USE_DPOP_NONCE');
    expect(await codeOf(await proof({ jti }))).toBe('ok');
  });

  it('of another key may have the same jti', async () => {
    const other = await generateKeyPair('ES256', { extractable: true });
    const jti = 'the-same-one';
    expect(await codeOf(await proof({ jti }))).toBe('ok');
    expect(await codeOf(await proof({ jti }, { jwk: await exportJWK(other.publicKey) }, other))).toBe('ok');
  });
});
