import { randomBytes, randomUUID } from 'node:crypto';
import { EncryptJWT, errors, jwtDecrypt } from 'jose';
import { LRUCache } from 'lru-cache';
import { type AgencyId, AppError, type Clock } from '#kernel';
import type { BegunLogin } from './strong-identification.js';

/** For finding one's means of identification, and using it. */
export const LOGIN_LASTS_S = 600;
const MOST_USED = 100_000;

/**
 * A login that was begun lies sealed in the browser that began it: strangers who begin many use up no memory here, and no
 * other browser can end it. The key lives as long as the process.
 */
export class LoginCookie {
  private readonly key = randomBytes(32);
  private readonly used = new LRUCache<string, true>({ max: MOST_USED });

  constructor(private readonly clock: Clock) {}

  seal(agency: AgencyId, login: BegunLogin): Promise<string> {
    return new EncryptJWT({ login })
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .setAudience(agency)
      .setJti(randomUUID())
      .setExpirationTime(new Date(this.clock.now().getTime() + LOGIN_LASTS_S * 1_000))
      .encrypt(this.key);
  }

  /** Opens it once. @throws AppError LOGIN_UNKNOWN (none, another agency’s, used, too late) */
  async take(agency: AgencyId, sealed: string | undefined): Promise<BegunLogin> {
    if (sealed === undefined) throw new AppError('LOGIN_UNKNOWN');
    try {
      const { payload } = await jwtDecrypt<{ login: BegunLogin }>(sealed, this.key, {
        audience: agency,
        currentDate: this.clock.now(),
        requiredClaims: ['exp', 'jti'],
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
      });
      const { jti = '', login } = payload;
      if (this.used.has(jti)) throw new AppError('LOGIN_UNKNOWN');
      this.used.set(jti, true);
      return login;
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new AppError('LOGIN_UNKNOWN');
      throw error;
    }
  }
}
