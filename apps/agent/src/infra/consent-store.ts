import { Inject, Injectable } from '@nestjs/common';
import type { ConsentRecord } from '#envelope';
import type { AgencyId, ConsentId, Pseudonym } from '#kernel';
import { Database, type Queryable } from '#platform';
import type { Officer } from '../domain/content.js';
import type { ClientIdentity } from '../send-message/seal-outgoing.js';

/** Who decided, by name: the record has pseudonyms only. */
export interface NamedDecider {
  readonly role: string;
  readonly person?: ClientIdentity;
  readonly namesWithheld?: boolean;
}

export interface KeptConsent {
  readonly id: ConsentId;
  readonly version: number;
  readonly subject: Pseudonym;
  readonly record: ConsentRecord;
  readonly token: string;
  /** `signed` (on its way), `recorded`, `refused`, `withdrawing`; else as the hub said: suspended, withdrawn, revoked … */
  readonly state: string;
  readonly code: string | null;
  readonly effectiveAt: Date | null;
  readonly createdAt: Date;
  readonly client: ClientIdentity | null;
  readonly deciders: readonly NamedDecider[] | null;
  /** Whom the client calls. */
  readonly officer: Officer | null;
  readonly evidence: string | null;
  readonly evidenceSalt: string | null;
}

export interface ConsentToKeep {
  readonly record: ConsentRecord;
  readonly token: string;
  readonly state: 'signed' | 'recorded';
  readonly client?: ClientIdentity;
  readonly deciders?: readonly NamedDecider[];
  readonly officer?: Officer;
  readonly evidence?: { readonly text: string; readonly salt: string };
  readonly at: Date;
}

/** Consents that this agency collected, or upon which it acted, as signed. */
@Injectable()
export class ConsentStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  async add(client: Queryable, agency: AgencyId, consent: ConsentToKeep): Promise<void> {
    const { record, token, state, evidence, at } = consent;
    await client.query({
      name: 'consent-add',
      text: `INSERT INTO consents (agency, id, version, subject, record, token, state, evidence, evidence_salt, client,
               deciders, officer, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING`,
      values: [
        agency,
        record.id,
        record.version,
        record.subject,
        JSON.stringify(record),
        token,
        state,
        evidence?.text ?? null,
        evidence?.salt ?? null,
        consent.client === undefined ? null : JSON.stringify(consent.client),
        consent.deciders === undefined ? null : JSON.stringify(consent.deciders),
        consent.officer === undefined ? null : JSON.stringify(consent.officer),
        at,
      ],
    });
  }

  async mark(
    client: Queryable,
    agency: AgencyId,
    id: ConsentId,
    version: number,
    state: string,
    more: { code?: string; effectiveAt?: Date } = {},
  ): Promise<void> {
    await client.query({
      name: 'consent-mark',
      text: `UPDATE consents SET state = $4, code = $5, effective_at = coalesce($6, effective_at)
             WHERE agency = $1 AND id = $2 AND version = $3`,
      values: [agency, id, version, state, more.code ?? null, more.effectiveAt ?? null],
    });
  }

  /** The hub refused an act: what it was meant to change stays as it was. */
  async actRefused(client: Queryable, agency: AgencyId, id: ConsentId, version: number, code: string): Promise<void> {
    await client.query({
      name: 'consent-act-refused',
      text: `UPDATE consents SET code = $4, state = CASE WHEN $4 = 'CONSENT_WITHDRAWN' THEN 'withdrawn'
                 WHEN state = 'withdrawing' THEN 'recorded' ELSE state END
             WHERE agency = $1 AND id = $2 AND version = $3`,
      values: [agency, id, version, code],
    });
  }

  /** The newest version. */
  async find(agency: AgencyId, id: ConsentId): Promise<KeptConsent | undefined> {
    const { rows } = await this.database.query<ConsentRow>({
      name: 'consent-find',
      text: `SELECT * FROM consents WHERE agency = $1 AND id = $2 ORDER BY version DESC LIMIT 1`,
      values: [agency, id],
    });
    return rows.map(consentOf)[0];
  }

  /** That version of each. */
  async versions(
    agency: AgencyId,
    wanted: readonly { readonly id: ConsentId; readonly version: number }[],
  ): Promise<KeptConsent[]> {
    const { rows } = await this.database.query<ConsentRow>({
      name: 'consent-versions',
      text: `SELECT consents.* FROM consents
             JOIN unnest($2::uuid[], $3::integer[]) AS wanted (id, version) USING (id, version) WHERE agency = $1`,
      values: [agency, wanted.map(({ id }) => id), wanted.map(({ version }) => version)],
    });
    return rows.map(consentOf);
  }

  /** Running consents collected here whose newest version names its person under another key than this version's. */
  async underOtherKey(agency: AgencyId, version: number, now: Date, limit: number): Promise<KeptConsent[]> {
    const { rows } = await this.database.query<ConsentRow>({
      name: 'consents-under-other-key',
      text: `SELECT * FROM (
               SELECT DISTINCT ON (id) * FROM consents WHERE agency = $1 ORDER BY id, version DESC
             ) AS newest
             WHERE state = 'recorded' AND subject NOT LIKE 'p' || $2::text || '.%'
               AND record ->> 'collectingAgency' = $1 AND (record ->> 'validUntil')::timestamptz > $3
             LIMIT $4`,
      values: [agency, version, now, limit],
    });
    return rows.map(consentOf);
  }

  /** About these persons, or about all; the newest first. */
  async list(agency: AgencyId, subjects: readonly Pseudonym[] | undefined, limit: number): Promise<KeptConsent[]> {
    const { rows } = await this.database.query<ConsentRow>({
      name: 'consent-list',
      text: `SELECT * FROM consents WHERE agency = $1 AND ($2::text[] IS NULL OR subject = ANY($2))
             ORDER BY created_at DESC LIMIT $3`,
      values: [agency, subjects ?? null, limit],
    });
    return rows.map(consentOf);
  }
}

interface ConsentRow {
  id: ConsentId;
  version: number;
  subject: Pseudonym;
  record: ConsentRecord;
  token: string;
  state: string;
  code: string | null;
  effective_at: Date | null;
  created_at: Date;
  client: ClientIdentity | null;
  deciders: NamedDecider[] | null;
  officer: Officer | null;
  evidence: string | null;
  evidence_salt: string | null;
}

const consentOf = (row: ConsentRow): KeptConsent => ({
  id: row.id,
  version: row.version,
  subject: row.subject,
  record: row.record,
  token: row.token,
  state: row.state,
  code: row.code,
  effectiveAt: row.effective_at,
  createdAt: row.created_at,
  client: row.client,
  deciders: row.deciders,
  officer: row.officer,
  evidence: row.evidence,
  evidenceSalt: row.evidence_salt,
});
