import { describe, expect, it } from '@jest/globals';
import { agencyId } from '#kernel';
import { Wakeup } from './wakeup.js';

const agency = agencyId('K-235');
const LONG_MS = 60_000;

describe('waking up', () => {
  it('ends a wait at once', async () => {
    const wakeup = new Wakeup();
    const waited = wakeup.wait(agency, wakeup.count(agency), LONG_MS, new AbortController().signal);
    wakeup.notify(agency);
    await expect(waited).resolves.toBeUndefined();
  });

  it('is not missed between the look for work and the wait', async () => {
    const wakeup = new Wakeup();
    const seen = wakeup.count(agency);
    wakeup.notify(agency);
    await expect(wakeup.wait(agency, seen, LONG_MS, new AbortController().signal)).resolves.toBeUndefined();
  });

  it('wakes every step of that agency and of no other', async () => {
    const wakeup = new Wakeup();
    const stop = new AbortController();
    let other = false;
    const waits = [0, 1].map(() => wakeup.wait(agency, 0, LONG_MS, stop.signal));
    const elsewhere = wakeup.wait(agencyId('H-03'), 0, LONG_MS, stop.signal).then(() => (other = true));
    wakeup.notify(agency);
    await Promise.all(waits);
    expect(other).toBe(false);
    stop.abort();
    await elsewhere;
  });

  it('is not needed when the agent stops', async () => {
    const stop = new AbortController();
    const waited = new Wakeup().wait(agency, 0, LONG_MS, stop.signal);
    stop.abort();
    await expect(waited).resolves.toBeUndefined();
  });
});
