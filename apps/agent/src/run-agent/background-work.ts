import { setMaxListeners } from 'node:events';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { AppError } from '#kernel';
import { Database, LOGGER, type Logger, Readiness } from '#platform';
import { ASK_AGAIN_BATCH, AskForInformation } from '../ask-for-information/ask-for-information.handler.js';
import { DRAFT_BATCH, Drafter } from '../draft-answer/drafter.js';
import { SendReplies } from '../draft-answer/send-replies.js';
import { LogFollower } from '../follow-log/log-follower.js';
import { MAX_BATCH } from '../hub-client/hub-client.js';
import { KeyKeeper } from '../keep-keys/key-keeper.js';
import { ALERT_CALL_BATCH, CallAboutAlerts } from '../receive-mail/call-about-alerts.js';
import { MailFetcher } from '../receive-mail/mail-fetcher.js';
import { MailOpener } from '../receive-mail/mail-opener.js';
import { ReportMismatches } from '../receive-mail/report-mismatches.js';
import { TakeNotices } from '../receive-mail/take-notices.js';
import { OutboxSender } from '../send-message/outbox-sender.js';
import { RE_SIGN_BATCH, ReSignConsents } from '../re-sign-consents/re-sign-consents.js';
import { ServedAgencies } from '../serve-agencies/served-agencies.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { STATEMENT_BATCH, TellStatements } from '../tell-consents/tell-statements.js';
import { WitnessedLog } from '../watch-log/witnessed-log.js';
import { Wakeup, type Work } from './wakeup.js';

/** Seconds of a long poll. */
const POLL_S = 25;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;

/** How often is looked for what nobody announces, in milliseconds. */
export class Pace {
  constructor(
    readonly followEveryMs: number,
    readonly lookAgainEveryMs: number,
  ) {}
}

/** One kind of work of one agency. */
interface Step {
  readonly work: Work;
  /** How much it takes at a time. */
  readonly batch: number;
  readonly run: () => Promise<number>;
  /** What it makes work for. */
  readonly next: readonly Work[];
}

/** Runs the steps of every served agency side by side until the process stops. Each step is safe to be cut anywhere. */
@Injectable()
export class BackgroundWork implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stop = new AbortController();
  private readonly loops: Promise<void>[] = [];
  private loaded = false;

  constructor(
    @Inject(ServedAgencies) private readonly agencies: ServedAgencies,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(WitnessedLog) private readonly witnessed: WitnessedLog,
    @Inject(MailFetcher) private readonly fetcher: MailFetcher,
    @Inject(MailOpener) private readonly opener: MailOpener,
    @Inject(TakeNotices) private readonly notices: TakeNotices,
    @Inject(CallAboutAlerts) private readonly calls: CallAboutAlerts,
    @Inject(ReportMismatches) private readonly mismatches: ReportMismatches,
    @Inject(OutboxSender) private readonly sender: OutboxSender,
    @Inject(Drafter) private readonly drafter: Drafter,
    @Inject(SendReplies) private readonly replies: SendReplies,
    @Inject(KeyKeeper) private readonly keys: KeyKeeper,
    @Inject(ReSignConsents) private readonly reSigning: ReSignConsents,
    @Inject(TellStatements) private readonly statements: TellStatements,
    @Inject(AskForInformation) private readonly asking: AskForInformation,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
    @Inject(Database) private readonly database: Database,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(Pace) private readonly pace: Pace,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    // Every loop of every agency waits on it.
    setMaxListeners(0, this.stop.signal);
    this.readiness.require('database', () => this.database.ping());
    this.readiness.require('log state', () => this.loaded);
    await this.log.load();
    this.loaded = true;
    this.loops.push(this.follow());
    if (this.witnessed.watches) this.loops.push(this.watchWitnesses());
    for (const agency of this.agencies.all) {
      this.loops.push(this.fetch(agency));
      const steps: readonly Step[] = [
        { work: 'open', batch: MAX_BATCH, run: () => this.opener.runOnce(agency), next: ['draft', 'report'] },
        {
          work: 'notices',
          batch: MAX_BATCH,
          run: () => this.notices.runOnce(agency),
          next: ['ask-again', 'alert-calls'],
        },
        { work: 'alert-calls', batch: ALERT_CALL_BATCH, run: () => this.calls.runOnce(agency), next: [] },
        { work: 'ask-again', batch: ASK_AGAIN_BATCH, run: () => this.asking.askAgain(agency), next: ['send'] },
        { work: 'send', batch: MAX_BATCH, run: () => this.sender.runOnce(agency), next: [] },
        { work: 'draft', batch: DRAFT_BATCH, run: () => this.drafter.runOnce(agency), next: ['reply'] },
        { work: 'reply', batch: MAX_BATCH, run: () => this.replies.runOnce(agency), next: ['send'] },
        { work: 'report', batch: MAX_BATCH, run: () => this.mismatches.runOnce(agency), next: [] },
        { work: 'keys', batch: 1, run: () => this.keys.runOnce(agency), next: [] },
        { work: 're-sign', batch: RE_SIGN_BATCH, run: () => this.reSigning.runOnce(agency), next: ['consents'] },
        { work: 'consents', batch: STATEMENT_BATCH, run: () => this.statements.runOnce(agency), next: [] },
      ];
      for (const step of steps) this.loops.push(this.work(agency, step));
    }
  }

  async onModuleDestroy(): Promise<void> {
    this.stop.abort();
    await Promise.all(this.loops);
  }

  private async follow(): Promise<void> {
    await this.repeat('follow-log', undefined, async () => {
      await this.log.catchUp();
      await pause(this.pace.followEveryMs, this.stop.signal);
    });
  }

  private async watchWitnesses(): Promise<void> {
    await this.repeat('watch-witnesses', undefined, async () => {
      await this.witnessed.runOnce();
      await pause(this.pace.followEveryMs, this.stop.signal);
    });
  }

  private async fetch(agency: ServedAgency): Promise<void> {
    await this.repeat('fetch-mail', agency, async () => {
      if (agency.onboarding) return pause(this.pace.lookAgainEveryMs, this.stop.signal);
      const items = await this.fetcher.runOnce(agency, POLL_S, this.stop.signal);
      if (items > 0) this.wakeup.notify(agency.id, 'open', 'notices');
    });
  }

  private async work(agency: ServedAgency, step: Step): Promise<void> {
    await this.repeat(step.work, agency, async () => {
      const seen = this.wakeup.count(agency.id, step.work);
      const done = await step.run();
      if (done > 0) this.wakeup.notify(agency.id, ...step.next);
      // A full batch says that there may be more; what comes meanwhile notifies.
      if (done < step.batch)
        await this.wakeup.wait(agency.id, step.work, seen, this.pace.lookAgainEveryMs, this.stop.signal);
    });
  }

  /** A step that fails is repeated after a pause that grows: nothing is lost by it, for what it did not finish is stored. */
  private async repeat(name: string, agency: ServedAgency | undefined, step: () => Promise<void>): Promise<void> {
    let failures = 0;
    while (!this.stop.signal.aborted) {
      try {
        await step();
        failures = 0;
      } catch (error) {
        if (this.stop.signal.aborted) return;
        const wait = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
        failures = Math.min(failures + 1, 8);
        const expected = error instanceof AppError;
        if (expected) this.logger.warn({ agency: agency?.id, step: name, code: error.code, wait }, 'step failed');
        else this.logger.error({ agency: agency?.id, step: name, err: error, wait }, 'step failed');
        await pause(wait, this.stop.signal);
      }
    }
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
