import { describe, expect, it } from '@jest/globals';
import { type MessageTimes, stageTimes } from './stage-times.js';

const at = (ms: number): Date => new Date(1_800_000_000_000 + ms);

const message = (given: Partial<MessageTimes>): MessageTimes => ({
  exchangeId: 'e1',
  kind: 'request',
  sealedAt: at(0),
  acceptedAt: at(30),
  loggedAt: at(10),
  deliveredAt: at(20),
  releasedAt: at(40),
  openedAt: at(50),
  ...given,
});

describe('stage times', () => {
  it('count from the sealing of each message', () => {
    const times = stageTimes([message({}), message({ kind: 'answer', sealedAt: at(5), openedAt: at(60) })], []);
    expect(times.accepted).toEqual({ count: 2, p50: 25, p99: 30, max: 30 });
    expect(times.opened).toEqual({ count: 2, p50: 50, p99: 55, max: 55 });
  });

  it('take the round trip from the call until the answer, not the request, is opened', () => {
    const asked = [{ id: 'e1', askedAt: at(-7), state: 'answered' }];
    const times = stageTimes([message({}), message({ kind: 'answer', openedAt: at(100) })], asked);
    expect(times['round trip']).toEqual({ count: 1, p50: 107, p99: 107, max: 107 });
  });

  it('leave out what a message has not come to', () => {
    const times = stageTimes([message({ releasedAt: null, openedAt: null })], []);
    expect(times.released).toBeUndefined();
    expect(times.delivered?.count).toBe(1);
  });
});
