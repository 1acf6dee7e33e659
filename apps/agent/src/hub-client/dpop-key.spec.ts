import { describe, expect, it } from '@jest/globals';
import { decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import { FixedClock, sha256 } from '#kernel';
import { DpopKey } from './dpop-key.js';

const clock = new FixedClock(new Date('2026-11-22T10:00:00Z'));
const target = { method: 'POST', url: 'https://hub.example/v1/messages', nonce: 'n-1', accessToken: 'token' };

describe('a DPoP proof', () => {
  it('verifies with the public key that it carries, and says what it is for (RFC 9449 §4.2)', async () => {
    const proof = new DpopKey(clock).prove(target);
    const { jwk, alg, typ } = decodeProtectedHeader(proof);
    expect({ alg, typ }).toEqual({ alg: 'ES256', typ: 'dpop+jwt' });
    const { payload } = await jwtVerify(proof, await importJWK(jwk ?? {}, 'ES256'), { currentDate: clock.now() });
    expect(payload).toMatchObject({
      htm: 'POST',
      htu: target.url,
      nonce: 'n-1',
      ath: sha256('token'),
      iat: clock.now().getTime() / 1000,
    });
  });

  it('carries no private member', () => {
    const { jwk } = decodeProtectedHeader(new DpopKey(clock).prove(target));
    expect(Object.keys(jwk ?? {}).sort()).toEqual(['crv', 'kty', 'x', 'y']);
  });

  it('has a jti of its own each time', () => {
    const key = new DpopKey(clock);
    const ids = [key.prove(target), key.prove(target)].map((proof) => {
      const payload = Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString();
      return (JSON.parse(payload) as { jti: string }).jti;
    });
    expect(ids[0]).not.toBe(ids[1]);
  });
});
