import { type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { type Day, dayInHelsinki, startOfDay } from '#calendar';
import type { Clock } from '#kernel';
import type { Logger } from '#platform';
import type { Appender } from '../append-entries/appender.js';
import type { ErasureRuns } from './erasure-runs.js';

export interface NightlyErasureOptions {
  /** Of Finnish time, at which a night's run begins. Undefined: nobody starts one but who asks. */
  readonly hour: number | undefined;
  readonly runs: Pick<ErasureRuns, 'startNightly'>;
  readonly appender: Pick<Appender, 'active'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'error'>;
}

const HOUR_MS = 3_600_000;
/** A service that was away then does it later in the same night, and not by day. */
const NIGHT_MS = 4 * HOUR_MS;
const LOOK_EVERY_MS = 60_000;

/** One run a night of what is approved by then, in the instance that appends (design 3: a nightly batch). */
export class NightlyErasure implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private last: Day | undefined;

  constructor(private readonly options: NightlyErasureOptions) {}

  onApplicationBootstrap(): void {
    const { hour, logger } = this.options;
    if (hour === undefined) return;
    this.timer = setInterval(() => {
      this.look().catch((error: unknown) => logger.error({ err: error }, 'the erasure of the night could not begin'));
    }, LOOK_EVERY_MS).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  async look(): Promise<void> {
    const { hour, runs, appender, clock } = this.options;
    if (hour === undefined || !appender.active) return;
    const now = clock.now();
    const night = dayInHelsinki(now);
    const since = now.getTime() - startOfDay(night).getTime() - hour * HOUR_MS;
    if (night === this.last || since < 0 || since >= NIGHT_MS) return;
    await runs.startNightly(night);
    this.last = night;
  }
}
