import { Inject, Injectable } from '@nestjs/common';
import type { AlertNotice } from '#envelope';
import type { AgencyId } from '#kernel';
import { Database, type Queryable } from '#platform';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;

/** Calls to agencies' own systems about alerts, until each was answered. */
@Injectable()
export class AlertCallStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** Each alert is called about once, however often its notice comes. */
  async add(client: Queryable, agency: AgencyId, notices: readonly AlertNotice[]): Promise<void> {
    await client.query({
      name: 'alert-calls-add',
      text: `INSERT INTO alert_calls (agency, alert, notice)
             SELECT $1, notice ->> 'alert', notice FROM unnest($2::jsonb[]) AS notice ON CONFLICT DO NOTHING`,
      values: [agency, notices.map((notice) => JSON.stringify(notice))],
    });
  }

  async due(agency: AgencyId, limit: number): Promise<AlertNotice[]> {
    const { rows } = await this.database.query<{ notice: AlertNotice }>({
      name: 'alert-calls-due',
      text: `SELECT notice FROM alert_calls
             WHERE agency = $1 AND answered_at IS NULL AND next_attempt_at <= clock_timestamp()
             ORDER BY next_attempt_at LIMIT $2`,
      values: [agency, limit],
    });
    return rows.map(({ notice }) => notice);
  }

  async answered(agency: AgencyId, { alert }: AlertNotice): Promise<void> {
    await this.database.query({
      name: 'alert-calls-answered',
      text: `UPDATE alert_calls SET attempts = attempts + 1, answered_at = clock_timestamp()
             WHERE agency = $1 AND alert = $2`,
      values: [agency, alert],
    });
  }

  /** Tried again later, each time after a pause twice as long. */
  async putOff(agency: AgencyId, { alert }: AlertNotice): Promise<void> {
    await this.database.query({
      name: 'alert-calls-put-off',
      text: `UPDATE alert_calls SET attempts = attempts + 1, next_attempt_at = clock_timestamp()
               + interval '1 millisecond' * least(${FIRST_PAUSE_MS} * 2.0 ^ least(attempts, 20), ${LONGEST_PAUSE_MS})
             WHERE agency = $1 AND alert = $2`,
      values: [agency, alert],
    });
  }
}
