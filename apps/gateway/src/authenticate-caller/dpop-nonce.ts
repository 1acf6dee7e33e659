import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#kernel';

const LIFETIME_S = 60;

/**
 * DPoP nonces (RFC 9449 §8) without storage: issue time and its HMAC under a key that this instance makes at start. A proof
 * is therefore valid at one instance only, which can keep the seen `jti`s in memory.
 */
export class DpopNonces {
  private readonly key = randomBytes(32);

  constructor(private readonly clock: Clock) {}

  issue(): string {
    const at = Math.floor(this.clock.now().getTime() / 1000).toString(36);
    return `${at}.${this.tag(at)}`;
  }

  accepts(nonce: unknown): boolean {
    if (typeof nonce !== 'string') return false;
    const [at = '', tag = '', ...rest] = nonce.split('.');
    const expected = Buffer.from(this.tag(at));
    const given = Buffer.from(tag);
    if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
    const age = this.clock.now().getTime() / 1000 - Number.parseInt(at, 36);
    return age >= -1 && age <= LIFETIME_S;
  }

  private tag(at: string): string {
    return createHmac('sha256', this.key).update(at).digest('base64url');
  }
}
