import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { WatchResponse } from '#contracts';
import { createLogger, type Queryable } from '#platform';
import { SnapshotFeed } from './snapshot-feed.js';

/** The directory's tables as far as a snapshot reads them. */
class Tables {
  version = 1;
  agencies: string[] = ['K-235'];
  down = false;
  /** Looks wait here until it is called. */
  let: (() => void) | undefined;
  looks = 0;
  private gate: Promise<void> = Promise.resolve();

  hold(): void {
    this.gate = new Promise((resolve) => (this.let = resolve));
  }

  readonly query = (async ({ name }: { name: string }) => {
    if (name === 'read-version') this.looks += 1;
    const { down } = this;
    const rows = {
      'read-version': [{ version: String(this.version) }],
      'read-agencies': this.agencies.map((id) => ({ id, status: 'active', contact: null })),
      'read-logged-keys': [],
    }[name];
    await this.gate;
    if (down) throw new Error('the database is away');
    return { rows };
  }) as unknown as Queryable['query'];
}

const catalogue = { version: 1, json: '{}' };
const told = ({ update }: WatchResponse): string =>
  update?.$case === 'snapshot'
    ? `snapshot ${update.value.version} ${update.value.agencies.map(({ id }) => id).join()}`
    : `heartbeat ${update?.value.version}`;

describe('the feed of snapshots', () => {
  let tables: Tables;
  let feed: SnapshotFeed;
  let heard: string[];
  let subscriptions: { unsubscribe: () => void }[];

  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
    tables = new Tables();
    feed = new SnapshotFeed(tables, () => catalogue, createLogger('test', 'silent'));
    heard = [];
    subscriptions = [];
  });
  afterEach(() => {
    for (const subscription of subscriptions) subscription.unsubscribe();
    feed.stop();
    jest.useRealTimers();
  });

  const watch = (version = 0n): void => {
    subscriptions.push(feed.watch(version).subscribe((response) => heard.push(told(response))));
  };
  const change = (...agencies: string[]): void => {
    tables.version += 1;
    tables.agencies = agencies;
  };

  it('gives the whole snapshot at once and a heartbeat', async () => {
    await feed.refresh();
    watch();
    expect(heard).toEqual(['snapshot 1 K-235', 'heartbeat 1']);
  });

  it('gives only heartbeats to who has the snapshot already', async () => {
    await feed.refresh();
    watch(1n);
    expect(heard).toEqual(['heartbeat 1']);
  });

  it('gives nothing before there is a snapshot, then the first one', async () => {
    watch();
    expect(heard).toEqual([]);
    await feed.refresh();
    expect(heard).toEqual(['snapshot 1 K-235']);
  });

  it('tells every watcher of a change', async () => {
    await feed.refresh();
    watch(1n);
    watch(1n);
    change('H-03', 'K-235');
    await feed.refresh();
    expect(heard.filter((one) => one.startsWith('snapshot'))).toEqual([
      'snapshot 2 H-03,K-235',
      'snapshot 2 H-03,K-235',
    ]);
  });

  it('finds a change by another instance within a second', async () => {
    await feed.refresh();
    feed.start();
    watch(1n);
    change('H-03');
    await jest.advanceTimersByTimeAsync(1_000);
    expect(heard).toContain('snapshot 2 H-03');
  });

  it('beats every two seconds while the database answers', async () => {
    await feed.refresh();
    feed.start();
    watch(1n);
    await jest.advanceTimersByTimeAsync(6_000);
    expect(heard).toEqual(Array.from({ length: 4 }, () => 'heartbeat 1'));
  });

  it('falls silent when the database does: a revocation could be unseen', async () => {
    await feed.refresh();
    feed.start();
    watch(1n);
    tables.down = true;
    await jest.advanceTimersByTimeAsync(4_000);
    const before = heard.length;
    await jest.advanceTimersByTimeAsync(10_000);
    expect(heard).toHaveLength(before);
    expect(feed.checked).toBe(false);
    tables.down = false;
    await jest.advanceTimersByTimeAsync(4_000);
    expect(heard.length).toBeGreaterThan(before);
  });

  it('lets nobody go before a look that began after he asked', async () => {
    await feed.refresh();
    tables.hold();
    const early = feed.refresh();
    change('H-03');
    const late = [feed.refresh(), feed.refresh()];
    tables.let?.();
    await Promise.all([early, ...late]);
    expect(feed.current?.agencies.map(({ id }) => id)).toEqual(['H-03']);
    expect(tables.looks).toBe(3);
  });

  it('ends its streams when it stops', async () => {
    await feed.refresh();
    let ended = false;
    feed.watch(1n).subscribe({ complete: () => (ended = true) });
    feed.stop();
    expect(ended).toBe(true);
  });
});
