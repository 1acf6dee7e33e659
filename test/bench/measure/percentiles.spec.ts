import { describe, expect, it } from '@jest/globals';
import { distributionOf } from './percentiles.js';

describe('a distribution', () => {
  it('names measured values by nearest rank, in whatever order they came', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(distributionOf(hundred)).toEqual({ count: 100, p50: 50, p99: 99, max: 100 });
  });

  it('of a single value is that value', () => {
    expect(distributionOf([7])).toEqual({ count: 1, p50: 7, p99: 7, max: 7 });
  });

  it('of nothing is nothing', () => {
    expect(distributionOf([])).toBeUndefined();
  });
});
