import { describe, expect, it } from '@jest/globals';
import { agencyId } from '#kernel';
import { Wakeup } from './wakeup.js';

const agency = agencyId('K-235');
const LONG_MS = 60_000;

describe('waking up', () => {
  it('ends a wait at once', async () => {
    const wakeup = new Wakeup();
    const waited = wakeup.wait(agency, 'send', 0, LONG_MS, new AbortController().signal);
    wakeup.notify(agency, 'send');
    await expect(waited).resolves.toBeUndefined();
  });

  it('is not missed between the look for work and the wait', async () => {
    const wakeup = new Wakeup();
    const seen = wakeup.count(agency, 'send');
    wakeup.notify(agency, 'send');
    await expect(wakeup.wait(agency, 'send', seen, LONG_MS, new AbortController().signal)).resolves.toBeUndefined();
  });

  it('wakes the works that are named, at that agency and no other', async () => {
    const wakeup = new Wakeup();
    const stop = new AbortController();
    const woken: string[] = [];
    const wait = (of: string, work: 'send' | 'open' | 'reply'): Promise<unknown> =>
      wakeup.wait(agencyId(of), work, 0, LONG_MS, stop.signal).then(() => woken.push(`${of} ${work}`));
    const expected = [wait('K-235', 'send'), wait('K-235', 'open')];
    const others = [wait('K-235', 'reply'), wait('H-03', 'send')];
    wakeup.notify(agency, 'send', 'open');
    await Promise.all(expected);
    expect(woken).toEqual(['K-235 send', 'K-235 open']);
    stop.abort();
    await Promise.all(others);
  });

  it('is not needed when the agent stops', async () => {
    const stop = new AbortController();
    const waited = new Wakeup().wait(agency, 'send', 0, LONG_MS, stop.signal);
    stop.abort();
    await expect(waited).resolves.toBeUndefined();
  });
});
