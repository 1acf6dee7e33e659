import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CryptoKey, decodeJwt, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { AccountSettings } from '../agency-settings.js';
import { type BegunLogin, StrongIdentification } from './strong-identification.js';

const CLIENT = 'account-K-235';
const CODE = 'urn:oid:1.2.246.21';
const now = (): number => Math.floor(Date.now() / 1_000);

/** An identification service that says what a test wants, signed or not. */
describe('an answer of the identification service', () => {
  let folder: string;
  let server: Server;
  let issuer: string;
  let identification: StrongIdentification;
  let signing: CryptoKey;
  let forging: CryptoKey;
  /** What the service answers for a code. */
  let idToken: string;
  let assertion: JWTPayload;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'identification-'));
    const own = await generateKeyPair('ES256', { extractable: true });
    const service = await generateKeyPair('ES256', { extractable: true });
    signing = service.privateKey;
    forging = (await generateKeyPair('ES256')).privateKey;
    const jwk = { ...(await exportJWK(service.publicKey)), kid: 'service', alg: 'ES256', use: 'sig' };
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const asked = new URLSearchParams(Buffer.concat(chunks).toString('utf8')).get('client_assertion');
        if (asked !== null) assertion = decodeJwt(asked);
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answers()[request.url ?? '']));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    issuer = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    const answers = (): Record<string, object> => ({
      '/.well-known/openid-configuration': {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        id_token_signing_alg_values_supported: ['ES256'],
        authorization_response_iss_parameter_supported: true,
      },
      '/jwks': { keys: [jwk] },
      '/token': { access_token: 'unused', token_type: 'Bearer', id_token: idToken },
    });
    const keyFile = join(folder, 'key.jwk');
    await writeFile(keyFile, JSON.stringify(await exportJWK(own.privateKey)));
    identification = await StrongIdentification.open(
      Object.assign(new AccountSettings(), {
        issuer,
        clientId: CLIENT,
        keyFile,
        redirectUri: 'http://127.0.0.1:1/v1/account/K-235/callback',
      }),
    );
  });
  afterAll(async () => {
    server?.close().closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  });

  const claimsOf = ({ nonce }: BegunLogin): JWTPayload => ({
    iss: issuer,
    aud: CLIENT,
    sub: 'somebody',
    nonce,
    iat: now(),
    exp: now() + 60,
    auth_time: now(),
    acr: 'http://ftn.ficora.fi/2017/loa2',
    [CODE]: '010190-900P',
  });
  const finish = async (changes: JWTPayload = {}, key: CryptoKey = signing) => {
    const { login } = await identification.begin('fi');
    const claims = Object.fromEntries(
      Object.entries({ ...claimsOf(login), ...changes }).filter(([, value]) => value !== undefined),
    );
    idToken = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'service' }).sign(key);
    return identification.finish(
      `?${new URLSearchParams({ code: 'c', state: login.state, iss: issuer }).toString()}`,
      login,
    );
  };

  it('tells who it is, how strongly and when; the agent says by its key who asks', async () => {
    expect(await finish()).toMatchObject({
      identityCode: '010190-900P',
      level: 'substantial',
      authTime: expect.any(Number),
      issuer,
    });
    expect(assertion).toMatchObject({ iss: CLIENT, sub: CLIENT, aud: issuer, jti: expect.any(String) });
  });

  it('is asked for with PKCE, a fresh state and nonce, the strength that is needed, and a new login', async () => {
    const [one, other] = [await identification.begin('sv'), await identification.begin('sv')];
    expect(Object.fromEntries(one.url.searchParams)).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      acr_values: 'http://ftn.ficora.fi/2017/loa3 http://ftn.ficora.fi/2017/loa2',
      max_age: '120',
      prompt: 'login',
      ui_locales: 'sv',
    });
    for (const name of ['state', 'nonce', 'code_challenge'])
      expect(one.url.searchParams.get(name)).not.toBe(other.url.searchParams.get(name));
  });

  it.each<[string, JWTPayload, string]>([
    ['of another issuer', { iss: 'https://elsewhere.example' }, 'IDENTIFICATION_INVALID'],
    ['for another client', { aud: 'another' }, 'IDENTIFICATION_INVALID'],
    ['for another login', { nonce: 'another' }, 'IDENTIFICATION_INVALID'],
    ['that is over', { exp: 1_700_000_000 }, 'IDENTIFICATION_INVALID'],
    ['without the time', { auth_time: undefined }, 'IDENTIFICATION_INVALID'],
    ['about a login of some time ago', { auth_time: 1_700_000_000 }, 'IDENTIFICATION_TOO_OLD'],
    ['of a strength that does not count', { acr: 'password' }, 'IDENTIFICATION_TOO_WEAK'],
    ['without its strength', { acr: undefined }, 'IDENTIFICATION_TOO_WEAK'],
    ['without an identity code', { [CODE]: undefined }, 'IDENTITY_CODE_INVALID'],
  ])('%s is refused', async (_which, changes, code) => {
    await expect(finish(changes)).rejects.toMatchObject({ code });
  });

  it('that somebody else signed is refused', async () => {
    await expect(finish({}, forging)).rejects.toMatchObject({ code: 'IDENTIFICATION_INVALID' });
  });

  it('leaves nothing of itself in an error', async () => {
    const error: unknown = await finish({ nonce: 'another' }).catch((refused: unknown) => refused);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).cause).toBeUndefined();
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('010190');
  });

  it('is not waited for where there is no service', async () => {
    const away = await StrongIdentification.open(
      Object.assign(new AccountSettings(), {
        issuer: 'http://127.0.0.1:9',
        clientId: CLIENT,
        keyFile: join(folder, 'key.jwk'),
        redirectUri: 'http://127.0.0.1:1/v1/account/K-235/callback',
      }),
    );
    await expect(away.begin('fi')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
