import { randomUUID } from 'node:crypto';
import { type AgencyId, AppError, type Clock, numericDate } from '#kernel';
import type { SigningKey } from '#envelope';
import { SignJWT } from 'jose';
import type { DpopKey } from './dpop-key.js';
import { headerOf, type HttpAnswer, HubHttp, jsonOf, member } from './hub-http.js';

/** A token is renewed this long before it ends. */
const RENEW_BEFORE_MS = 20_000;
const ASSERTION_LIFETIME_S = 60;
const BEARER_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export interface TokenSettings {
  readonly agency: AgencyId;
  readonly issuer: string;
  readonly audience: string;
  readonly scope: string;
}

/**
 * One agency's access token by client credentials: private_key_jwt (RFC 7523) with the issuer alone as audience, DPoP-bound
 * (RFC 9449), for one resource (RFC 8707). Concurrent callers share one request.
 */
export class AccessToken {
  private current: { token: string; renewAt: number } | undefined;
  private pending: Promise<string> | undefined;
  private endpoint: string | undefined;
  private nonce: string | undefined;

  constructor(
    private readonly settings: TokenSettings,
    private readonly identity: HubHttp,
    private readonly dpop: DpopKey,
    private readonly clientKey: () => SigningKey,
    private readonly clock: Clock,
  ) {}

  /** @throws AppError UNAVAILABLE, UNAUTHENTICATED when the issuer knows no such client or key */
  async get(): Promise<string> {
    if (this.current && this.clock.now().getTime() < this.current.renewAt) return this.current.token;
    this.pending ??= this.request().finally(() => (this.pending = undefined));
    return this.pending;
  }

  /** The hub refused it: fetch another before the next call. */
  forget(): void {
    this.current = undefined;
  }

  private async request(): Promise<string> {
    let answer = await this.post();
    const nonce = headerOf(answer, 'dpop-nonce');
    if (nonce !== undefined) this.nonce = nonce;
    if (answer.status >= 400 && member(tryJson(answer), 'error') === 'use_dpop_nonce') answer = await this.post();
    const grant = answer.status < 400 ? jsonOf(answer) : undefined;
    const token = member(grant, 'access_token');
    const lifetime = Number(member(grant, 'expires_in'));
    if (typeof token !== 'string' || !(lifetime > 0)) {
      if (answer.status >= 500) throw new AppError('UNAVAILABLE', 'the identity service is not ready');
      throw new AppError('UNAUTHENTICATED', 'the identity service gave no token', errorOf(answer));
    }
    const renewAt = this.clock.now().getTime() + Math.max(1_000, lifetime * 1_000 - RENEW_BEFORE_MS);
    this.current = { token, renewAt };
    return token;
  }

  private async post(): Promise<HttpAnswer> {
    const endpoint = await this.tokenEndpoint();
    const key = this.clientKey();
    const now = numericDate(this.clock.now());
    const assertion = await new SignJWT({})
      .setProtectedHeader({ alg: key.alg, kid: key.kid })
      .setIssuer(this.settings.agency)
      .setSubject(this.settings.agency)
      .setAudience(this.settings.issuer)
      .setJti(randomUUID())
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(now + ASSERTION_LIFETIME_S)
      .sign(key.privateKey);
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: this.settings.agency,
      client_assertion_type: BEARER_ASSERTION,
      client_assertion: assertion,
      scope: this.settings.scope,
      resource: this.settings.audience,
    });
    const url = new URL(endpoint);
    const proof = this.dpop.prove({
      method: 'POST',
      url: endpoint,
      ...(this.nonce === undefined ? {} : { nonce: this.nonce }),
    });
    return this.identity.ask({
      method: 'POST',
      path: url.pathname,
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json', dpop: proof },
      body: form.toString(),
    });
  }

  private async tokenEndpoint(): Promise<string> {
    if (this.endpoint !== undefined) return this.endpoint;
    const { pathname } = new URL(this.settings.issuer);
    const path = `${pathname.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const metadata = jsonOf(await this.identity.ask({ method: 'GET', path, headers: { accept: 'application/json' } }));
    const endpoint = member(metadata, 'token_endpoint');
    // Metadata of another issuer could send the client's assertions to a stranger (RFC 8414 §3.3).
    if (member(metadata, 'issuer') !== this.settings.issuer || typeof endpoint !== 'string')
      throw new AppError('UNAUTHENTICATED', 'the identity service describes itself as another issuer');
    if (new URL(endpoint).origin !== new URL(this.settings.issuer).origin)
      throw new AppError('UNAUTHENTICATED', 'the token endpoint lies at another origin');
    this.endpoint = endpoint;
    return endpoint;
  }
}

function tryJson(answer: HttpAnswer): unknown {
  try {
    return JSON.parse(answer.text);
  } catch {
    return undefined;
  }
}

function errorOf(answer: HttpAnswer): { error?: string } {
  const error = member(tryJson(answer), 'error');
  return typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? { error } : {};
}
