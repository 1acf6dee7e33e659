import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import './quiet-request-queue.js';

describe('the queue of requests to a broker', () => {
  let queue: RequestQueue;
  let sent: number;
  const request = () => ({
    entry: { correlationId: 1, resolve: () => undefined },
    expectResponse: false,
    sendRequest: () => (sent += 1),
  });

  beforeEach(() => {
    jest.useFakeTimers();
    sent = 0;
    const silent = { debug: () => undefined, warn: () => undefined };
    queue = new RequestQueue({
      maxInFlightRequests: null,
      requestTimeout: 1_000,
      enforceRequestTimeout: false,
      clientId: 'test',
      broker: 'a:1',
      logger: silent,
    });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('sets no timer when nothing waits', () => {
    queue.checkPendingRequests();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('sends what waited when the broker has stopped throttling, and is quiet then', () => {
    queue.maybeThrottle(200);
    queue.push(request());
    jest.advanceTimersByTime(199);
    expect(sent).toBe(0);
    jest.advanceTimersByTime(20);
    expect(sent).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });
});
