import { createHash } from 'node:crypto';
import { type AgencyId, AppError, type Clock, err, isAgencyId, ok, type Result } from '#kernel';
import { createRemoteJWKSet, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';

export interface AccessToken {
  readonly agency: AgencyId;
  readonly scopes: readonly string[];
  /** Thumbprint of the DPoP key that the token is bound to (RFC 9449 §6.1). */
  readonly boundTo: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Verifies JWT access tokens (RFC 9068) of the one issuer; verified ones are kept by hash until they expire. */
export class AccessTokens {
  private readonly verified = new LRUCache<string, AccessToken>({ max: 20_000 });

  constructor(
    private readonly settings: { issuer: string; audience: string },
    private readonly clock: Clock,
    private readonly keys: JWTVerifyGetKey = createRemoteJWKSet(new URL(`${settings.issuer}/jwks`), {
      cooldownDuration: 1_000,
      timeoutDuration: 2_000,
    }),
  ) {}

  /** Errors: UNAUTHENTICATED; UNAVAILABLE when the issuer's keys cannot be read. */
  async verify(token: string): Promise<Result<AccessToken>> {
    if (token.length > 4_096 || !/^[A-Za-z0-9_.-]+$/.test(token)) return err(new AppError('UNAUTHENTICATED'));
    const name = createHash('sha256').update(token).digest('base64url');
    const known = this.verified.get(name);
    const now = this.clock.now();
    if (known) return known.expiresAt > now.getTime() ? ok(known) : err(new AppError('UNAUTHENTICATED'));
    try {
      const { payload } = await jwtVerify(token, this.keys, {
        issuer: this.settings.issuer,
        audience: this.settings.audience,
        algorithms: ['ES256'],
        typ: 'at+jwt',
        requiredClaims: ['exp', 'iat', 'client_id', 'cnf'],
        currentDate: now,
      });
      const boundTo = (payload['cnf'] as { jkt?: unknown } | undefined)?.jkt;
      const agency = payload['agency'];
      if (typeof boundTo !== 'string' || !isAgencyId(agency) || typeof payload['scope'] !== 'string')
        return err(new AppError('UNAUTHENTICATED', 'the token lacks agency, scope or key binding'));
      const access = { agency, scopes: payload['scope'].split(' '), boundTo, expiresAt: (payload.exp ?? 0) * 1000 };
      this.verified.set(name, access, { ttl: Math.max(1, access.expiresAt - now.getTime()) });
      return ok(access);
    } catch (error) {
      if (isTokensFault(error)) return err(new AppError('UNAUTHENTICATED'));
      return err(new AppError('UNAVAILABLE', 'the identity service does not answer', {}, { cause: error }));
    }
  }
}

/** jose's codes for what is wrong with a token itself; everything else is wrong with how its keys were fetched. */
const TOKEN_FAULTS: ReadonlySet<unknown> = new Set([
  'ERR_JOSE_ALG_NOT_ALLOWED',
  'ERR_JOSE_NOT_SUPPORTED',
  'ERR_JWKS_MULTIPLE_MATCHING_KEYS',
  'ERR_JWKS_NO_MATCHING_KEY',
  'ERR_JWS_INVALID',
  'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
  'ERR_JWT_CLAIM_VALIDATION_FAILED',
  'ERR_JWT_EXPIRED',
  'ERR_JWT_INVALID',
]);

const isTokensFault = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && TOKEN_FAULTS.has(error.code);
