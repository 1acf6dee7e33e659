import { createHash } from 'node:crypto';
import { AppError, type Clock, err, ok, type Result } from '#kernel';
import { calculateJwkThumbprint, type CryptoKey, decodeProtectedHeader, importJWK, type JWK, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { DpopNonces } from './dpop-nonce.js';

/** A proof is accepted this long after `iat`, and this long before it, for clocks that differ. */
const MAX_AGE_S = 60;
/** A jti is remembered for longer than any proof with it could be accepted. */
const JTI_MEMORY_MS = 3 * MAX_AGE_S * 1000;
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'k'];

export interface ProofTarget {
  readonly method: string;
  /** Without query and fragment. */
  readonly url: string;
  readonly accessToken: string;
}

/** Checks DPoP proofs (RFC 9449 §4.3) for one gateway instance. */
export class DpopProofs {
  private readonly seen = new LRUCache<string, true>({ max: 500_000, ttl: JTI_MEMORY_MS });
  private readonly keys = new LRUCache<string, { key: CryptoKey | Uint8Array; thumbprint: string }>({ max: 2_000 });

  constructor(
    private readonly nonces: DpopNonces,
    private readonly clock: Clock,
  ) {}

  /**
   * @returns thumbprint of the proof's key, to be compared with the token's `cnf.jkt`; errors DPOP_INVALID, USE_DPOP_NONCE
   */
  async verify(proof: string, target: ProofTarget): Promise<Result<string>> {
    if (proof.length > 2_048 || !/^[A-Za-z0-9_.-]+$/.test(proof)) return invalid('the proof is not one compact JWS');
    try {
      const header = decodeProtectedHeader(proof);
      if (header.typ !== 'dpop+jwt' || (header.alg !== 'ES256' && header.alg !== 'EdDSA'))
        return invalid('typ or alg is not accepted');
      const { jwk } = header;
      if (!jwk || PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member)))
        return invalid('the proof carries no public key');
      const { key, thumbprint } = await this.keyOf(jwk, header.alg);
      const { payload } = await jwtVerify(proof, key, { algorithms: [header.alg], currentDate: this.clock.now() });
      if (payload['htm'] !== target.method) return invalid('htm names another method');
      if (payload['htu'] !== target.url) return invalid('htu names another address');
      if (payload['ath'] !== createHash('sha256').update(target.accessToken).digest('base64url'))
        return invalid('ath is of another token');
      const now = this.clock.now().getTime() / 1000;
      if (typeof payload.iat !== 'number' || Math.abs(now - payload.iat) > MAX_AGE_S)
        return invalid('iat is too old or in the future');
      if (typeof payload.jti !== 'string' || payload.jti.length < 8 || payload.jti.length > 128)
        return invalid('jti is missing');
      if (!this.nonces.accepts(payload['nonce'])) return err(new AppError('USE_DPOP_NONCE'));
      const replayKey = `${thumbprint}.${payload.jti}`;
      if (this.seen.has(replayKey)) return invalid('the proof was used before');
      this.seen.set(replayKey, true);
      return ok(thumbprint);
    } catch {
      return invalid('the proof does not verify');
    }
  }

  private async keyOf(jwk: JWK, alg: string): Promise<{ key: CryptoKey | Uint8Array; thumbprint: string }> {
    const name = `${alg} ${JSON.stringify(jwk)}`;
    const known = this.keys.get(name);
    if (known) return known;
    const entry = { key: await importJWK(jwk, alg), thumbprint: await calculateJwkThumbprint(jwk) };
    this.keys.set(name, entry);
    return entry;
  }
}

const invalid = (why: string): { ok: false; error: AppError } => err(new AppError('DPOP_INVALID', why));
