import { Inject, Injectable } from '@nestjs/common';
import { type AlertNotice, readStatement, type VerificationKey, verifyStatement } from '#envelope';
import type { AppError, Clock, ErrorCode } from '#kernel';
import { CLOCK, Database, LOGGER, type Logger } from '#platform';
import { AlertCallStore } from '../infra/alert-call-store.js';
import { type ArrivedNotice, InboxStore } from '../infra/inbox-store.js';
import { LogStore } from '../infra/log-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { OUTCOME_KEY } from './take-consent-notices.js';

/** What the hub's alert is at the agent of a supervising authority, which has to review it. */
export const ALERT_ALARM = 'REVIEW_NEEDED' satisfies ErrorCode;

/** Whether a notice is about an alert, by what it says of itself: verified before it is believed. */
export const isAlertNotice = ({ token }: ArrivedNotice): boolean => readStatement('alert-notice', token).ok;

/**
 * Takes notices about alerts of the hub. Each becomes an alarm, once, however often it comes, and a call to the agency's own
 * system, where the settings name one, which waits for nothing here and holds up no other notice.
 */
@Injectable()
export class TakeAlertNotices {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(AlertCallStore) private readonly calls: AlertCallStore,
    @Inject(LogStore) private readonly logStore: LogStore,
    @Inject(OUTCOME_KEY) private readonly outcomeKey: VerificationKey,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Returns how many were done with. */
  async take(
    agency: ServedAgency,
    arrived: readonly ArrivedNotice[],
    refuse: (notice: ArrivedNotice, error: AppError) => Promise<void>,
  ): Promise<number> {
    const verified: { readonly number: number; readonly notice: AlertNotice }[] = [];
    for (const one of arrived) {
      const notice = await verifyStatement('alert-notice', one.token, this.outcomeKey);
      if (notice.ok) {
        await this.raise(agency, notice.value);
        verified.push({ number: one.number, notice: notice.value });
      } else await refuse(one, notice.error);
    }
    if (verified.length === 0) return arrived.length;
    const notices = verified.map(({ notice }) => notice);
    await this.database.transaction(async (client) => {
      if (agency.settings.alertCall) await this.calls.add(client, agency.id, notices);
      await this.inbox.markTaken(
        client,
        agency.id,
        verified.map(({ number }) => number),
      );
    });
    return arrived.length;
  }

  private async raise(agency: ServedAgency, { alert, rule, by, at, look }: AlertNotice): Promise<void> {
    const detail = `alert ${alert} (${rule}): ${by} at ${at}; see ${look}`;
    const isNew = await this.logStore.raise({ agency: agency.id, code: ALERT_ALARM, detail }, this.clock.now());
    if (isNew)
      this.logger.warn({ alarm: ALERT_ALARM, agency: agency.id, alert, rule, by, look }, 'the hub raised an alert');
  }
}
