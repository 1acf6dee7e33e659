import { Inject, Injectable } from '@nestjs/common';
import { type AlertNotice, readStatement, type VerificationKey, verifyStatement } from '#envelope';
import type { AppError, Clock, ErrorCode } from '#kernel';
import { CLOCK, Database, LOGGER, type Logger } from '#platform';
import { type ArrivedNotice, InboxStore } from '../infra/inbox-store.js';
import { LogStore } from '../infra/log-store.js';
import { callSigned } from '../infra/signed-call.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { OUTCOME_KEY } from './take-consent-notices.js';

/** What the hub's alert is at the agent of a supervising authority, which has to review it. */
const ALARM = 'REVIEW_NEEDED' satisfies ErrorCode;
const CALL_TIMEOUT_MS = 5_000;

/** Whether a notice is about an alert, by what it says of itself: verified before it is believed. */
export const isAlertNotice = ({ token }: ArrivedNotice): boolean => readStatement('alert-notice', token).ok;

/**
 * Takes notices about alerts of the hub. Each becomes an alarm, once, however often it comes; then the agency's own system is
 * called, where the settings name one, until it has answered.
 */
@Injectable()
export class TakeAlertNotices {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(LogStore) private readonly logStore: LogStore,
    @Inject(OUTCOME_KEY) private readonly outcomeKey: VerificationKey,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Returns how many were done with. Others come again. */
  async take(
    agency: ServedAgency,
    arrived: readonly ArrivedNotice[],
    refuse: (notice: ArrivedNotice, error: AppError) => Promise<void>,
  ): Promise<number> {
    const raised: { readonly number: number; readonly notice: AlertNotice }[] = [];
    for (const one of arrived) {
      const notice = await verifyStatement('alert-notice', one.token, this.outcomeKey);
      if (notice.ok) {
        await this.raise(agency, notice.value);
        raised.push({ number: one.number, notice: notice.value });
      } else await refuse(one, notice.error);
    }
    let done = arrived.length - raised.length;
    // All alarms stand before anybody is called, and a system that does not answer is not waited for once more.
    for (const { number, notice } of raised) {
      if (!(await this.called(agency, notice))) break;
      await this.inbox.markTaken(this.database, agency.id, [number]);
      done += 1;
    }
    return done;
  }

  private async raise(agency: ServedAgency, { alert, rule, by, at, look }: AlertNotice): Promise<void> {
    const detail = `alert ${alert} (${rule}): ${by} at ${at}; see ${look}`;
    const isNew = await this.logStore.raise({ agency: agency.id, code: ALARM, detail }, this.clock.now());
    if (isNew) this.logger.warn({ alarm: ALARM, agency: agency.id, alert, rule, by, look }, 'the hub raised an alert');
  }

  /** True where there is nobody to call. */
  private async called(agency: ServedAgency, { alert, rule, by, at, look }: AlertNotice): Promise<boolean> {
    const { alertCall } = agency.settings;
    if (!alertCall) return true;
    try {
      const content = { agency: agency.id, alarm: ALARM, alert, rule, by, at, look };
      const answer = await callSigned(alertCall, content, { clock: this.clock, timeoutMs: CALL_TIMEOUT_MS });
      await answer.body.dump();
      if (answer.statusCode < 300) return true;
      this.logger.warn({ agency: agency.id, alert, status: answer.statusCode }, 'the call about an alert was refused');
    } catch (error) {
      this.logger.warn({ agency: agency.id, alert, err: error }, 'the call about an alert failed');
    }
    return false;
  }
}
