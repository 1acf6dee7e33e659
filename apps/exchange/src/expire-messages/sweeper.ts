import { INBOX_RETENTION_MS, OUTBOX_RETENTION_MS } from '#messaging';
import type { Database, Logger } from '#platform';
import type { Sweep } from './sweep.js';

const HOUSEKEEPING_EVERY_MS = 3_600_000;
const QUOTAS_KEPT_MS = 2 * 86_400_000;

/** Something that forgets ids older than so many milliseconds. */
interface Purgeable {
  purge(olderThanMs: number): Promise<number>;
}

/** Runs the sweep, and each hour forgets what nothing can refer to any more. */
export class Sweeper {
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> | undefined;
  private cleanedAt = 0;

  constructor(
    private readonly parts: {
      readonly sweep: Sweep;
      /** Besides, in each round. */
      readonly alsoDue: () => Promise<void>;
      readonly database: Database;
      readonly inboxes: readonly Purgeable[];
      readonly everyMs: number;
      readonly logger: Logger;
    },
  ) {}

  start(): void {
    this.timer ??= setInterval(() => {
      this.round ??= this.turn().finally(() => {
        this.round = undefined;
      });
    }, this.parts.everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.round;
  }

  private async turn(): Promise<void> {
    try {
      await this.parts.sweep.run();
      await this.parts.alsoDue();
      if (Date.now() - this.cleanedAt < HOUSEKEEPING_EVERY_MS) return;
      await this.clean();
      this.cleanedAt = Date.now();
    } catch (error) {
      this.parts.logger.warn({ err: error }, 'the sweep is tried again');
    }
  }

  private async clean(): Promise<void> {
    for (const inbox of this.parts.inboxes) await inbox.purge(INBOX_RETENTION_MS);
    await this.parts.database.query({
      text: `DELETE FROM exchange.quota_counts WHERE window_start < clock_timestamp() - $1::float8 * interval '1 millisecond'`,
      values: [QUOTAS_KEPT_MS],
    });
    await this.parts.database.query({
      text: `DELETE FROM exchange.early_receipts WHERE since < clock_timestamp() - $1::float8 * interval '1 millisecond'`,
      values: [OUTBOX_RETENTION_MS],
    });
  }
}
