import { AppError, type Clock, type ErrorCode } from '#kernel';
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
  readonly store: Pick<ErasureStore, 'tombstones'>;
  readonly appender: Pick<Appender, 'active'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'error'>;
}

const isReason = (code: ErrorCode): boolean => leftReasons.some((reason) => reason === code);

/**
 * Runs of the erasure as things that can be looked at: whoever starts one has an answer at once, while it goes on here. There
 * is one at a time, in the instance that appends.
 */
export class ErasureRuns {
  /** The run that goes on in this process; it never rejects. */
  private going: Promise<void> | undefined;
  private readonly starting = new OneAtATime();

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
          await runs.goOn(run.id, clock.now());
          this.go(run, (see) => this.erasureRun.run(see));
        }
        return this.find(run.id);
      }
    });
  }

  /** When this instance appends: what was stopped half-way is ended, and said to have been interrupted where nothing was begun. */
  async resume(): Promise<void> {
    const { runs } = this.options;
    await this.starting.do(async () => {
      if (this.going !== undefined) return;
      await runs.interrupt();
      const run = await runs.unended();
      if (!run || (await this.tombstonesOf(run)).length === 0) return;
      await runs.goOn(run.id, this.options.clock.now());
      this.go(run, (see) => this.erasureRun.resume(see));
    });
    await this.going;
    await this.erasureRun.resume();
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
      if (appender.active) await runs.end(run.id, clock.now(), code);
    }
  }

  /** Leaves of the tombstones of what it does. */
  private async tombstonesOf({ approvals }: StoredErasureRun): Promise<number[]> {
    if (approvals.length === 0) return [];
    return (await this.options.store.tombstones())
      .filter(({ tombstone }) => tombstone.approvals.some((one) => approvals.includes(one)))
      .map(({ leafIndex }) => leafIndex);
  }

  private async find(id: string): Promise<StoredErasureRun> {
    const run = await this.options.runs.find(id);
    if (!run) throw new AppError('NOT_FOUND');
    // It says so itself only when it is taken up.
    const stopped = run.state === 'running' && this.going === undefined && this.options.appender.active;
    return stopped ? { ...run, state: 'interrupted' } : run;
  }
}
