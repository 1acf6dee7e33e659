import type { ConsentProposal, ConsentRecord } from '#envelope';
import type { ConsentId, EventId, Pseudonym, Sha256 } from '#kernel';
import type { Queryable } from '#platform';
import { type Consent, finalStates, type StoredState } from '../domain/consent-state.js';
import type { ConsentUse } from '../domain/decide-basis.js';

interface ConsentRow {
  id: ConsentId;
  version: number;
  state: StoredState;
  ended_at: Date | null;
  mandate_verified_at: Date | null;
  logged_version: number;
  changed_at: Date;
  payload: ConsentRecord;
  record: string;
  record_hash: Sha256;
  recorded_at: Date;
  event_id: EventId;
}

interface ProposalRow {
  proposal: string | null;
  proposal_hash: Sha256;
  proposal_payload: ConsentProposal;
  proposal_event: EventId;
  proposed_at: Date;
}

/** A consent with its newest version as signed. */
export interface StoredConsent extends Consent {
  readonly token: string;
  readonly recordHash: Sha256;
  readonly recordedAt: Date;
  readonly recordEventId: EventId;
  readonly changedAt: Date;
}

export interface StoredProposal {
  readonly token: string;
  readonly hash: Sha256;
  readonly payload: ConsentProposal;
  readonly eventId: EventId;
  readonly recordedAt: Date;
}

/** What there is under one id: a proposal, a consent, or a consent that was proposed. */
export interface Matter {
  readonly id: ConsentId;
  /** 0 as long as it is only proposed. */
  readonly version: number;
  readonly state: StoredState;
  /** What holds, or what was proposed. */
  readonly terms: ConsentRecord | ConsentProposal;
  readonly consent: StoredConsent | undefined;
  readonly proposal: StoredProposal | undefined;
  readonly changedAt: Date;
  readonly endedAt: Date | undefined;
}

const COLUMNS = `c.consent_id AS id, c.version, c.state, c.ended_at, c.mandate_verified_at, c.logged_version, c.changed_at,
                 v.payload, v.record, v.record_hash, v.recorded_at, v.event_id`;
const TABLES = `consent.consent c JOIN consent.consent_version v USING (consent_id, version)`;
const MATTERS = `SELECT ${COLUMNS}, p.proposal, p.proposal_hash, p.payload AS proposal_payload,
                        p.event_id AS proposal_event, p.recorded_at AS proposed_at
                 FROM consent.consent c LEFT JOIN consent.consent_version v USING (consent_id, version)
                      LEFT JOIN LATERAL (
                        SELECT * FROM consent.proposal WHERE consent_id = c.consent_id ORDER BY renewal DESC LIMIT 1
                      ) p ON true`;

/** Locked in the order of their ids: locks in arbitrary order would deadlock between batches. */
async function lock(client: Queryable, ids: readonly ConsentId[]): Promise<void> {
  await client.query({
    name: 'lock-consents',
    text: 'SELECT 1 FROM consent.consent WHERE consent_id = ANY($1::uuid[]) ORDER BY consent_id FOR UPDATE',
    values: [ids],
  });
}

export async function lockConsents(
  client: Queryable,
  ids: readonly ConsentId[],
): Promise<Map<ConsentId, StoredConsent>> {
  if (ids.length === 0) return new Map();
  await lock(client, ids);
  return readConsents(client, ids);
}

/** Consents and proposals, locked; without those that never came to be. */
export async function lockMatters(client: Queryable, ids: readonly ConsentId[]): Promise<Map<ConsentId, Matter>> {
  await lock(client, ids);
  const { rows } = await client.query<ConsentRow & ProposalRow>({
    name: 'read-matters',
    text: `${MATTERS} WHERE c.consent_id = ANY($1::uuid[])`,
    values: [ids],
  });
  return new Map(rows.flatMap(matterOf).map((matter) => [matter.id, matter]));
}

/** Consents and proposals about these pseudonyms, oldest first. */
export async function mattersAbout(client: Queryable, subjects: readonly Pseudonym[]): Promise<Matter[]> {
  const { rows } = await client.query<ConsentRow & ProposalRow>({
    name: 'matters-about',
    text: `${MATTERS} WHERE c.subject = ANY($1::text[]) ORDER BY COALESCE(p.recorded_at, v.recorded_at), c.consent_id`,
    values: [subjects],
  });
  return rows.flatMap(matterOf);
}

/**
 * Gives an id its row, so that two that begin at once meet at its lock. False where there was one.
 *
 * @param endsAt when it will have ended by itself
 */
export async function createMatter(
  client: Queryable,
  {
    id,
    subject,
    state,
    endsAt,
    at,
  }: { id: ConsentId; subject: Pseudonym; state: StoredState; endsAt: string; at: Date },
): Promise<boolean> {
  const created = await client.query({
    name: 'create-consent',
    text: `INSERT INTO consent.consent (consent_id, version, state, subject, changed_at, ends_at)
           VALUES ($1, 0, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
    values: [id, state, subject, at, endsAt],
  });
  return created.rowCount === 1;
}

export interface Move {
  readonly id: ConsentId;
  readonly to: StoredState;
  readonly at: Date;
  readonly mandateVerified?: boolean;
}

/** Moves consents to their states; a final one ends them. */
export async function moveConsents(client: Queryable, moves: readonly Move[]): Promise<void> {
  await client.query({
    name: 'move-consents',
    text: `UPDATE consent.consent AS c
           SET state = given.state, changed_at = given.at, ended_at = CASE WHEN ends THEN given.at END,
               mandate_verified_at = CASE WHEN verified THEN given.at ELSE mandate_verified_at END
           FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::boolean[], $5::boolean[])
             AS given (consent_id, state, at, ends, verified)
           WHERE c.consent_id = given.consent_id`,
    values: [
      moves.map(({ id }) => id),
      moves.map(({ to }) => to),
      moves.map(({ at }) => at),
      moves.map(({ to }) => finalStates.includes(to)),
      moves.map(({ mandateVerified }) => mandateVerified ?? false),
    ],
  });
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

export async function readUses(client: Queryable, ids: readonly ConsentId[]): Promise<ConsentUse[]> {
  if (ids.length === 0) return [];
  const { rows } = await client.query<ConsentUse>({
    name: 'read-uses',
    text: `SELECT consent_id AS "consentId", version, exchange_id AS "exchangeId", recipient, used_at AS "usedAt"
           FROM consent.consent_use WHERE consent_id = ANY($1::uuid[]) ORDER BY used_at`,
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
  endedAt: row.ended_at ?? undefined,
  loggedVersion: row.logged_version,
  ...(row.mandate_verified_at && { mandateVerifiedAt: row.mandate_verified_at }),
  changedAt: row.changed_at,
  token: row.record,
  recordHash: row.record_hash,
  recordedAt: row.recorded_at,
  recordEventId: row.event_id,
});

const matterOf = (row: ConsentRow & ProposalRow): Matter[] => {
  const consent = row.version > 0 ? consentOf(row) : undefined;
  const proposal: StoredProposal | undefined =
    row.proposal === null
      ? undefined
      : {
          token: row.proposal,
          hash: row.proposal_hash,
          payload: row.proposal_payload,
          eventId: row.proposal_event,
          recordedAt: row.proposed_at,
        };
  const terms = consent?.record ?? proposal?.payload;
  if (!terms) return [];
  const { id, version, state, changed_at: changedAt, ended_at } = row;
  return [{ id, version, state, terms, consent, proposal, changedAt, endedAt: ended_at ?? undefined }];
};

/** The first, or the next one that names the person under a later key; its consent then is found under that name. */
export async function insertProposal(client: Queryable, proposal: StoredProposal): Promise<void> {
  const { token, hash, payload, eventId, recordedAt } = proposal;
  await client.query({
    name: 'insert-proposal',
    text: `WITH p AS (
             INSERT INTO consent.proposal (consent_id, renewal, proposal, proposal_hash, payload, event_id, recorded_at)
             SELECT $1, count(*), $2, $3, $4, $5, $6 FROM consent.proposal WHERE consent_id = $1
           )
           UPDATE consent.consent SET subject = $7 WHERE consent_id = $1 AND subject <> $7`,
    values: [payload.id, token, hash, payload, eventId, recordedAt, payload.subject],
  });
}

/** A consent's first or next version as signed, in force from now on. */
export async function insertVersion(
  client: Queryable,
  version: Pick<StoredConsent, 'record' | 'token' | 'recordHash' | 'recordEventId' | 'recordedAt'>,
  renamed: boolean,
): Promise<void> {
  const { record, token, recordHash, recordEventId, recordedAt } = version;
  await client.query({
    name: 'insert-consent-version',
    text: `WITH v AS (INSERT INTO consent.consent_version (consent_id, version, record, record_hash, payload, event_id, recorded_at)
                      VALUES ($1, $2, $3, $4, $5, $6, $7))
           UPDATE consent.consent
           SET version = $2, state = 'active', changed_at = $7, ends_at = $8, subject = $9,
               reminded_at = CASE WHEN $10 THEN reminded_at END,
               mandate_verified_at = CASE WHEN $10 THEN mandate_verified_at END
           WHERE consent_id = $1`,
    values: [
      record.id,
      record.version,
      token,
      recordHash,
      record,
      recordEventId,
      recordedAt,
      record.validUntil,
      record.subject,
      renamed,
    ],
  });
}
