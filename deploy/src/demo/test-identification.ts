import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import Provider, { type Configuration } from 'oidc-provider';
import type { TestPerson } from './people.js';

/** Claim of the henkilötunnus in the Finnish Trust Network's profile. */
const IDENTITY_CODE = 'urn:oid:1.2.246.21';
/** By which means a test person identifies: the network's names of eIDAS high and substantial, and one that counts as neither. */
const means = {
  high: 'http://ftn.ficora.fi/2017/loa3',
  substantial: 'http://ftn.ficora.fi/2017/loa2',
  weak: 'urn:kotovayla:test:password',
} as const;
export type Means = keyof typeof means;
const isMeans = (value: string | null): value is Means => value !== null && Object.hasOwn(means, value);

/** Never given to a person: individual numbers of 900 to 999. */
const TEST_CODE = /^\d{6}[-+A-FU-Y]9\d\d[0-9A-Y]$/;

export interface RelyingParty {
  readonly clientId: string;
  readonly redirectUri: string;
  /** Its public key for `private_key_jwt`, and, with `use: enc`, the one that ID tokens are sealed to. */
  readonly keys: readonly JWK[];
}

interface IdentificationWish {
  readonly issuer: string;
  readonly relyingParties: readonly RelyingParty[];
  readonly persons: readonly Pick<TestPerson, 'name' | 'identityCode'>[];
  /** Takes pushed requests (RFC 9126). */
  readonly pushed: boolean;
}

/**
 * An identification service of test persons: who comes chooses who to be, and by which means. For the demo and for tests;
 * no service of the hub and no agent starts it.
 *
 * @throws Error for an identity code that could be a person's
 */
export async function testIdentification(wish: IdentificationWish): Promise<Server> {
  const { issuer, relyingParties, persons, pushed } = wish;
  for (const { identityCode } of persons)
    if (!TEST_CODE.test(identityCode)) throw new Error('the identity code of somebody who may exist');
  const signing = await newKey('ES256');
  const bySubject = new Map(persons.map((person) => [randomUUID() as string, person]));
  const configuration: Configuration = {
    clients: relyingParties.map(({ clientId, redirectUri, keys }) => ({
      client_id: clientId,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      id_token_signed_response_alg: 'ES256',
      ...(keys.some(({ use }) => use === 'enc')
        ? { id_token_encrypted_response_alg: 'ECDH-ES', id_token_encrypted_response_enc: 'A256GCM' }
        : {}),
      jwks: { keys: [...keys] as never },
    })),
    jwks: { keys: [{ ...signing, use: 'sig' }] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    clientAuthMethods: ['private_key_jwt'],
    acrValues: Object.values(means),
    claims: { openid: ['sub', IDENTITY_CODE, 'name'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      encryption: { enabled: true },
      pushedAuthorizationRequests: { enabled: pushed, requirePushedAuthorizationRequests: pushed },
    },
    findAccount: (_ctx, id) => {
      const person = bySubject.get(id);
      if (!person) return undefined;
      return { accountId: id, claims: () => ({ sub: id, name: person.name, [IDENTITY_CODE]: person.identityCode }) };
    },
    // Whoever identifies has agreed to it by doing so.
    loadExistingGrant: async ({ oidc }) => {
      const clientId = oidc.client?.clientId;
      const accountId = oidc.session?.accountId;
      if (clientId === undefined || accountId === undefined) return undefined;
      const grant = new oidc.provider.Grant({ clientId, accountId });
      grant.addOIDCScope('openid');
      await grant.save();
      return grant;
    },
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
  };
  const provider = new Provider(issuer, configuration);
  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) {
      await next();
      return;
    }
    const { searchParams } = new URL(ctx.url, issuer);
    const chosen = [...bySubject].find(([, { identityCode }]) => identityCode === searchParams.get('person'))?.[0];
    const by = searchParams.get('means');
    if (chosen === undefined || !isMeans(by)) {
      ctx.type = 'html';
      ctx.body = choicePage(persons);
      return;
    }
    const ts = Math.floor(Date.now() / 1_000) - Number(searchParams.get('secondsAgo') ?? 0);
    const result = { login: { accountId: chosen, acr: means[by], ts, remember: false } };
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result));
  });
  const handle = provider.callback();
  return createServer((request, response) => void handle(request, response));
}

/** A key pair of a relying party or of a service, as private JWK. */
export async function newKey(alg: 'ES256' | 'ECDH-ES'): Promise<JWK> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, crv: 'P-256' });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg, use: alg === 'ES256' ? 'sig' : 'enc' };
}

export const publicHalf = ({ kty, crv, x, y, kid, alg, use }: JWK): JWK => ({ kty, crv, x, y, kid, alg, use });

const choicePage = (persons: IdentificationWish['persons']): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8" /><title>Identification of test persons</title></head><body><main>
<h1>Who are you? (test persons)</h1><ul>
${persons
  .map(
    ({ name, identityCode }) =>
      `<li>${name}: ${Object.keys(means)
        .map((by) => `<a href="?person=${encodeURIComponent(identityCode)}&amp;means=${by}">${by}</a>`)
        .join(', ')}</li>`,
  )
  .join('\n')}
</ul></main></body></html>`;
