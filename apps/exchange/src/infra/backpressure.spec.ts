import { describe, expect, it } from '@jest/globals';
import { Backpressure } from './backpressure.js';

const behind = (age: () => Promise<number>): Backpressure => new Backpressure({ oldestUnsentAgeMs: age }, 1_000);

describe('backpressure', () => {
  it('is open while events get out in time', async () => {
    expect(await behind(async () => 1_000).isOpen()).toBe(true);
  });

  it('closes when the oldest waits too long', async () => {
    await expect(behind(async () => 1_001).check()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('closes when nobody knows how long it waits', async () => {
    expect(await behind(() => Promise.reject(new Error('no database'))).isOpen()).toBe(false);
  });
});
