import { clearListDigest, clearListFile, formatClearList, parseClearList } from '#envelope';
import { AppError, type Clock } from '#kernel';
import type { Logger } from '#platform';
import type { Appender } from '../append-entries/appender.js';
import { eventIdOf } from '../append-entries/own-entry.js';
import { prepareClear } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { listClearEntries, newestClearList } from '../infra/clear-entries.js';
import { type Queryable, storedSize } from '../infra/log-store.js';
import type { TileFolder } from '../publish-log/tile-folder.js';

export interface ClearListsOptions {
  readonly client: Queryable;
  readonly appender: Pick<Appender, 'active' | 'append'>;
  readonly folder: TileFolder;
  /** Size that everybody may have seen. */
  readonly published: () => Promise<number>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'error'>;
  /** By how many entries the log has grown when the next list is made: who asks reads those that came since. */
  readonly everyEntries?: number;
}

/** 64 bundles, about 1.4 MB. */
const defaultEvery = 16_384;
const lookEveryMs = 15_000;
/** Until what was said is public, and the list may be shown. */
const lookSoonMs = 1_000;

/**
 * Says in the log, from time to time, which entries stand in clear, and shows the list: so that who looks for the keys of two
 * agencies, or for a tombstone, need not read all the others (decision 0042). What it says is there for everybody to recompute.
 */
export class ClearLists {
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly options: ClearListsOptions) {}

  start(): void {
    this.lookAgainAfter(lookSoonMs);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  /** @returns whether the newest list is shown. Errors: LOG_INCONSISTENT (the stored entries are not those of the list that was said). */
  async refresh(): Promise<boolean> {
    const { client, everyEntries = defaultEvery } = this.options;
    const size = await storedSize(client);
    const newest = await newestClearList(client);
    if (size - (newest?.record.size ?? 0) >= everyEntries) await this.say(size);
    return this.show();
  }

  private async say(size: number): Promise<void> {
    const { client, appender, clock } = this.options;
    const digest = clearListDigest(await listClearEntries(client, size));
    const at = clock.now().toISOString();
    const eventId = eventIdOf(['clear-list', String(size), digest]);
    const said = prepareClear(
      eventId,
      { type: 'clear-list', size, digest, at },
      { type: 'clear-list', at, parties: [] },
    );
    await appender.append(plainProposal([said]));
  }

  private async show(): Promise<boolean> {
    const { client, folder, published } = this.options;
    const newest = await newestClearList(client);
    if (!newest) return true;
    const { leafIndex, record } = newest;
    const shown = await folder.read(clearListFile);
    const parsed = shown && parseClearList(shown);
    if (parsed?.ok && parsed.value.statement === leafIndex && parsed.value.digest === record.digest) return true;
    if ((await published()) <= leafIndex) return false;
    const entries = await listClearEntries(client, record.size);
    if (clearListDigest(entries) !== record.digest)
      throw new AppError('LOG_INCONSISTENT', 'the entries in clear are not those that the log has said');
    await folder.publishClearList(formatClearList(leafIndex, entries));
    return true;
  }

  private lookAgainAfter(milliseconds: number): void {
    if (this.closed) return;
    this.timer = setTimeout(() => void this.look(), milliseconds);
    this.timer.unref();
  }

  private async look(): Promise<void> {
    // It is said by the instance that can say it.
    if (!this.options.appender.active) return this.lookAgainAfter(lookEveryMs);
    try {
      this.lookAgainAfter((await this.refresh()) ? lookEveryMs : lookSoonMs);
    } catch (error) {
      if (!this.closed)
        this.options.logger.error({ err: error }, 'what stands in clear could not be listed; trying again');
      this.lookAgainAfter(lookEveryMs);
    }
  }
}
