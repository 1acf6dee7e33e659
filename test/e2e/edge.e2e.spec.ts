import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  base64url,
  calculateJwkThumbprint,
  decodeJwt,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  SignJWT,
} from 'jose';
import supertest from 'supertest';
import { numericDate } from '#kernel';
import type { HubAgency } from './hub-agency.js';
import { type RunningHub, startTestHub, until } from './running-hub.js';

/** Low enough to be reached by one test, high enough for the others. */
const RATE_PER_SECOND = 20;

const sealedLike = { manifest: 'x', capsule: 'y', outer: 'z' };

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly text: string;
  readonly headers: Record<string, string>;
}

/** An answer with problem details. */
const problem = (status: number, code: string) => ({ status, body: { code, status } });

describe('the edge', () => {
  let hub: RunningHub;
  let municipality: HubAgency;
  let county: HubAgency;

  beforeAll(async () => {
    hub = await startTestHub({ RATE_PER_SECOND: String(RATE_PER_SECOND) });
    [municipality, county] = await Promise.all([hub.agency('K-235'), hub.agency('H-03')]);
  }, 120_000);

  afterAll(() => hub?.stop());

  const now = (): number => numericDate(new Date());

  const publishedKeys = async (): Promise<JWK[]> => {
    const { body } = (await supertest(hub.addresses.issuer).get('/jwks').expect(200)) as { body: { keys: JWK[] } };
    return body.keys;
  };

  describe('identity gives an access token', () => {
    it('of at most five minutes, for the gateway alone, bound to the agency’s DPoP key', async () => {
      const proof = await municipality.proof('POST', municipality.tokenUrl);
      const { status, body } = await municipality.requestToken(await municipality.assertion(), proof);
      const claims = decodeJwt(body.access_token!);
      expect(status).toBe(200);
      expect(body).toMatchObject({ token_type: 'DPoP', scope: 'exchange' });
      expect(body.expires_in).toBeLessThanOrEqual(300);
      expect(claims.exp! - claims.iat!).toBeLessThanOrEqual(300);
      expect(claims).toMatchObject({
        iss: hub.addresses.issuer,
        aud: hub.addresses.audience,
        agency: municipality.id,
        cnf: { jkt: await calculateJwkThumbprint((await municipality.dpopKey()).jwk) },
      });
    });

    it('once for an assertion that comes twice at the same moment', async () => {
      const assertion = await municipality.assertion();
      const answers = await Promise.all([
        municipality.requestToken(assertion, await municipality.proof('POST', municipality.tokenUrl)),
        municipality.requestToken(assertion, await municipality.proof('POST', municipality.tokenUrl)),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    });

    it('without telling a private key', async () => {
      const keys = await publishedKeys();
      expect(keys).toHaveLength(1);
      expect(Object.keys(keys[0]!)).not.toContain('d');
    });
  });

  describe('identity refuses', () => {
    type Assertion = () => Promise<string | undefined>;
    const signedWith = async (alg: string): Promise<string> => {
      const { privateKey } = await generateKeyPair(alg);
      return municipality.assertion({}, { alg, key: privateKey });
    };

    it.each<[string, Assertion]>([
      ['no assertion', async () => undefined],
      ['an assertion for a foreign audience', () => municipality.assertion({ aud: 'https://other.example' })],
      ['an assertion for the token endpoint', () => municipality.assertion({ aud: municipality.tokenUrl })],
      ['an assertion for several audiences', () => municipality.assertion({ aud: [hub.addresses.issuer, 'x'] })],
      ['an assertion for one audience in an array', () => municipality.assertion({ aud: [hub.addresses.issuer] })],
      ['an expired assertion', () => municipality.assertion({ iat: now() - 300, exp: now() - 120 })],
      ['an assertion without an end', () => municipality.assertion({ exp: undefined })],
      ['an assertion that lives too long', () => municipality.assertion({ exp: now() + 3_600 })],
      ['an assertion from the future', () => municipality.assertion({ nbf: now() + 300 })],
      ['an assertion without sub', () => municipality.assertion({ sub: undefined })],
      ['an assertion about another agency', () => municipality.assertion({ sub: county.id })],
      ['an assertion issued by another agency', () => municipality.assertion({ iss: county.id })],
      ['an assertion without jti', () => municipality.assertion({ jti: undefined })],
      ['an assertion without kid', () => municipality.assertion({}, { kid: undefined })],
      ['an assertion by a wrong key', async () => signedWith('ES256')],
      ['an assertion by the key of another agency', () => municipality.assertion({}, { key: county.client.key })],
      [
        'an assertion by another agency with its own kid',
        async () => {
          const kid = await calculateJwkThumbprint(county.client.jwk);
          return municipality.assertion({}, { key: county.client.key, kid });
        },
      ],
      ['RS256', async () => signedWith('RS256')],
      ['ES384', async () => signedWith('ES384')],
      [
        'HS256 under the public key',
        async () => {
          const key = Buffer.from(JSON.stringify(municipality.client.jwk));
          return municipality.assertion({}, { alg: 'HS256', key });
        },
      ],
      [
        'no signature',
        async () => {
          const [, payload] = (await municipality.assertion()).split('.');
          return `${base64url.encode('{"alg":"none"}')}.${payload}.`;
        },
      ],
    ])('%s', async (_what, assertion) => {
      const proof = await municipality.proof('POST', municipality.tokenUrl);
      const { status, body } = await municipality.requestToken(await assertion(), proof);
      expect([400, 401]).toContain(status);
      expect(['invalid_client', 'invalid_request']).toContain(body.error);
      expect(body.access_token).toBeUndefined();
    });

    it('an assertion that was used before', async () => {
      const assertion = await municipality.assertion();
      const tried = async () =>
        municipality.requestToken(assertion, await municipality.proof('POST', municipality.tokenUrl));
      expect((await tried()).status).toBe(200);
      expect(await tried()).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    });

    const dpop = (...wish: Parameters<HubAgency['proof']>) => municipality.proof(...wish);
    it.each<[string, () => Promise<string | undefined>]>([
      ['no proof', async () => undefined],
      ['a proof for another method', () => dpop('GET', municipality.tokenUrl)],
      ['a proof for another address', () => dpop('POST', `${hub.addresses.issuer}/other`)],
      ['an old proof', () => dpop('POST', municipality.tokenUrl, { iat: now() - 600 })],
      ['a proof without jti', () => dpop('POST', municipality.tokenUrl, { jti: undefined })],
      ['a proof of another type', () => dpop('POST', municipality.tokenUrl, {}, { typ: 'JWT' })],
      [
        'a proof with another key than it names',
        async () => dpop('POST', municipality.tokenUrl, {}, { jwk: (await county.dpopKey()).jwk }),
      ],
      [
        'a proof that tells its private key',
        async () =>
          dpop('POST', municipality.tokenUrl, {}, { jwk: await exportJWK((await municipality.dpopKey()).key) }),
      ],
    ])('%s', async (_what, proof) => {
      const { status, body } = await municipality.requestToken(await municipality.assertion(), await proof());
      expect(status).toBe(400);
      expect(['invalid_dpop_proof', 'invalid_grant', 'use_dpop_nonce']).toContain(body.error);
      expect(body.access_token).toBeUndefined();
    });

    it('a proof that was used before', async () => {
      const proof = await municipality.proof('POST', municipality.tokenUrl);
      expect((await municipality.requestToken(await municipality.assertion(), proof)).status).toBe(200);
      expect(await municipality.requestToken(await municipality.assertion(), proof)).toMatchObject({
        status: 400,
        body: { error: 'invalid_grant' },
      });
    });

    it.each<[string, Record<string, string | undefined>, string]>([
      ['another grant', { grant_type: 'password' }, 'unsupported_grant_type'],
      ['a scope that the agency does not have', { scope: 'supervise' }, 'invalid_scope'],
      ['a token for another audience', { resource: 'https://other.example' }, 'invalid_target'],
    ])('%s', async (_what, form, error) => {
      const proof = await municipality.proof('POST', municipality.tokenUrl);
      const { body } = await municipality.requestToken(await municipality.assertion(), proof, form);
      expect(body).toMatchObject({ error });
    });
  });

  const called = async (headers: Record<string, string>, path = '/v1/mailbox'): Promise<Answer> =>
    supertest(hub.addresses.gateway).get(path).set(headers);

  const mailboxUrl = (): string => `${hub.addresses.gateway}/v1/mailbox`;

  /** A valid nonce of the gateway. */
  const freshNonce = async (): Promise<string> => {
    const token = await municipality.accessToken();
    const { headers } = await called({
      authorization: `DPoP ${token}`,
      dpop: await proofFor(token, { nonce: undefined }),
    });
    return headers['dpop-nonce']!;
  };

  const ath = (token: string): string => createHash('sha256').update(token).digest('base64url');

  const proofFor = (
    token: string,
    claims: Record<string, unknown> = {},
    { method = 'GET', url = mailboxUrl(), header = {}, by = municipality } = {},
  ): Promise<string> => by.proof(method, url, { ath: ath(token), ...claims }, header);

  describe('the gateway refuses', () => {
    it('a call without a token, and says how to get one', async () => {
      const answer = await called({});
      expect(answer).toMatchObject(problem(401, 'UNAUTHENTICATED'));
      expect(answer.headers['www-authenticate']).toContain('DPoP');
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    });

    it.each(['/v1/messages', '/v1/releases'])('a stranger’s body at %s before it is read', async (path) => {
      const headers = { 'content-type': 'application/json', 'content-length': 200_000 };
      const call = request(new URL(path, hub.addresses.gateway), { method: 'POST', headers });
      const answered = once(call, 'response');
      call.flushHeaders();
      const [{ statusCode }] = (await answered) as [IncomingMessage];
      expect(statusCode).toBe(401);
      call.destroy();
    });

    it('to tell its metrics to anybody', async () => {
      expect(await called({}, '/metrics')).toMatchObject(problem(404, 'NOT_FOUND'));
    });

    it('a token as bearer, without its proof', async () => {
      const token = await municipality.accessToken();
      expect(await called({ authorization: `Bearer ${token}` })).toMatchObject(problem(401, 'UNAUTHENTICATED'));
      expect(await called({ authorization: `DPoP ${token}` })).toMatchObject(problem(401, 'DPOP_INVALID'));
    });

    type Options = Parameters<typeof proofFor>[2];
    it.each<[string, (nonce: string) => Promise<[claims: Record<string, unknown>, options?: Options]>]>([
      ['a proof for another address', async () => [{}, { url: `${hub.addresses.gateway}/v1/messages` }]],
      ['a proof for another host', async () => [{}, { url: 'https://gateway.example/v1/mailbox' }]],
      ['a proof for another method', async () => [{}, { method: 'POST' }]],
      ['a proof for another token', async () => [{ ath: ath('another') }]],
      ['a proof for no token', async () => [{ ath: undefined }]],
      ['an old proof', async () => [{ iat: now() - 120 }]],
      ['a proof from the future', async () => [{ iat: now() + 120 }]],
      ['a proof without jti', async () => [{ jti: undefined }]],
      ['a proof of another type', async () => [{}, { header: { typ: 'JWT' } }]],
      ['a proof by a key that the token is not bound to', async () => [{}, { by: county }]],
      ['a proof with another key than it names', async () => [{}, { header: { jwk: (await county.dpopKey()).jwk } }]],
      [
        'a proof that tells its private key',
        async () => {
          const { key } = await municipality.dpopKey();
          return [{}, { header: { jwk: await exportJWK(key) } }];
        },
      ],
    ])('%s', async (_what, wrong) => {
      const [nonce, token] = [await freshNonce(), await municipality.accessToken()];
      const [claims, options] = await wrong(nonce);
      const dpop = await proofFor(token, { nonce, ...claims }, options);
      expect(await called({ authorization: `DPoP ${token}`, dpop })).toMatchObject(problem(401, 'DPOP_INVALID'));
    });

    it('a proof that was used before, also with another token of the same key', async () => {
      const [nonce, token] = [await freshNonce(), await municipality.accessToken()];
      const headers = { authorization: `DPoP ${token}`, dpop: await proofFor(token, { nonce }) };
      expect((await called(headers)).status).toBe(200);
      expect(await called(headers)).toMatchObject(problem(401, 'DPOP_INVALID'));
    });

    it('two proofs at once', async () => {
      const [nonce, token] = [await freshNonce(), await municipality.accessToken()];
      const proofs = [await proofFor(token, { nonce }), await proofFor(token, { nonce })];
      expect(await called({ authorization: `DPoP ${token}`, dpop: proofs.join(', ') })).toMatchObject(
        problem(401, 'DPOP_INVALID'),
      );
    });

    it.each<[string, (fresh: string) => string | undefined]>([
      ['no nonce', () => undefined],
      ['a nonce of its own making', () => `${Math.floor(Date.now() / 1000).toString(36)}.${'A'.repeat(43)}`],
      ['a nonce made younger', (fresh) => `${(now() + 30).toString(36)}.${fresh.split('.')[1]}`],
    ])('%s, and gives one', async (_what, nonceOf) => {
      const [fresh, token] = [await freshNonce(), await municipality.accessToken()];
      const dpop = await proofFor(token, { nonce: nonceOf(fresh) });
      const answer = await called({ authorization: `DPoP ${token}`, dpop });
      expect(answer).toMatchObject(problem(401, 'USE_DPOP_NONCE'));
      expect(answer.headers['dpop-nonce']).toEqual(expect.any(String));
      expect(answer.headers['www-authenticate']).toContain('use_dpop_nonce');
    });

    it('the token of another agency with one’s own proof', async () => {
      const [nonce, token] = [await freshNonce(), await county.accessToken()];
      const headers = { authorization: `DPoP ${token}`, dpop: await proofFor(token, { nonce }) };
      expect(await called(headers)).toMatchObject(problem(401, 'DPOP_INVALID'));
    });

    describe('a token', () => {
      /** As identity makes them, by its own key: what is wrong is wrong in one place. */
      const token = async (claims: Record<string, unknown>, header: Record<string, unknown> = {}, by?: JWK) => {
        const file = hub.stack.folder.within('keys', 'identity.jwk');
        const jwk = by ?? (JSON.parse(readFileSync(file, 'utf8')) as JWK);
        const [published] = await publishedKeys();
        const all = {
          iss: hub.addresses.issuer,
          aud: hub.addresses.audience,
          sub: municipality.id,
          client_id: municipality.id,
          agency: municipality.id,
          scope: 'exchange',
          jti: randomUUID(),
          iat: now(),
          exp: now() + 60,
          cnf: { jkt: await calculateJwkThumbprint((await municipality.dpopKey()).jwk) },
          ...claims,
        };
        return new SignJWT(JSON.parse(JSON.stringify(all)) as Record<string, unknown>)
          .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: published!.kid!, ...header })
          .sign(await importJWK(jwk, 'ES256'));
      };
      const answered = async (accessToken: string) => {
        const dpop = await proofFor(accessToken, { nonce: await freshNonce() });
        return called({ authorization: `DPoP ${accessToken}`, dpop });
      };

      it('made like those of identity is taken', async () => {
        expect((await answered(await token({}))).status).toBe(200);
      });

      it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
        ['for another audience', { aud: 'https://other.example' }, {}],
        ['of another issuer', { iss: 'https://other.example' }, {}],
        ['that has expired', { iat: 1, exp: numericDate(new Date()) - 1 }, {}],
        ['without an end', { exp: undefined }, {}],
        ['bound to no key', { cnf: undefined }, {}],
        ['of no agency', { agency: undefined }, {}],
        ['of another kind', {}, { typ: 'JWT' }],
        ['by a key that identity does not have', {}, { kid: 'other' }],
      ])('%s', async (_what, claims, header) => {
        expect(await answered(await token(claims, header))).toMatchObject(problem(401, 'UNAUTHENTICATED'));
      });

      it('with the right kid by a wrong key', async () => {
        const { privateKey } = await generateKeyPair('ES256', { extractable: true });
        const accessToken = await token({}, {}, await exportJWK(privateKey));
        expect(await answered(accessToken)).toMatchObject(problem(401, 'UNAUTHENTICATED'));
      });

      it('of an agency that nobody registered', async () => {
        expect(await answered(await token({ agency: 'K-999' }))).toMatchObject(problem(422, 'AGENCY_NOT_ONBOARDED'));
      });
    });

    it.each<[string, string | object]>([
      ['malformed JSON', '{"messages": ['],
      ['no body', ''],
      ['an unknown member', { messages: [], canary: 'quoted-nowhere' }],
      ['an unknown member of a message', { messages: [{ ...sealedLike, canary: 'quoted-nowhere' }] }],
      ['a missing member', { messages: [{ manifest: 'x', capsule: 'y' }] }],
      ['a number for text', { messages: [{ ...sealedLike, manifest: 7 }] }],
      ['no message', { messages: [] }],
      ['65 messages', { messages: Array.from({ length: 65 }, () => sealedLike) }],
      ['what is no token', { messages: [sealedLike] }],
    ])('%s', async (what, body) => {
      const [nonce, token] = [await freshNonce(), await municipality.accessToken()];
      const url = `${hub.addresses.gateway}/v1/messages`;
      const answer: Answer = await supertest(hub.addresses.gateway)
        .post('/v1/messages')
        .set({
          authorization: `DPoP ${token}`,
          dpop: await proofFor(token, { nonce }, { method: 'POST', url }),
          'content-type': 'application/json',
        })
        .send(body);
      expect(answer).toMatchObject(problem(400, 'MALFORMED'));
      expect(answer.text).not.toContain('quoted-nowhere');
      if (what.startsWith('an unknown')) expect(answer.body).toHaveProperty('members');
    });

    it.each(['after=-1', 'after=x', 'wait=26', 'after=1&after=2', 'other=1'])('a mailbox query %s', async (query) => {
      expect(await municipality.call('GET', `/v1/mailbox?${query}`)).toMatchObject(problem(400, 'MALFORMED'));
    });

    it('a path that does not exist', async () => {
      expect(await called({}, '/v1/nothing')).toMatchObject(problem(404, 'NOT_FOUND'));
    });

    it('to tell of an exchange of others', async () => {
      const other = await municipality.call('GET', `/v1/exchanges/${randomUUID()}`);
      expect(other).toMatchObject(problem(404, 'NOT_FOUND'));
    });
  });

  it('takes a post beyond the usual size from a caller', async () => {
    const messages = Array.from({ length: 4 }, () => ({ ...sealedLike, outer: 'z'.repeat(100 * 1024) }));
    const { status, body } = await municipality.call('POST', '/v1/messages', { messages });
    expect(status).toBe(202);
    expect(body).toMatchObject({ messages: messages.map(() => ({ status: 'refused' })) });
  });

  it('serves the OpenAPI document that is checked in', async () => {
    const served: Answer = await supertest(hub.addresses.gateway).get('/openapi.json');
    expect(served.body).toEqual(JSON.parse(readFileSync('apps/gateway/gateway.openapi.json', 'utf8')));
  });

  it('makes one agency that calls too often wait, and no other', async () => {
    await county.accessToken();
    // A window of ten seconds may end, and the next begin, among them.
    const calls = Array.from({ length: 2 * RATE_PER_SECOND * 10 + 20 }, () => county.call('GET', '/v1/mailbox'));
    const tooMany = (await Promise.all(calls)).filter(({ status }) => status === 429);
    expect(tooMany.length).toBeGreaterThanOrEqual(20);
    expect(tooMany[0]).toMatchObject(problem(429, 'RATE_LIMITED'));
    expect(Number(tooMany[0]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await municipality.call('GET', '/v1/mailbox')).status).toBe(200);
    await until(async () => (await county.call('GET', '/v1/mailbox')).status === 200);
  });
});
