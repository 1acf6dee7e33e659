import { Inject, Injectable } from '@nestjs/common';
import { AppError, type Clock } from '#kernel';
import { CLOCK, LOGGER, type Logger } from '#platform';
import { InboxStore } from '../infra/inbox-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

const AGAIN_AFTER_MS = 10_000;

/** Brings signed mismatches to the log, until it has taken them. */
@Injectable()
export class ReportMismatches {
  constructor(
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async runOnce(agency: ServedAgency): Promise<number> {
    if (agency.onboarding) return 0;
    const due = await this.inbox.mismatchesDue(agency.id, this.clock.now());
    for (const { sender, messageId, token } of due) {
      const nextAt = await this.report(agency, token);
      await this.inbox.mismatchSent(agency.id, sender, messageId, nextAt);
    }
    return due.length;
  }

  private async report(agency: ServedAgency, token: string): Promise<Date | undefined> {
    try {
      await agency.hub.reportMismatch(token);
      return undefined;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.logger.warn({ agency: agency.id, code: error.code }, 'mismatch not reported');
      // What the hub refuses as such will not be taken later either; it stays with the message.
      const again = error.status >= 500 || error.status === 429 || error.status === 401;
      return again ? new Date(this.clock.now().getTime() + AGAIN_AFTER_MS) : undefined;
    }
  }
}
