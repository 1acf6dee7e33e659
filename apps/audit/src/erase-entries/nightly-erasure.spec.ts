import { describe, expect, it } from '@jest/globals';
import { FixedClock } from '#kernel';
import { NightlyErasure } from './nightly-erasure.js';

function nightly(hour?: number) {
  const clock = new FixedClock(new Date('2026-11-26T00:00:00Z'));
  const appender = { active: true };
  const nights: string[] = [];
  const failing = { now: false };
  const runs = {
    startNightly: async (night: string) => {
      if (failing.now) throw new Error('the database is away');
      nights.push(night);
    },
  };
  const erasure = new NightlyErasure({ hour, runs, appender, clock, logger: { error: () => undefined } });
  const lookAt = async (...times: readonly string[]): Promise<string[]> => {
    for (const time of times) {
      clock.set(new Date(time));
      await erasure.look().catch(() => undefined);
    }
    return nights;
  };
  return { lookAt, appender, failing };
}

describe('the erasure of a night', () => {
  it('begins once at its hour in Finland, winter and summer', async () => {
    const { lookAt } = nightly(2);
    expect(await lookAt('2026-11-25T23:59:00Z')).toEqual([]);
    expect(await lookAt('2026-11-26T00:00:00Z', '2026-11-26T00:01:00Z')).toEqual(['2026-11-26']);
    expect(await lookAt('2027-07-01T22:59:00Z')).toHaveLength(1);
    expect(await lookAt('2027-07-01T23:00:00Z')).toEqual(['2026-11-26', '2027-07-02']);
  });

  it('does not begin by day where the service was away at night', async () => {
    const { lookAt } = nightly(2);
    expect(await lookAt('2026-11-26T04:00:00Z', '2026-11-26T12:00:00Z')).toEqual([]);
    expect(await lookAt('2026-11-27T03:59:00Z')).toEqual(['2026-11-27']);
  });

  it('is that of the instance that appends', async () => {
    const { lookAt, appender } = nightly(2);
    appender.active = false;
    expect(await lookAt('2026-11-26T00:00:00Z')).toEqual([]);
    appender.active = true;
    expect(await lookAt('2026-11-26T00:01:00Z')).toEqual(['2026-11-26']);
  });

  it('is tried again in the same night where it could not begin', async () => {
    const { lookAt, failing } = nightly(2);
    failing.now = true;
    expect(await lookAt('2026-11-26T00:00:00Z')).toEqual([]);
    failing.now = false;
    expect(await lookAt('2026-11-26T00:01:00Z')).toEqual(['2026-11-26']);
  });

  it('begins never where no hour is configured', async () => {
    expect(await nightly().lookAt('2026-11-26T00:00:00Z', '2026-11-26T02:00:00Z')).toEqual([]);
  });
});
