import type { ConsentRecord } from '#envelope';
import type { ConsentId, Pseudonym, Sha256 } from '#kernel';
import type { Queryable } from '#platform';
import type { Consent, StoredState } from '../domain/consent-state.js';
import type { ConsentUse } from '../domain/decide-basis.js';

interface ConsentRow {
  id: ConsentId;
  version: number;
  state: StoredState;
  withdrawn_at: Date | null;
  changed_at: Date;
  payload: ConsentRecord;
  record: string;
  record_hash: Sha256;
  recorded_at: Date;
  event_id: string;
}

/** A consent with its newest version as signed. */
export interface StoredConsent extends Consent {
  readonly token: string;
  readonly recordHash: Sha256;
  readonly recordedAt: Date;
  readonly recordEventId: string;
  readonly changedAt: Date;
}

const COLUMNS = `c.consent_id AS id, c.version, c.state, c.withdrawn_at, c.changed_at,
                 v.payload, v.record, v.record_hash, v.recorded_at, v.event_id`;
const TABLES = `consent.consent c JOIN consent.consent_version v USING (consent_id, version)`;

/** Locked in the order of their ids: locks in arbitrary order would deadlock between batches. */
export async function lockConsents(
  client: Queryable,
  ids: readonly ConsentId[],
): Promise<Map<ConsentId, StoredConsent>> {
  if (ids.length === 0) return new Map();
  await client.query({
    name: 'lock-consents',
    text: 'SELECT 1 FROM consent.consent WHERE consent_id = ANY($1::uuid[]) ORDER BY consent_id FOR UPDATE',
    values: [ids],
  });
  return readConsents(client, ids);
}

export async function readConsents(
  client: Queryable,
  ids: readonly ConsentId[],
): Promise<Map<ConsentId, StoredConsent>> {
  if (ids.length === 0) return new Map();
  const { rows } = await client.query<ConsentRow>({
    name: 'read-consents',
    text: `SELECT ${COLUMNS} FROM ${TABLES} WHERE c.consent_id = ANY($1::uuid[])`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, consentOf(row)]));
}

export async function consentsAbout(client: Queryable, subject: Pseudonym): Promise<StoredConsent[]> {
  const { rows } = await client.query<ConsentRow>({
    name: 'consents-about',
    text: `SELECT ${COLUMNS} FROM ${TABLES} WHERE c.subject = $1 ORDER BY v.recorded_at`,
    values: [subject],
  });
  return rows.map(consentOf);
}

export async function readUses(client: Queryable, ids: readonly ConsentId[]): Promise<ConsentUse[]> {
  if (ids.length === 0) return [];
  const { rows } = await client.query<{
    consentId: ConsentId;
    version: number;
    exchangeId: string;
    recipient: ConsentUse['recipient'];
  }>({
    name: 'read-uses',
    text: `SELECT consent_id AS "consentId", version, exchange_id AS "exchangeId", recipient
           FROM consent.consent_use WHERE consent_id = ANY($1::uuid[])`,
    values: [ids],
  });
  return rows;
}

export async function insertUses(client: Queryable, uses: readonly ConsentUse[], at: Date): Promise<void> {
  if (uses.length === 0) return;
  await client.query({
    name: 'insert-uses',
    text: `INSERT INTO consent.consent_use (consent_id, version, exchange_id, recipient, used_at)
           SELECT *, $5::timestamptz FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[])
           ON CONFLICT DO NOTHING`,
    values: [
      uses.map(({ consentId }) => consentId),
      uses.map(({ version }) => version),
      uses.map(({ exchangeId }) => exchangeId),
      uses.map(({ recipient }) => recipient),
      at,
    ],
  });
}

const consentOf = (row: ConsentRow): StoredConsent => ({
  id: row.id,
  version: row.version,
  state: row.state,
  record: row.payload,
  endedAt: row.withdrawn_at ?? undefined,
  changedAt: row.changed_at,
  token: row.record,
  recordHash: row.record_hash,
  recordedAt: row.recorded_at,
  recordEventId: row.event_id,
});
