import { Inject, Injectable } from '@nestjs/common';
import type { ConsentNotice } from '#envelope';
import type { AgencyId } from '#kernel';
import { Database, type Queryable } from '#platform';

/** What the hub told of consents of which this agency is a party. */
@Injectable()
export class ConsentNoticeStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** Keeps the notices, and notes the states of consents that this agency holds: the hub's word goes before its own. */
  async add(client: Queryable, agency: AgencyId, notices: readonly ConsentNotice[]): Promise<void> {
    const column = <K extends keyof ConsentNotice>(name: K): (ConsentNotice[K] | null)[] =>
      notices.map((notice) => notice[name] ?? null);
    await client.query({
      name: 'consent-notices-add',
      text: `INSERT INTO consent_notices (agency, event_id, consent_id, version, type, state, subject, told_by, at)
             SELECT $1, * FROM unnest($2::text[], $3::uuid[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[],
                                      $9::timestamptz[])
             ON CONFLICT DO NOTHING`,
      values: [
        agency,
        column('eventId'),
        column('consentId'),
        column('version'),
        column('type'),
        column('state'),
        column('subject'),
        column('by'),
        column('at'),
      ],
    });
    await client.query({
      name: 'consent-notices-apply',
      text: `UPDATE consents SET state = told.state, effective_at = told.at
             FROM (SELECT DISTINCT ON (consent_id, version) consent_id, version, at,
                          CASE state WHEN 'active' THEN 'recorded' ELSE state END AS state
                   FROM unnest($2::uuid[], $3::integer[], $4::text[], $5::timestamptz[])
                     WITH ORDINALITY AS given (consent_id, version, state, at, place)
                   ORDER BY consent_id, version, place DESC) AS told
             WHERE consents.agency = $1 AND consents.id = told.consent_id AND consents.version = told.version`,
      values: [agency, column('consentId'), column('version'), column('state'), column('at')],
    });
  }

  /** The newest first. */
  async list(agency: AgencyId, limit: number): Promise<ConsentNotice[]> {
    const { rows } = await this.database.query<{
      event_id: ConsentNotice['eventId'];
      consent_id: ConsentNotice['consentId'];
      version: number;
      type: string;
      state: string;
      subject: ConsentNotice['subject'];
      told_by: AgencyId | null;
      at: Date;
    }>({
      name: 'consent-notices-list',
      text: `SELECT * FROM consent_notices WHERE agency = $1 ORDER BY at DESC, event_id LIMIT $2`,
      values: [agency, limit],
    });
    return rows.map((row) => ({
      v: 1,
      type: row.type,
      eventId: row.event_id,
      consentId: row.consent_id,
      version: row.version,
      state: row.state,
      subject: row.subject,
      ...(row.told_by !== null && { by: row.told_by }),
      at: row.at.toISOString(),
    }));
  }
}
