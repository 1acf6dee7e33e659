import type { AlertRaised } from '#contracts';
import { type AlertNotice, parseAlertNotice, signStatement } from '#envelope';
import { type AgencyId, AppError, type Clock, type EventId, isAgencyId, partyKindOf, unwrap } from '#kernel';
import type { Queryable } from '#messaging';
import type { DirectoryView, Logger } from '#platform';
import { ExchangeLedger, type LedgerParts } from '../infra/exchange-ledger.js';

/**
 * Tells every supervising authority of alerts, by a signed notice in its mailbox: those that are there when an alert is raised, and
 * those that join before it has ended. Who was told stands beside the alert, so each is told once.
 */
export class TellAlerts {
  constructor(
    private readonly parts: LedgerParts,
    private readonly directory: Pick<DirectoryView, 'agencies'>,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Throws DIRECTORY_STALE without a snapshot, so that the alerts come again. An old one will do: who joins later is told then. */
  async tell(client: Queryable, alerts: readonly AlertNotice[]): Promise<void> {
    if (alerts.length === 0) return;
    if (this.directory.agencies().length === 0) throw new AppError('DIRECTORY_STALE');
    if (this.supervising().length === 0)
      this.logger.error({ alerts: alerts.map(({ alert }) => alert) }, 'no supervising authority is there to be told');
    const notices = await Promise.all(
      alerts.map((alert) => signStatement('alert-notice', alert, this.parts.outcomeKey)),
    );
    await client.query({
      name: 'exchange.keep-open-alerts',
      text: `INSERT INTO exchange.open_alert (alert, notice)
             SELECT alert, notice FROM unnest($1::text[], $2::text[]) AS given (alert, notice) ON CONFLICT DO NOTHING`,
      values: [alerts.map(({ alert }) => alert), notices],
    });
    await this.tellUntold(client);
  }

  /** They were reviewed: who joins from now on is told no more. */
  async end(client: Queryable, alerts: readonly EventId[]): Promise<void> {
    if (alerts.length === 0) return;
    await client.query({
      name: 'exchange.end-alerts',
      text: 'DELETE FROM exchange.open_alert WHERE alert = ANY ($1::text[])',
      values: [alerts],
    });
  }

  /** Whether an authority is there that was not told of an alert which is open. */
  async isDue(client: Queryable): Promise<boolean> {
    const { rows } = await client.query<{ due: boolean }>({
      name: 'exchange.alerts-due',
      text: `SELECT EXISTS (
               SELECT FROM exchange.open_alert AS open CROSS JOIN unnest($1::text[]) AS given (agency)
               WHERE NOT EXISTS (SELECT FROM exchange.alert_told AS told
                                 WHERE told.alert = open.alert AND told.agency = given.agency)
             ) AS due`,
      values: [this.supervising()],
    });
    return rows[0]?.due ?? false;
  }

  /** In a transaction. Inserted in one order, so that two instances that do it at once wait for each other and not for ever. */
  async tellUntold(client: Queryable): Promise<void> {
    const { rows } = await client.query<{ agency: AgencyId; notice: string }>({
      name: 'exchange.tell-alerts',
      text: `WITH told AS (
               INSERT INTO exchange.alert_told (alert, agency)
               SELECT alert, agency FROM exchange.open_alert CROSS JOIN unnest($1::text[]) AS given (agency)
               ORDER BY alert, agency
               ON CONFLICT DO NOTHING RETURNING alert, agency
             )
             SELECT agency, notice FROM told JOIN exchange.open_alert USING (alert) ORDER BY since, alert, agency`,
      values: [this.supervising()],
    });
    if (rows.length === 0) return;
    const ledger = await ExchangeLedger.lock(client, this.parts, [], this.clock.now());
    for (const { agency, notice } of rows) ledger.putNotice(agency, notice);
    await ledger.flush();
  }

  private supervising(): AgencyId[] {
    return this.directory.agencies().flatMap(({ id }) => (isSupervising(id) ? [id] : []));
  }
}

const isSupervising = (id: string): id is AgencyId => isAgencyId(id) && partyKindOf(id) === 'A';

/** Throws MALFORMED: no authority could read the notice. */
export function alertNoticeOf({ alert, rule, agency, at, look }: AlertRaised): AlertNotice {
  return unwrap(parseAlertNotice({ v: 1, alert, rule, by: agency, at: isoTime(at), look }));
}

const isoTime = (at: Date | undefined): string | undefined =>
  at === undefined || Number.isNaN(at.getTime()) ? undefined : at.toISOString();
