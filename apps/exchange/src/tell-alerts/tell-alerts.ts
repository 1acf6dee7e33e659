import type { AlertRaised } from '#contracts';
import { type AlertNotice, parseAlertNotice, signStatement } from '#envelope';
import { type AgencyId, AppError, type Clock, isAgencyId, partyKindOf, unwrap } from '#kernel';
import type { Queryable } from '#messaging';
import type { DirectoryView, Logger } from '#platform';
import { ExchangeLedger, type LedgerParts } from '../infra/exchange-ledger.js';

/** Tells every supervising authority of alerts, by a signed notice in its mailbox. */
export class TellAlerts {
  constructor(
    private readonly parts: LedgerParts,
    private readonly directory: Pick<DirectoryView, 'agencies'>,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Throws DIRECTORY_STALE without a snapshot, so that the alerts come again. An old one will do: who supervises seldom changes. */
  async tell(client: Queryable, alerts: readonly AlertNotice[]): Promise<void> {
    if (alerts.length === 0) return;
    const agencies = this.directory.agencies();
    if (agencies.length === 0) throw new AppError('DIRECTORY_STALE');
    const told = agencies.flatMap(({ id }) => (isSupervising(id) ? [id] : []));
    if (told.length === 0)
      this.logger.error({ alerts: alerts.map(({ alert }) => alert) }, 'no supervising authority is there to be told');
    const notices = await Promise.all(
      alerts.map((alert) => signStatement('alert-notice', alert, this.parts.outcomeKey)),
    );
    const ledger = await ExchangeLedger.lock(client, this.parts, [], this.clock.now());
    for (const notice of notices) for (const agency of told) ledger.putNotice(agency, notice);
    await ledger.flush();
  }
}

const isSupervising = (id: string): id is AgencyId => isAgencyId(id) && partyKindOf(id) === 'A';

/** Throws MALFORMED: no authority could read the notice. */
export function alertNoticeOf({ alert, rule, agency, at, look }: AlertRaised): AlertNotice {
  return unwrap(parseAlertNotice({ v: 1, alert, rule, by: agency, at: isoTime(at), look }));
}

const isoTime = (at: Date | undefined): string | undefined =>
  at === undefined || Number.isNaN(at.getTime()) ? undefined : at.toISOString();
