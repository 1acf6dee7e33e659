import { concat, defer, EMPTY, filter, interval, map, merge, type Observable, of, Subject, takeUntil } from 'rxjs';
import type { Catalogue, Snapshot, WatchResponse } from '#contracts';
import type { Logger, Queryable } from '#platform';
import { readAgencies, readVersion } from '../infra/agencies-store.js';

const HEARTBEAT_MS = 2_000;
/** How often changes by another instance are looked for. */
const POLL_MS = 1_000;
/** A heartbeat promises that nothing was revoked unseen, so it needs a look at the database that is not older than this. */
const CHECKED_WITHIN_MS = 4_000;

/** The present snapshot in memory, pushed to every watcher after each change. */
export class SnapshotFeed {
  private snapshot: Snapshot | undefined;
  private checkedAt = 0;
  private looking: Promise<void> | undefined;
  private next: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly changes = new Subject<Snapshot>();
  private readonly stopped = new Subject<void>();

  constructor(
    private readonly database: Queryable,
    private readonly catalogue: () => Catalogue | undefined,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.refresh(), POLL_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.stopped.next();
  }

  get current(): Snapshot | undefined {
    return this.snapshot;
  }

  /** Whether the database answered lately: without it nobody is told that the snapshot still holds. */
  get checked(): boolean {
    return this.snapshot !== undefined && Date.now() - this.checkedAt < CHECKED_WITHIN_MS;
  }

  /**
   * Reads the snapshot anew when its version has changed. Calls during a look share the one after it, so that everybody
   * sees at least what he committed before he called.
   */
  refresh(): Promise<void> {
    if (!this.looking) {
      this.looking = this.look()
        .catch((error: unknown) => this.logger.warn({ err: error }, 'the snapshot could not be read'))
        .finally(() => (this.looking = undefined));
      return this.looking;
    }
    this.next ??= this.looking.then(() => {
      this.next = undefined;
      return this.refresh();
    });
    return this.next;
  }

  /** The whole snapshot unless the caller has it, then each change, heartbeats in between. */
  watch(version: bigint): Observable<WatchResponse> {
    const snapshotOf = (snapshot: Snapshot): WatchResponse => ({ update: { $case: 'snapshot', value: snapshot } });
    const first = defer(() =>
      this.snapshot && this.snapshot.version !== version ? of(snapshotOf(this.snapshot)) : EMPTY,
    );
    const beats = concat(of(0), interval(HEARTBEAT_MS)).pipe(
      filter(() => this.checked),
      map((): WatchResponse => ({ update: { $case: 'heartbeat', value: { version: this.snapshot!.version } } })),
    );
    return merge(first, this.changes.pipe(map(snapshotOf)), beats).pipe(takeUntil(this.stopped));
  }

  private async look(): Promise<void> {
    const catalogue = this.catalogue();
    if (!catalogue) return;
    const version = await readVersion(this.database);
    if (this.snapshot?.version !== version) {
      // The version is read first: a change in between shows up in the next look, never the other way round.
      const { agencies, keys } = await readAgencies(this.database);
      this.snapshot = { version, agencies, keys, catalogue };
      this.changes.next(this.snapshot);
    }
    this.checkedAt = Date.now();
  }
}
