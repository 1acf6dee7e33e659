import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, errors, exportJWK, generateKeyPair, type JWTVerifyGetKey, SignJWT } from 'jose';
import { FixedClock, numericDate } from '#kernel';
import { AccessTokens } from './access-token.js';

const settings = { issuer: 'https://identity.example', audience: 'urn:kotovayla:gateway' };
const start = new Date('2026-03-02T10:00:00Z');

describe('an access token', () => {
  let clock: FixedClock;
  let pair: Awaited<ReturnType<typeof generateKeyPair>>;
  let published: JWTVerifyGetKey;
  let asked: number;
  let tokens: AccessTokens;

  beforeAll(async () => {
    pair = await generateKeyPair('ES256', { extractable: true });
    const known = createLocalJWKSet({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k', alg: 'ES256' }] });
    published = (...args) => {
      asked += 1;
      return known(...args);
    };
  });
  beforeEach(() => {
    asked = 0;
    clock = new FixedClock(start);
    tokens = new AccessTokens(settings, clock, published);
  });

  const token = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}, by = pair) => {
    const all = {
      iss: settings.issuer,
      aud: settings.audience,
      client_id: 'K-235',
      agency: 'K-235',
      scope: 'exchange supervise',
      iat: numericDate(start),
      exp: numericDate(start) + 300,
      cnf: { jkt: 'thumbprint' },
      ...claims,
    };
    return new SignJWT(JSON.parse(JSON.stringify(all)) as Record<string, unknown>)
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k', ...header })
      .sign(by.privateKey);
  };
  const codeOf = async (text: string, of = tokens): Promise<string> => {
    const result = await of.verify(text);
    return result.ok ? 'ok' : result.error.code;
  };

  it('tells agency, scopes and the key that it is bound to', async () => {
    expect(await tokens.verify(await token())).toEqual({
      ok: true,
      value: {
        agency: 'K-235',
        scopes: ['exchange', 'supervise'],
        boundTo: 'thumbprint',
        expiresAt: start.getTime() + 300_000,
      },
    });
  });

  it('is verified once and ends with its time all the same', async () => {
    const text = await token();
    expect(await codeOf(text)).toBe('ok');
    expect(await codeOf(text)).toBe('ok');
    expect(asked).toBe(1);
    clock.advance(300_000);
    expect(await codeOf(text)).toBe('UNAUTHENTICATED');
  });

  it.each<[string, Record<string, unknown>]>([
    ['for another audience', { aud: 'urn:other' }],
    ['of another issuer', { iss: 'https://other.example' }],
    ['that has expired', { exp: numericDate(start) - 1 }],
    ['without an end', { exp: undefined }],
    ['without a beginning', { iat: undefined }],
    ['without client', { client_id: undefined }],
    ['of no agency', { agency: undefined }],
    ['of what is no agency', { agency: 'somebody' }],
    ['bound to no key', { cnf: undefined }],
    ['bound to a certificate', { cnf: { 'x5t#S256': 'x' } }],
    ['without scope', { scope: undefined }],
  ])('%s is refused', async (_what, claims) => {
    expect(await codeOf(await token(claims))).toBe('UNAUTHENTICATED');
  });

  it.each<[string, Record<string, unknown>]>([
    ['an ID token', { typ: 'JWT' }],
    ['a token by an unknown key', { kid: 'other' }],
  ])('%s is refused', async (_what, header) => {
    expect(await codeOf(await token({}, header))).toBe('UNAUTHENTICATED');
  });

  it('signed by somebody else is refused', async () => {
    expect(await codeOf(await token({}, {}, await generateKeyPair('ES256')))).toBe('UNAUTHENTICATED');
  });

  it.each(['', 'x', 'a.b.c', 'with space', 'A'.repeat(4_097)])('that is none is refused', async (text) => {
    expect(await codeOf(text)).toBe('UNAUTHENTICATED');
  });

  it.each<[string, () => Error]>([
    ['time out', () => new errors.JWKSTimeout()],
    ['are answered with an error page', () => new errors.JOSEError('Expected 200 OK')],
    ['are no key set', () => new errors.JWKSInvalid()],
    ['cannot be reached', () => new TypeError('fetch failed')],
  ])('is not to blame when the issuer’s keys %s', async (_what, failure) => {
    const unreachable = new AccessTokens(settings, clock, () => Promise.reject(failure()));
    expect(await codeOf(await token(), unreachable)).toBe('UNAVAILABLE');
  });
});
