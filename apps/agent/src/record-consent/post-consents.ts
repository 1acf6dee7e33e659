import { Inject, Injectable } from '@nestjs/common';
import { AppError, type Clock, type ConsentId, type Result, err, ok } from '#kernel';
import { CLOCK, LOGGER, type Logger } from '#platform';
import { member } from '../hub-client/hub-http.js';
import { ConsentStore } from '../infra/consent-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

/** Records taken at a time. */
export const CONSENT_BATCH = 16;

/** Brings signed consents and withdrawals to the hub: at once when somebody waits, and again until it has taken them. */
@Injectable()
export class PostConsents {
  constructor(
    @Inject(ConsentStore) private readonly consents: ConsentStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async runOnce(agency: ServedAgency): Promise<number> {
    if (agency.onboarding) return 0;
    const due = await this.consents.toPost(agency.id, CONSENT_BATCH);
    for (const { id, version, state, token } of due) {
      const posted =
        state === 'withdrawing'
          ? await this.withdraw(agency, id, version, token)
          : await this.record(agency, id, version, token);
      // The hub is away: look again later instead of at once.
      if (!posted.ok && isPassing(posted.error)) return 0;
    }
    return due.length;
  }

  /** Errors: the hub's; a passing one leaves the record to be posted again. */
  async record(agency: ServedAgency, id: ConsentId, version: number, token: string): Promise<Result<void>> {
    const answer = await this.post(() => agency.hub.recordConsent(token));
    if (answer.ok) await this.consents.mark(agency.id, id, version, 'recorded');
    else if (!isPassing(answer.error))
      await this.consents.mark(agency.id, id, version, 'refused', { code: answer.error.code });
    return answer.ok ? ok(undefined) : answer;
  }

  /** The instant after which no permit is given. Errors: the hub's. */
  async withdraw(agency: ServedAgency, id: ConsentId, version: number, token: string): Promise<Result<Date>> {
    const answer = await this.post(() => agency.hub.actOnConsent(token));
    if (!answer.ok) {
      if (!isPassing(answer.error))
        await this.consents.mark(agency.id, id, version, 'recorded', { code: answer.error.code });
      return answer;
    }
    const effectiveAt = new Date(String(member(answer.value, 'effectiveAt')));
    if (Number.isNaN(effectiveAt.getTime())) return err(new AppError('UNAVAILABLE', 'the hub named no instant'));
    await this.consents.mark(agency.id, id, version, 'withdrawn', { effectiveAt });
    return ok(effectiveAt);
  }

  private async post(call: () => Promise<unknown>): Promise<Result<unknown>> {
    try {
      return ok(await call());
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.logger.warn({ code: error.code, at: this.clock.now().toISOString() }, 'consent not posted');
      return err(error);
    }
  }
}

export const isPassing = (error: AppError): boolean => error.status >= 500 || [401, 429].includes(error.status);
