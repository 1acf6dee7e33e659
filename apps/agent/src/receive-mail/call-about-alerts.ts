import { Inject, Injectable } from '@nestjs/common';
import type { AlertNotice } from '#envelope';
import type { Clock } from '#kernel';
import { CLOCK, LOGGER, type Logger } from '#platform';
import { AlertCallStore } from '../infra/alert-call-store.js';
import { callSigned } from '../infra/signed-call.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { ALERT_ALARM } from './take-alert-notices.js';

/** Made side by side, so that one without an answer is waited for by none of the others. */
export const ALERT_CALL_BATCH = 32;
const CALL_TIMEOUT_MS = 5_000;

/** Calls an agency's own system about alerts of the hub, where the settings name one, each until it was answered. */
@Injectable()
export class CallAboutAlerts {
  constructor(
    @Inject(AlertCallStore) private readonly store: AlertCallStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Those that are due. Returns how many calls were made. */
  async runOnce(agency: ServedAgency): Promise<number> {
    if (!agency.settings.alertCall) return 0;
    const due = await this.store.due(agency.id, ALERT_CALL_BATCH);
    await Promise.all(
      due.map(async (notice) => {
        if (await this.answered(agency, notice)) await this.store.answered(agency.id, notice);
        else await this.store.putOff(agency.id, notice);
      }),
    );
    return due.length;
  }

  private async answered(agency: ServedAgency, { alert, rule, by, at, look }: AlertNotice): Promise<boolean> {
    const { alertCall } = agency.settings;
    if (!alertCall) return false;
    try {
      const content = { agency: agency.id, alarm: ALERT_ALARM, alert, rule, by, at, look };
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
