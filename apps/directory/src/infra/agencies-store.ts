import type { Agency, AgencyKey, Contact } from '#contracts';
import type { KeyRecord } from '#envelope';
import type { AgencyId, Thumbprint } from '#kernel';
import type { Queryable } from '#platform';

export type AgencyStatus = 'onboarding' | 'active' | 'suspended';

export interface StoredAgency {
  readonly id: AgencyId;
  readonly kind: string;
  readonly businessId: string;
  readonly status: AgencyStatus;
  /** Thumbprint of the first signing key, as compared out of band. */
  readonly firstKey: Thumbprint;
}

export interface StoredKey {
  readonly agency: AgencyId;
  readonly kid: Thumbprint;
  readonly use: KeyRecord['use'];
  readonly jwk: object;
  readonly record: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly leafIndex: bigint | undefined;
  readonly revokedAt: Date | undefined;
}

/** The agency with its row locked, so that two changes of its keys never meet. */
export async function lockAgency(client: Queryable, id: AgencyId): Promise<StoredAgency | undefined> {
  const { rows } = await client.query<StoredAgency & Record<string, unknown>>({
    text: `SELECT id, kind, business_id AS "businessId", status, first_key AS "firstKey"
           FROM directory.agency WHERE id = $1 FOR UPDATE`,
    values: [id],
  });
  return rows[0];
}

export async function keysOf(client: Queryable, agency: AgencyId): Promise<StoredKey[]> {
  const { rows } = await client.query<
    Omit<StoredKey, 'leafIndex' | 'revokedAt'> & { leafIndex: string | null; revokedAt: Date | null }
  >({
    text: `SELECT agency, kid, use, jwk, record, not_before AS "notBefore", not_after AS "notAfter",
                  leaf_index AS "leafIndex", revoked_at AS "revokedAt"
           FROM directory.agency_key WHERE agency = $1 ORDER BY published_at`,
    values: [agency],
  });
  return rows.map((row) => ({
    ...row,
    leafIndex: row.leafIndex === null ? undefined : BigInt(row.leafIndex),
    revokedAt: row.revokedAt ?? undefined,
  }));
}

/** To be called in each transaction that changes what a snapshot shows. */
export async function bumpVersion(client: Queryable): Promise<void> {
  await client.query({ name: 'bump-version', text: 'UPDATE directory.snapshot_version SET version = version + 1' });
}

/** Makes a transaction wait for every other that changes what a snapshot shows. */
export async function lockVersion(client: Queryable): Promise<void> {
  await client.query({ name: 'lock-version', text: 'SELECT 1 FROM directory.snapshot_version FOR UPDATE' });
}

export async function readVersion(client: Queryable): Promise<bigint> {
  const { rows } = await client.query<{ version: string }>({
    name: 'read-version',
    text: 'SELECT version FROM directory.snapshot_version',
  });
  const [row] = rows;
  if (!row) throw new Error('directory.snapshot_version has no row');
  return BigInt(row.version);
}

/** All agencies and all logged keys, as the snapshot carries them. */
export async function readAgencies(client: Queryable): Promise<{ agencies: Agency[]; keys: AgencyKey[] }> {
  const agencies = await client.query<{
    id: string;
    kind: string;
    business_id: string;
    name_fi: string;
    name_sv: string;
    status: string;
    contact: Contact | null;
  }>({
    name: 'read-agencies',
    text: 'SELECT id, kind, business_id, name_fi, name_sv, status, contact FROM directory.agency ORDER BY id',
  });
  const keys = await client.query<{
    agency: string;
    use: string;
    kid: string;
    jwk: object;
    not_before: Date;
    not_after: Date;
    revoked_at: Date | null;
    leaf_index: string;
    record: string;
  }>({
    name: 'read-logged-keys',
    text: `SELECT agency, use, kid, jwk, not_before, not_after, revoked_at, leaf_index, record
           FROM directory.agency_key WHERE leaf_index IS NOT NULL ORDER BY leaf_index`,
  });
  return {
    agencies: agencies.rows.map((row) => ({
      id: row.id,
      kind: row.kind,
      businessId: row.business_id,
      nameFi: row.name_fi,
      nameSv: row.name_sv,
      status: row.status,
      contact: row.contact ?? undefined,
    })),
    keys: keys.rows.map((row) => ({
      agency: row.agency,
      use: row.use,
      kid: row.kid,
      jwkJson: JSON.stringify(row.jwk),
      notBefore: row.not_before,
      notAfter: row.not_after,
      revokedAt: row.revoked_at ?? undefined,
      leafIndex: BigInt(row.leaf_index),
      record: row.record,
    })),
  };
}
