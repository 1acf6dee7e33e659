import { AppError, type Clock, type ErrorCode, sha256 } from '#kernel';
import { type Backoff, delayAfter } from '#messaging';
import type { Logger } from '#platform';
import type { Appender } from '../append-entries/appender.js';
import type { Caller } from '../domain/caller.js';
import { leftReasons } from '../domain/left-erasures.js';
import type { ErasureRunStore, StoredErasureRun } from '../infra/erasure-run-store.js';
import type { ErasureStore } from '../infra/erasure-store.js';
import type { SignedLook } from '../infra/signed-look.js';
import type { ErasureRun, SeeProgress } from './erasure-run.js';
import type { Erasures } from './erasures.js';
import { OneAtATime } from './one-at-a-time.js';

export interface ErasureRunsOptions {
  readonly runs: ErasureRunStore;
  readonly store: Pick<ErasureStore, 'tombstonesBy'>;
  readonly appender: Pick<Appender, 'active'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'error'>;
  /** Between attempts at a run that something broke. Default: 1 s, doubled up to 5 min. */
  readonly backoff?: Backoff;
}

/** After so many failures a person should look, although it goes on by itself. */
const FAILURES_TO_WARN_OF = 3;
/** Doublings of the pause; it has its longest long before. */
const MOST_DOUBLED = 20;
/** As after so many failures, where not even the failure could be stored: the database is away. */
const UNSTORED = 4;

const isReason = (code: ErrorCode): boolean => leftReasons.some((reason) => reason === code);

/**
 * Runs of the erasure as things that can be looked at: whoever starts one has an answer at once, while it goes on here. There
 * is one at a time, in the instance that appends. One that something breaks after its tombstone stood waits and is tried again
 * until it is done: the log has said that those bodies go.
 */
export class ErasureRuns {
  /** The run that goes on in this process; it never rejects. */
  private going: Promise<void> | undefined;
  private readonly starting = new OneAtATime();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly options: ErasureRunsOptions,
    private readonly erasures: Erasures,
    private readonly erasureRun: ErasureRun,
  ) {}

  /** The run that goes on, the one that was interrupted and goes on now, or a new one. Errors: as `Erasures.mayRun`. */
  async start(look: SignedLook): Promise<StoredErasureRun> {
    const { runs, clock } = this.options;
    await this.erasures.mayRun(look);
    return this.starting.do(async () => {
      for (;;) {
        await runs.open({ id: look.hash, by: look.caller.agency, at: clock.now() });
        const run = await runs.unended();
        // It ended in between; what is left to do is another one's.
        if (!run) continue;
        if (this.going === undefined) {
          clearTimeout(this.timer);
          await runs.goOn(run.id, clock.now());
          this.go(run, (see) => this.erasureRun.run(see));
        }
        return this.find(run.id);
      }
    });
  }

  /**
   * Of what is approved, as nobody but the hub asked for it: the one of this night, or the one that was interrupted. Nothing where
   * none is approved, one goes on or waits, or this night's has ended.
   */
  async startNightly(night: string): Promise<void> {
    const { runs, clock } = this.options;
    await this.starting.do(async () => {
      if (this.going !== undefined || !(await this.erasures.hasApproved())) return;
      await runs.openNightly({ id: sha256(`erasure of the night ${night}`), at: clock.now() });
      const run = await runs.unended();
      if (!run || run.state === 'waiting') return;
      await runs.goOn(run.id, clock.now());
      this.go(run, (see) => this.erasureRun.run(see));
    });
  }

  /** When this instance appends: what was stopped half-way is ended, and said to have been interrupted where nothing was begun. */
  async resume(): Promise<void> {
    const { runs } = this.options;
    const begun = await this.starting.do(async () => {
      if (this.going !== undefined) return true;
      await runs.interrupt();
      return this.takeUp();
    });
    await this.going;
    // What a run had begun it ends itself, now or at its next attempt.
    if (!begun) await this.erasureRun.resume();
  }

  /** A line for who watches the service, where a run does not come to its end by itself. */
  async warnings(): Promise<string[]> {
    const run = await this.options.runs.unended();
    if (!run || run.failures < FAILURES_TO_WARN_OF) return [];
    const reason = run.code === null ? '' : `: ${run.code}`;
    return [`an erasure that was begun broke ${run.failures} times and is not done${reason}`];
  }

  /** How often the run that has not ended broke. */
  async failures(): Promise<number> {
    return (await this.options.runs.unended())?.failures ?? 0;
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** Whether there is one of which a tombstone stands. */
  private async takeUp(): Promise<boolean> {
    const { runs, clock } = this.options;
    const run = await runs.unended();
    if (!run || (await this.tombstonesOf(run)).length === 0) return false;
    await runs.goOn(run.id, clock.now());
    this.go(run, (see) => this.erasureRun.resume(see));
    return true;
  }

  /** Not where another instance appends by then: it takes the run up when it takes over. */
  private tryAgainAfter(ms: number): void {
    const { appender, logger, backoff } = this.options;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (!appender.active) return this.tryAgainAfter(ms);
      this.starting
        .do(async () => {
          if (this.going === undefined) await this.takeUp();
        })
        .catch((error: unknown) => {
          logger.error({ err: error }, 'an erasure that waits could not be taken up');
          this.tryAgainAfter(delayAfter(UNSTORED, backoff));
        });
    }, ms);
    this.timer.unref();
  }

  /** To those who asked for it, and to a supervising authority. Errors: NOT_FOUND. */
  async show(id: string, { agency, supervising }: Caller): Promise<StoredErasureRun> {
    const run = await this.find(id);
    if (!supervising && !run.askedBy.includes(agency)) throw new AppError('NOT_FOUND');
    return run;
  }

  private go(run: StoredErasureRun, work: (see: SeeProgress) => Promise<unknown>): void {
    this.going = this.carryOut(run, work)
      .catch((error: unknown) => {
        this.options.logger.error({ err: error, run: run.id }, 'what became of the erasure run could not be stored');
        this.tryAgainAfter(delayAfter(UNSTORED, this.options.backoff));
      })
      .finally(() => {
        this.going = undefined;
      });
  }

  private async carryOut(run: StoredErasureRun, work: (see: SeeProgress) => Promise<unknown>): Promise<void> {
    const { runs, clock, appender, logger } = this.options;
    const buried = await this.tombstonesOf(run);
    const see: SeeProgress = ({ approvals, entries, erased, secrets, rewrapped, tombstones, ...seen }) =>
      runs.see(run.id, clock.now(), {
        ...seen,
        ...(approvals && { approvals: [...new Set([...run.approvals, ...approvals])] }),
        ...(entries !== undefined && { entries: run.erased + entries }),
        ...(erased !== undefined && { erased: run.erased + erased }),
        ...(secrets !== undefined && { secrets: run.rewrapped + secrets }),
        ...(rewrapped !== undefined && { rewrapped: run.rewrapped + rewrapped }),
        ...(tombstones && { tombstones: [...new Set([...buried, ...tombstones])] }),
      });
    try {
      if (buried.length > 0) await see({ tombstones: buried });
      await work(see);
      await runs.end(run.id, clock.now());
    } catch (error) {
      const code = error instanceof AppError ? error.code : 'INTERNAL';
      if (!isReason(code)) logger.error({ err: error, run: run.id }, 'an erasure run could not go on');
      // This process stops, or another instance appends now: whoever appends next says that it was interrupted.
      if (!appender.active) return;
      const now = await runs.find(run.id);
      if (!now || (await this.tombstonesOf(now)).length === 0) return runs.end(run.id, clock.now(), code);
      const pause = delayAfter(Math.min(now.failures + 1, MOST_DOUBLED), this.options.backoff);
      await runs.putOff(run.id, clock.now(), { until: new Date(clock.now().getTime() + pause), code });
      this.tryAgainAfter(pause);
    }
  }

  /** Leaves of the tombstones of what it does. */
  private tombstonesOf({ approvals }: StoredErasureRun): Promise<number[]> {
    return approvals.length === 0 ? Promise.resolve([]) : this.options.store.tombstonesBy(approvals);
  }

  private async find(id: string): Promise<StoredErasureRun> {
    const run = await this.options.runs.find(id);
    if (!run) throw new AppError('NOT_FOUND');
    // It says so itself only when it is taken up.
    const stopped = run.state === 'running' && this.going === undefined && this.options.appender.active;
    return stopped ? { ...run, state: 'interrupted' } : run;
  }
}
