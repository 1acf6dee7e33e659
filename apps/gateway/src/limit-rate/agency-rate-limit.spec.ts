import { describe, expect, it } from '@jest/globals';
import { AgencyRateLimit } from './agency-rate-limit.js';

describe('the rate of calls', () => {
  it('is an average over ten seconds, for each caller alone', async () => {
    const rate = new AgencyRateLimit(2);
    for (let call = 0; call < 20; call++) await rate.take('K-235');
    await expect(rate.take('K-235')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    await expect(rate.take('H-03')).resolves.toBeUndefined();
  });

  it('says in whole seconds when to come again', async () => {
    const rate = new AgencyRateLimit(1);
    await rate.take('K-235', 10);
    const refused = await rate.take('K-235').catch((error: unknown) => error);
    const { retryAfter } = (refused as { details: { retryAfter: number } }).details;
    expect(Number.isInteger(retryAfter) && retryAfter >= 1 && retryAfter <= 10).toBe(true);
  });
});
