import { timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { calculateJwkThumbprint, type CryptoKey, importJWK, type JWK } from 'jose';
import * as oidc from 'openid-client';
import type { AccountIdentification } from '#envelope';
import { AppError, type Sha256, sha256 } from '#kernel';
import type { AccountSettings } from '../agency-settings.js';
import { member } from '../hub-client/hub-http.js';

/** Who identified themselves longer ago at the identification service does it again. */
const MAX_AGE_S = 120;
const TIMEOUT_S = 10;

interface PrivateKey {
  readonly key: CryptoKey;
  readonly kid: string;
}

/** What one browser must bring back: `state` and `nonce` of OpenID Connect Core, the verifier of RFC 7636. */
export interface BegunLogin {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly language: string;
}

/** Of the token itself only a hash is kept: it holds the identity code. */
export interface Identified {
  readonly identityCode: string;
  readonly level: AccountIdentification['level'];
  /** Seconds since the epoch. */
  readonly authTime: number;
  readonly issuer: string;
  readonly idTokenHash: Sha256;
}

/**
 * An agency's agent as relying party of an identification service: authorization code with PKCE, `private_key_jwt`, pushed
 * requests (RFC 9126) where the service takes them. Nothing of what the library says of a failure goes on, for it holds
 * claims, the identity code among them.
 */
export class StrongIdentification {
  private found: Promise<oidc.Configuration> | undefined;

  private constructor(
    private readonly settings: AccountSettings,
    private readonly key: PrivateKey,
    private readonly decryptionKey: PrivateKey | undefined,
  ) {}

  /** @throws AppError CONFIG_INVALID (no private key in a file that is named) */
  static async open(settings: AccountSettings): Promise<StrongIdentification> {
    const { keyFile, decryptionKeyFile } = settings;
    return new StrongIdentification(
      settings,
      await keyIn(keyFile, 'ES256'),
      decryptionKeyFile === undefined ? undefined : await keyIn(decryptionKeyFile, 'ECDH-ES'),
    );
  }

  /** @throws AppError UNAVAILABLE, LOGIN_FAILED */
  async begin(language: string): Promise<{ readonly login: BegunLogin; readonly url: URL }> {
    const { redirectUri, scope, acr } = this.settings;
    const login = {
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      verifier: oidc.randomPKCECodeVerifier(),
      language,
    };
    const url = await safely(async () => {
      const service = await this.service();
      const parameters = {
        redirect_uri: redirectUri,
        scope,
        state: login.state,
        nonce: login.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(login.verifier),
        code_challenge_method: 'S256',
        acr_values: acr.map(({ value }) => value).join(' '),
        max_age: String(MAX_AGE_S),
        // Whoever sat at this browser before may be logged in there still.
        prompt: 'login',
        ui_locales: language,
      };
      return service.serverMetadata().pushed_authorization_request_endpoint === undefined
        ? oidc.buildAuthorizationUrl(service, parameters)
        : oidc.buildAuthorizationUrlWithPAR(service, parameters);
    });
    return { login, url };
  }

  /**
   * @param search query of the callback
   * @throws AppError LOGIN_STATE_MISMATCH, LOGIN_FAILED (nobody was identified, or the code is not good), IDENTIFICATION_INVALID,
   * IDENTIFICATION_TOO_OLD, IDENTIFICATION_TOO_WEAK, IDENTITY_CODE_INVALID (none was told), UNAVAILABLE
   */
  async finish(search: string, { state, nonce, verifier }: BegunLogin): Promise<Identified> {
    const { redirectUri, acr, identityCodeClaim } = this.settings;
    const came = new URL(redirectUri);
    came.search = search;
    if (!isSame(came.searchParams.get('state') ?? '', state)) throw new AppError('LOGIN_STATE_MISMATCH');
    const tokens = await safely(async () =>
      oidc.authorizationCodeGrant(await this.service(), came, {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        maxAge: MAX_AGE_S,
        idTokenExpected: true,
      }),
    );
    const claims = tokens.claims();
    if (!claims || tokens.id_token === undefined || claims.auth_time === undefined)
      throw new AppError('IDENTIFICATION_INVALID');
    const strength = acr.find(({ value }) => value === claims['acr']);
    if (!strength) throw new AppError('IDENTIFICATION_TOO_WEAK');
    const identityCode = claims[identityCodeClaim];
    if (typeof identityCode !== 'string') throw new AppError('IDENTITY_CODE_INVALID');
    return {
      identityCode,
      level: strength.level,
      authTime: claims.auth_time,
      issuer: claims.iss,
      idTokenHash: sha256(tokens.id_token),
    };
  }

  /** Found out at the first login, so that the agent starts without the service; asked again after a failure. */
  private service(): Promise<oidc.Configuration> {
    this.found ??= this.discover().catch((error: unknown) => {
      this.found = undefined;
      throw error;
    });
    return this.found;
  }

  private async discover(): Promise<oidc.Configuration> {
    const { issuer, clientId } = this.settings;
    const url = new URL(issuer);
    const service = await oidc.discovery(url, clientId, {}, oidc.PrivateKeyJwt(this.key), {
      timeout: TIMEOUT_S,
      // Without it the library trusts what came over TLS and looks at no signature of an ID token.
      execute: [oidc.enableNonRepudiationChecks, ...(url.protocol === 'http:' ? [oidc.allowInsecureRequests] : [])],
    });
    if (this.decryptionKey)
      oidc.enableDecryptingResponses(service, ['A256GCM', 'A128CBC-HS256', 'A256CBC-HS512'], this.decryptionKey);
    return service;
  }
}

async function keyIn(path: string, alg: 'ES256' | 'ECDH-ES'): Promise<PrivateKey> {
  try {
    const jwk = JSON.parse(await readFile(path, 'utf8')) as JWK;
    const key = await importJWK(jwk, alg);
    if (key instanceof Uint8Array || key.type !== 'private') throw new Error('no private key');
    return { key, kid: jwk.kid ?? (await calculateJwkThumbprint(jwk)) };
  } catch {
    throw new AppError('CONFIG_INVALID', `account: no private JWK for ${alg} in its file`);
  }
}

async function safely<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw loginError(error);
  }
}

function loginError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof oidc.AuthorizationResponseError) return new AppError('LOGIN_FAILED');
  if (error instanceof oidc.ResponseBodyError)
    return error.error === 'invalid_grant'
      ? new AppError('LOGIN_FAILED')
      : new AppError('UNAVAILABLE', 'the identification service refuses this agent', { error: error.error });
  switch (member(error, 'code')) {
    case 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED':
      return new AppError(
        member(member(member(error, 'cause'), 'cause'), 'claim') === 'auth_time'
          ? 'IDENTIFICATION_TOO_OLD'
          : 'IDENTIFICATION_INVALID',
      );
    case 'OAUTH_INVALID_RESPONSE':
    case 'OAUTH_JWT_CLAIM_COMPARISON_FAILED':
    case 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED':
    case 'OAUTH_KEY_SELECTION_FAILED':
    case 'OAUTH_PARSE_ERROR':
    case 'OAUTH_UNSUPPORTED_OPERATION':
      return new AppError('IDENTIFICATION_INVALID');
    default:
      return new AppError('UNAVAILABLE', 'the identification service does not answer');
  }
}

const isSame = (given: string, expected: string): boolean =>
  given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
