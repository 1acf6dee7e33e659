import { afterEach, describe, expect, it } from '@jest/globals';
import { Readiness, metrics } from './health.js';
import { watchOutbox } from './watch-outbox.js';

const shown = async (): Promise<number | undefined> =>
  (await metrics.getSingleMetric('kotovayla_outbox_held_back_seconds')?.get())?.values[0]?.value;

describe('an outbox that is held back', () => {
  afterEach(() => metrics.clear());

  it.each([
    [0, 0, []],
    [9_900, 9.9, []],
    [10_000, 10, ['an open transaction holds events back for 10 s']],
    [754_321, 754.321, ['an open transaction holds events back for 754 s']],
  ])('for %i ms stands as %d seconds in the metrics, with what /readyz warns of', async (ms, seconds, warnings) => {
    const readiness = new Readiness();
    watchOutbox(readiness, async () => ms);
    expect(await shown()).toBe(seconds);
    expect(await readiness.warned()).toEqual(warnings);
    expect(await readiness.missing()).toEqual([]);
  });

  it('is looked at anew each time', async () => {
    let ms = 20_000;
    watchOutbox(new Readiness(), async () => ms);
    expect(await shown()).toBe(20);
    ms = 0;
    expect(await shown()).toBe(0);
  });
});
