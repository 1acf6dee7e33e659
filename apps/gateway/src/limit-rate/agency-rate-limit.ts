import { AppError } from '#kernel';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

const WINDOW_S = 10;

/** Requests per agency (or, before authentication, per address) at this instance. Quotas over all instances are exchange's. */
export class AgencyRateLimit {
  private readonly limiter: RateLimiterMemory;

  constructor(perSecond: number) {
    this.limiter = new RateLimiterMemory({ points: perSecond * WINDOW_S, duration: WINDOW_S });
  }

  /** @throws AppError RATE_LIMITED with `retryAfter` in seconds */
  async take(who: string, points = 1): Promise<void> {
    try {
      await this.limiter.consume(who, points);
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      throw new AppError('RATE_LIMITED', undefined, { retryAfter: Math.ceil(refused.msBeforeNext / 1000) });
    }
  }
}
