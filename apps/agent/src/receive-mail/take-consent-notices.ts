import { Inject, Injectable } from '@nestjs/common';
import { type ConsentNotice, readStatement, type VerificationKey, verifyStatement } from '#envelope';
import type { AgencyId, AppError } from '#kernel';
import { Database, LOGGER, type Logger } from '#platform';
import { ConsentNoticeStore } from '../infra/consent-notice-store.js';
import { type ArrivedNotice, InboxStore } from '../infra/inbox-store.js';

/** The pinned key of exchange's outcomes. */
export const OUTCOME_KEY = Symbol('OutcomeKey');

/** Whether a notice is about a consent, by what it says of itself: verified before it is believed. */
export const isConsentNotice = ({ token }: ArrivedNotice): boolean => readStatement('consent-notice', token).ok;

/** Takes notices about consents: what happened to one of which this agency is a party. */
@Injectable()
export class TakeConsentNotices {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(ConsentNoticeStore) private readonly store: ConsentNoticeStore,
    @Inject(OUTCOME_KEY) private readonly outcomeKey: VerificationKey,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** In the order of the mailbox, all or none. Returns how many were done with. */
  async take(
    agency: AgencyId,
    arrived: readonly ArrivedNotice[],
    refuse: (notice: ArrivedNotice, error: AppError) => Promise<void>,
  ): Promise<number> {
    const verified: { readonly number: number; readonly notice: ConsentNotice }[] = [];
    for (const one of arrived) {
      const notice = await verifyStatement('consent-notice', one.token, this.outcomeKey);
      if (notice.ok) verified.push({ number: one.number, notice: notice.value });
      else await refuse(one, notice.error);
    }
    if (verified.length > 0)
      await this.database.transaction(async (client) => {
        await this.store.add(
          client,
          agency,
          verified.map(({ notice }) => notice),
        );
        await this.inbox.markTaken(
          client,
          agency,
          verified.map(({ number }) => number),
        );
      });
    for (const { notice } of verified)
      this.logger.info({ agency, consentId: notice.consentId, type: notice.type }, 'consent notice');
    return arrived.length;
  }
}
