import type { QueryResultRow } from 'pg';
import type { AgencyId } from '#kernel';
import type { AlertRule, AlertState, AlertWindow } from '../domain/alert-rules.js';
import type { Queryable } from './log-store.js';
import { mendedAt } from './reconciliation-store.js';
import { auditSchema as s } from './schema.js';

export interface Measured {
  readonly agency: AgencyId;
  readonly worker: string | null;
  readonly measured: number;
}

export interface StoredAlert extends Omit<Measured, 'agency'> {
  readonly id: string;
  /** None where the alert is about no agency's access. */
  readonly agency: AgencyId | null;
  readonly rule: string;
  readonly owner: 'agency' | 'supervising';
  readonly windowFrom: Date;
  readonly windowTo: Date;
  readonly threshold: number;
  readonly raisedAt: Date;
  readonly state: AlertState;
  readonly actedBy: AgencyId | null;
  readonly actedAt: Date | null;
  readonly reason: string | null;
  /** Since when nothing of what it is about is different any more; null where something is, or where the log cannot show it. */
  readonly mendedAt: Date | null;
}

const alert = `id, rule, owner, agency, worker, window_from AS "windowFrom", window_to AS "windowTo", measured, threshold,
  raised_at AS "raisedAt", state, acted_by AS "actedBy", acted_at AS "actedAt", reason,
  (SELECT CASE WHEN count(*) = count(at) THEN max(at) END
   FROM (SELECT ${mendedAt} AS at FROM ${s}.log_difference AS d WHERE d.alert = alert.id) AS mended) AS "mendedAt"`;

export class AlertStore {
  constructor(private readonly client: Queryable) {}

  /** Agencies and workers who reach the rule's threshold in the window: one statement over the index. */
  async measure(rule: AlertRule, window: AlertWindow, timeZone: string): Promise<Measured[]> {
    const local = `(at AT TIME ZONE $5)`;
    const odd = rule.outside
      ? `AND (extract(isodow FROM ${local}) > 5 OR extract(hour FROM ${local}) < $6 OR extract(hour FROM ${local}) >= $7)`
      : 'AND $5::text IS NOT NULL';
    const { rows } = await this.client.query<Measured & QueryResultRow>({
      name: `${s}.alert-${rule.id}`,
      text:
        rule.measure === 'entries'
          ? `SELECT actor AS agency, worker, count(*)::integer AS measured FROM ${s}.entry_index
             WHERE at >= $1 AND at < $2 AND type = ANY ($3::text[]) AND actor IS NOT NULL ${odd}
             GROUP BY actor, worker HAVING count(*) >= $4`
          : `SELECT actor AS agency, worker, count(DISTINCT subject)::integer AS measured
             FROM ${s}.entry_index, unnest(subjects) AS subject
             WHERE at >= $1 AND at < $2 AND type = ANY ($3::text[]) AND actor IS NOT NULL ${odd}
             GROUP BY actor, worker HAVING count(DISTINCT subject) >= $4`,
      values: [
        window.from,
        window.to,
        rule.types,
        rule.threshold,
        timeZone,
        ...(rule.outside ? [rule.outside.fromHour, rule.outside.untilHour] : []),
      ],
    });
    return rows;
  }

  /** One for each rule, agency, worker and window: gives the id that it has, and whether it stands in the log. */
  async raise(
    raised: Omit<StoredAlert, 'state' | 'actedBy' | 'actedAt' | 'reason' | 'mendedAt'>,
  ): Promise<{ readonly id: string; readonly logged: boolean }> {
    const { rows } = await this.client.query<{ id: string; logged: boolean }>({
      text: `INSERT INTO ${s}.alert
               (id, rule, owner, agency, worker, window_from, window_to, measured, threshold, raised_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (rule, agency, worker, window_from)
               DO UPDATE SET measured = greatest(alert.measured, excluded.measured)
             RETURNING id, logged`,
      values: [
        raised.id,
        raised.rule,
        raised.owner,
        raised.agency,
        raised.worker,
        raised.windowFrom,
        raised.windowTo,
        raised.measured,
        raised.threshold,
        raised.raisedAt,
      ],
    });
    if (!rows[0]) throw new Error('an alert without a row');
    return rows[0];
  }

  async logged(id: string): Promise<void> {
    await this.client.query({ text: `UPDATE ${s}.alert SET logged = true WHERE id = $1`, values: [id] });
  }

  /** @param agency whose alerts alone are listed: about it, or about access to its entries */
  async list({ closed, agency }: { readonly closed: boolean; readonly agency?: AgencyId }): Promise<StoredAlert[]> {
    const { rows } = await this.client.query<StoredAlert & QueryResultRow>({
      text: `SELECT ${alert} FROM ${s}.alert WHERE ($1 OR state <> 'closed') AND ($2::text IS NULL OR agency = $2
               OR id IN (SELECT alert FROM ${s}.break_glass WHERE concerned = $2 OR $2 = ANY (told)))
             ORDER BY raised_at, id`,
      values: [closed, agency ?? null],
    });
    return rows;
  }

  async find(id: string): Promise<StoredAlert | undefined> {
    const { rows } = await this.client.query<StoredAlert & QueryResultRow>({
      text: `SELECT ${alert} FROM ${s}.alert WHERE id = $1`,
      values: [id],
    });
    return rows[0];
  }

  async act(acted: {
    readonly id: string;
    readonly state: AlertState;
    readonly by: AgencyId;
    readonly at: Date;
    readonly reason: string;
  }): Promise<void> {
    await this.client.query({
      text: `UPDATE ${s}.alert SET state = $2, acted_by = $3, acted_at = $4, reason = $5 WHERE id = $1 AND state <> 'closed'`,
      values: [acted.id, acted.state, acted.by, acted.at, acted.reason],
    });
  }
}
