import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ExchangeServiceClient, WatchMailboxesResponse } from '#contracts';
import { agencyId } from '#kernel';
import type { GrpcClient } from '#platform';
import { MailboxHeads } from './mailbox-heads.js';

class Stream extends EventEmitter {
  readonly cancel = jest.fn();
  tell(agency: string, head: bigint): void {
    this.emit('data', { heads: [{ agency, head }] } satisfies WatchMailboxesResponse);
  }
}

const [municipality, county] = [agencyId('K-235'), agencyId('H-03')];

describe('waiting for mail', () => {
  let streams: Stream[];
  let heads: MailboxHeads;
  let gone: AbortController;

  beforeEach(() => {
    jest.useFakeTimers();
    streams = [];
    gone = new AbortController();
    const raw = {
      watchMailboxes: () => {
        const stream = new Stream();
        streams.push(stream);
        return stream;
      },
    };
    heads = new MailboxHeads({ raw } as unknown as GrpcClient<ExchangeServiceClient>);
    heads.start();
  });
  afterEach(() => {
    heads.close();
    jest.useRealTimers();
  });

  const waiting = (after: bigint, agency = municipality, milliseconds = 25_000) => {
    const state = { over: false };
    void heads.beyond(agency, after, milliseconds, gone.signal).then(() => (state.over = true));
    return state;
  };
  const settled = (): Promise<void> => jest.advanceTimersByTimeAsync(0);

  it('ends when the mailbox grows', async () => {
    const wait = waiting(3n);
    streams[0]!.tell(municipality, 4n);
    await settled();
    expect(wait.over).toBe(true);
  });

  it('is not needed when the mailbox has grown already', async () => {
    streams[0]!.tell(municipality, 4n);
    const wait = waiting(3n);
    await settled();
    expect(wait.over).toBe(true);
  });

  it('does not end for the mail of others or for old news', async () => {
    streams[0]!.tell(municipality, 3n);
    const wait = waiting(3n);
    streams[0]!.tell(county, 9n);
    streams[0]!.tell(municipality, 3n);
    await settled();
    expect(wait.over).toBe(false);
  });

  it('ends when the time is up', async () => {
    const wait = waiting(0n, municipality, 2_000);
    await jest.advanceTimersByTimeAsync(1_999);
    expect(wait.over).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(wait.over).toBe(true);
  });

  it('ends when the caller has gone, and leaves no timer', async () => {
    const wait = waiting(0n);
    gone.abort();
    await settled();
    expect(wait.over).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('ends for all at once when the gateway stops', async () => {
    const waits = [waiting(0n), waiting(0n, county)];
    heads.close();
    await settled();
    expect(waits.map(({ over }) => over)).toEqual([true, true]);
    expect(streams[0]!.cancel).toHaveBeenCalled();
  });

  it('goes on over a new stream when exchange was away', async () => {
    const wait = waiting(3n);
    streams[0]!.tell(county, 1n);
    expect(heads.connected).toBe(true);
    streams[0]!.emit('error', new Error('gone'));
    streams[0]!.emit('end');
    expect(heads.connected).toBe(false);
    await jest.advanceTimersByTimeAsync(250);
    expect(streams).toHaveLength(2);
    streams[1]!.tell(municipality, 4n);
    await settled();
    expect(wait.over).toBe(true);
  });
});
