import { Inject, Injectable } from '@nestjs/common';
import type { ConsentRecord } from '#envelope';
import type { AgencyId, ConsentId, Pseudonym } from '#kernel';
import { Database } from '#platform';

export interface KeptConsent {
  readonly id: ConsentId;
  readonly version: number;
  readonly subject: Pseudonym;
  readonly record: ConsentRecord;
  readonly state: 'signed' | 'recorded' | 'withdrawing' | 'withdrawn' | 'refused';
  readonly code: string | null;
  readonly effectiveAt: Date | null;
  readonly createdAt: Date;
}

/** Consents that this agency collected, as signed, and their withdrawals. */
@Injectable()
export class ConsentStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  async add(
    agency: AgencyId,
    consent: { record: ConsentRecord; token: string; evidenceSalt: string | undefined; at: Date },
  ): Promise<void> {
    const { record, token, evidenceSalt, at } = consent;
    await this.database.query({
      text: `INSERT INTO consents (agency, id, version, subject, record, token, state, evidence_salt, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, 'signed', $7, $8)`,
      values: [
        agency,
        record.id,
        record.version,
        record.subject,
        JSON.stringify(record),
        token,
        evidenceSalt ?? null,
        at,
      ],
    });
  }

  /** Signed here and not yet at the hub: records, and withdrawals, which go first. */
  async toPost(
    agency: AgencyId,
    limit: number,
  ): Promise<{ id: ConsentId; version: number; state: string; token: string }[]> {
    const { rows } = await this.database.query<{ id: ConsentId; version: number; state: string; token: string }>({
      name: 'consents-to-post',
      text: `SELECT id, version, state, CASE state WHEN 'withdrawing' THEN withdrawal ELSE token END AS token
             FROM consents WHERE agency = $1 AND state IN ('signed', 'withdrawing')
             ORDER BY state DESC, created_at LIMIT $2`,
      values: [agency, limit],
    });
    return rows;
  }

  async mark(
    agency: AgencyId,
    id: ConsentId,
    version: number,
    state: KeptConsent['state'],
    more: { code?: string; effectiveAt?: Date } = {},
  ): Promise<void> {
    await this.database.query({
      text: `UPDATE consents SET state = $4, code = $5, effective_at = coalesce($6, effective_at)
             WHERE agency = $1 AND id = $2 AND version = $3`,
      values: [agency, id, version, state, more.code ?? null, more.effectiveAt ?? null],
    });
  }

  /** The signed withdrawal is kept before it is posted. */
  async keepWithdrawal(agency: AgencyId, id: ConsentId, version: number, withdrawal: string): Promise<void> {
    await this.database.query({
      text: `UPDATE consents SET state = 'withdrawing', withdrawal = $4
             WHERE agency = $1 AND id = $2 AND version = $3 AND state <> 'withdrawn'`,
      values: [agency, id, version, withdrawal],
    });
  }

  /** The newest version. */
  async find(agency: AgencyId, id: ConsentId): Promise<KeptConsent | undefined> {
    const { rows } = await this.database.query<ConsentRow>({
      text: `SELECT * FROM consents WHERE agency = $1 AND id = $2 ORDER BY version DESC LIMIT 1`,
      values: [agency, id],
    });
    return rows.map(consentOf)[0];
  }

  async list(agency: AgencyId, subject: Pseudonym | undefined, limit: number): Promise<KeptConsent[]> {
    const { rows } = await this.database.query<ConsentRow>({
      text: `SELECT * FROM consents WHERE agency = $1 AND ($2::text IS NULL OR subject = $2)
             ORDER BY created_at DESC LIMIT $3`,
      values: [agency, subject ?? null, limit],
    });
    return rows.map(consentOf);
  }
}

interface ConsentRow {
  id: ConsentId;
  version: number;
  subject: Pseudonym;
  record: ConsentRecord;
  state: KeptConsent['state'];
  code: string | null;
  effective_at: Date | null;
  created_at: Date;
}

const consentOf = (row: ConsentRow): KeptConsent => ({
  id: row.id,
  version: row.version,
  subject: row.subject,
  record: row.record,
  state: row.state,
  code: row.code,
  effectiveAt: row.effective_at,
  createdAt: row.created_at,
});
