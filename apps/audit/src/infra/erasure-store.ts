import type { QueryResultRow } from 'pg';
import {
  type ErasureSelection,
  type HoldScope,
  type IndexRange,
  type Tombstone,
  decodeEntry,
  maxTombstoneRanges,
} from '#envelope';
import type { AgencyId, Sha256 } from '#kernel';
import { type CandidateEntry } from '../domain/erasure-targets.js';
import { consentTypes } from '../domain/entry-types.js';
import { bigintArray, byteaArray } from './binary-array.js';
import type { Queryable } from './log-store.js';
import { auditSchema as s, chainNamed, hasPlace, placesOfRuns, placesWithin } from './schema.js';

/** Entries of one proposal. What is over waits for the next. */
export const maxTargets = 20_000;

export interface LoggedTombstone {
  readonly leafIndex: number;
  readonly tombstone: Tombstone;
}

export interface WrappedSecret {
  readonly leafIndex: number;
  readonly wrapped: Buffer;
}

export interface StoredErasure {
  readonly proposalHash: Sha256;
  /** Gone when it is done. */
  readonly proposal: string | null;
  readonly ground: string;
  readonly proposer: AgencyId;
  readonly proposedAt: Date;
  readonly indices: readonly IndexRange[];
  readonly targets: Sha256;
  readonly entries: number;
  readonly persons: number;
  readonly approvalHash: Sha256 | null;
  readonly approver: AgencyId | null;
  readonly approvedAt: Date | null;
  readonly tombstone: number | null;
  readonly erasedAt: Date | null;
}

export interface StoredHold {
  readonly holdHash: Sha256;
  readonly agency: AgencyId;
  readonly matter: string;
  readonly subject: string | null;
  readonly party: AgencyId | null;
  readonly indices: readonly IndexRange[] | null;
  readonly placedAt: Date;
  readonly liftedBy: AgencyId | null;
  readonly liftedAt: Date | null;
}

interface CandidateRow extends QueryResultRow {
  readonly leafIndex: number;
  readonly type: string;
  readonly at: Date;
  readonly parties: string[];
  readonly subjects: string[] | null;
  readonly consentId: string | null;
  readonly decides: boolean;
}

const decidesConsent = `(type IN (${consentTypes.map((type) => `'${type}'`).join(', ')}) AND consent_version IS NOT NULL)`;
/** Entries from before the column name them apart. */
const parties = `coalesce(parties, ARRAY[sender, recipient, actor])`;
const candidate = `leaf_index::float8 AS "leafIndex", type, at, subjects, consent_id::text AS "consentId",
  array_remove(${parties}, NULL) AS parties, ${decidesConsent} AS decides`;
const erasure = `proposal_hash AS "proposalHash", proposal, ground, proposer, proposed_at AS "proposedAt", indices, targets,
  entries, persons, approval_hash AS "approvalHash", approver, approved_at AS "approvedAt",
  tombstone::float8 AS tombstone, erased_at AS "erasedAt"`;
const hold = `hold_hash AS "holdHash", agency, matter, subject, party, indices, placed_at AS "placedAt",
  lifted_by AS "liftedBy", lifted_at AS "liftedAt"`;
/** Entries with a body: what stands in clear is never erased. */
const sealedIndex = `${s}.entry_index JOIN ${s}.entry_secret USING (leaf_index)`;

const bounds = (ranges: readonly IndexRange[]): [number[], number[]] => [
  ranges.map(({ first }) => first),
  ranges.map(({ last }) => last),
];

/** What erasure reads of the log's tables, and its own. */
export class ErasureStore {
  constructor(private readonly client: Queryable) {}

  /** Entries with a body that a selection names, at most `maxTargets`; of one agency where it is given. */
  async select(selection: ErasureSelection, options: SelectOptions): Promise<CandidateEntry[]> {
    const { text, values } = conditionOf(selection, options);
    const party = options.agency;
    const ofParty =
      party === undefined ? '' : `AND ${hasPlace(chainNamed(`$${values.length + 1}`), 'entry_index.leaf_index')}`;
    const { rows } = await this.client.query<CandidateRow>({
      text: `SELECT ${candidate} FROM ${sealedIndex} WHERE ${text} ${ofParty} ORDER BY leaf_index LIMIT ${maxTargets}`,
      values: [...values, ...(party === undefined ? [] : [party])],
    });
    return rows.map(({ consentId, decides, subjects, ...row }) => ({
      ...row,
      subjects: subjects ?? [],
      decidesConsent: decides && consentId !== null ? consentId : undefined,
    }));
  }

  /** Of these consents those about which other entries than these remain. */
  async consentsBeyond(consents: readonly string[], leaves: readonly number[]): Promise<Set<string>> {
    const { rows } = await this.client.query<{ id: string }>({
      text: `SELECT DISTINCT consent_id::text AS id FROM ${s}.entry_index
             WHERE consent_id = ANY ($1::uuid[]) AND ${decidesConsent} AND NOT leaf_index = ANY ($2::bigint[])`,
      values: [consents, leaves],
    });
    return new Set(rows.map(({ id }) => id));
  }

  /** How many of these entries the agency is a party of. */
  async ownAmong(agency: AgencyId, ranges: readonly IndexRange[]): Promise<number> {
    const { rows } = await this.client.query<{ count: number }>({
      text: `SELECT coalesce(sum(own.count), 0)::float8 AS count FROM unnest($2::bigint[], $3::bigint[]) AS r (low, high)
             CROSS JOIN LATERAL (SELECT count(*) FROM ${placesOfRuns}
               WHERE ${placesWithin(chainNamed('$1'), 'r.low', 'r.high + 1')}) AS own`,
      values: [agency, ...bounds(ranges)],
    });
    return rows[0]?.count ?? 0;
  }

  /** In their order. With `after`, those behind that leaf. */
  async tombstones({ after = -1 } = {}): Promise<LoggedTombstone[]> {
    const { rows } = await this.client.query<{ leafIndex: number; entry: Buffer }>({
      text: `SELECT leaf_index::float8 AS "leafIndex", entry FROM ${s}.entry JOIN ${s}.entry_index USING (leaf_index)
               WHERE type = 'tombstone' AND leaf_index > $1
             UNION ALL SELECT leaf_index::float8, entry FROM ${s}.published_tombstone
               WHERE leaf_index > greatest($1, (SELECT coalesce(max(leaf_index), -1) FROM ${s}.entry))
             ORDER BY 1`,
      values: [after],
    });
    return rows.flatMap(({ leafIndex, entry }) => {
      const tombstone = tombstoneIn(entry);
      return tombstone ? [{ leafIndex, tombstone }] : [];
    });
  }

  /** Leaves of the tombstones by these approvals. */
  async tombstonesBy(approvals: readonly Sha256[]): Promise<number[]> {
    const { rows } = await this.client.query<{ leafIndex: number }>({
      text: `SELECT leaf_index::float8 AS "leafIndex" FROM ${s}.entry JOIN ${s}.entry_index USING (leaf_index)
             WHERE type = 'tombstone' AND ${s}.tombstone_in(entry) -> 'approvals' ?| $1::text[] ORDER BY 1`,
      values: [approvals],
    });
    return rows.map(({ leafIndex }) => leafIndex);
  }

  /** Of all tombstones up to this leaf nothing is left to do, as far as this database knows; -1 where it knows of none. */
  async doneThrough(): Promise<number> {
    const { rows } = await this.client.query<{ leaf: number }>({
      text: `SELECT last_leaf::float8 AS leaf FROM ${s}.tombstones_done`,
    });
    return rows[0]?.leaf ?? -1;
  }

  async markDoneThrough(leafIndex: number): Promise<void> {
    await this.client.query({
      text: `INSERT INTO ${s}.tombstones_done AS known (last_leaf) VALUES ($1)
             ON CONFLICT (single) DO UPDATE SET last_leaf = greatest(known.last_leaf, excluded.last_leaf)`,
      values: [leafIndex],
    });
  }

  /** One that the public log shows and these tables lack. */
  async keepPublished(leafIndex: number, entry: Buffer): Promise<void> {
    await this.client.query({
      text: `INSERT INTO ${s}.published_tombstone (leaf_index, entry) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
      values: [leafIndex, entry],
    });
  }

  /** Entries of these ranges of which anything is left. */
  async leftOf(ranges: readonly IndexRange[], limit: number): Promise<number[]> {
    const { rows } = await this.client.query<{ leafIndex: number }>({
      text: `SELECT leaf_index::float8 AS "leafIndex"
             FROM unnest($1::bigint[], $2::bigint[]) AS r (low, high) JOIN ${s}.entry ON leaf_index BETWEEN low AND high
             WHERE body IS NOT NULL
               OR EXISTS (SELECT FROM ${s}.entry_secret AS kept WHERE kept.leaf_index = entry.leaf_index)
               OR EXISTS (SELECT FROM ${s}.entry_index AS kept WHERE kept.leaf_index = entry.leaf_index)
               OR EXISTS (SELECT FROM ${s}.entry_evidence AS kept WHERE kept.leaf_index = entry.leaf_index)
             ORDER BY leaf_index LIMIT $3`,
      values: [...bounds(ranges), limit],
    });
    return rows.map(({ leafIndex }) => leafIndex);
  }

  /** Erased entries whose rows in subjects' chains are not the newest any more: nothing needs them. */
  async outrunPlaces(limit: number): Promise<number[]> {
    const { rows } = await this.client.query<{ leafIndex: number }>({
      text: `SELECT DISTINCT leaf_index::float8 AS "leafIndex"
             FROM ${placesOfRuns} JOIN ${s}.entry USING (leaf_index) JOIN ${s}.chain AS of ON of.id = run.chain
             WHERE of.name ~ '^p[0-9]' AND body IS NULL AND EXISTS (SELECT FROM ${s}.chain_run AS newer
               WHERE newer.chain = run.chain AND newer.last_leaf > place.leaf_index)
             LIMIT $1`,
      values: [limit],
    });
    return rows.map(({ leafIndex }) => leafIndex);
  }

  /** Past the triggers; the function looks itself whether the tombstone names them. Gives how many bodies went. */
  async erase(leaves: readonly number[], tombstone: number): Promise<number> {
    const { rows } = await this.client.query<{ erased: number }>({
      name: `${s}.erase-entries`,
      text: `SELECT ${s}.erase_entries($1::bigint[], $2::bigint) AS erased`,
      values: [leaves, tombstone],
    });
    return rows[0]?.erased ?? 0;
  }

  async countUnder(kek: string): Promise<number> {
    const { rows } = await this.client.query<{ count: number }>({
      text: `SELECT count(*)::float8 AS count FROM ${s}.entry_secret WHERE kek = $1`,
      values: [kek],
    });
    return rows[0]?.count ?? 0;
  }

  /** In the order of the log, from an index on. */
  async secretsUnder(kek: string, from: number, limit: number): Promise<WrappedSecret[]> {
    const { rows } = await this.client.query<WrappedSecret & QueryResultRow>({
      name: `${s}.secrets-under`,
      text: `SELECT leaf_index::float8 AS "leafIndex", wrapped FROM ${s}.entry_secret
             WHERE leaf_index >= $2 AND kek = $1 ORDER BY leaf_index LIMIT $3`,
      values: [kek, from, limit],
    });
    return rows;
  }

  async rewrap(
    secrets: readonly WrappedSecret[],
    { former, present }: { readonly former: string; readonly present: string },
  ): Promise<number> {
    const { rows } = await this.client.query<{ changed: number }>({
      name: `${s}.rewrap-secrets`,
      text: `SELECT ${s}.rewrap_secrets($1::bigint[], $2::bytea[], $3, $4) AS changed`,
      values: [
        bigintArray(secrets, ({ leafIndex }) => leafIndex),
        byteaArray(secrets, ({ wrapped }) => wrapped),
        former,
        present,
      ],
    });
    return rows[0]?.changed ?? 0;
  }

  async propose(
    proposed: Pick<
      StoredErasure,
      'proposalHash' | 'proposal' | 'ground' | 'proposer' | 'proposedAt' | 'indices' | 'targets' | 'entries' | 'persons'
    >,
  ): Promise<void> {
    const { proposalHash, proposal, ground, proposer, proposedAt, indices, targets, entries, persons } = proposed;
    await this.client.query({
      text: `INSERT INTO ${s}.erasure
               (proposal_hash, proposal, ground, proposer, proposed_at, indices, targets, entries, persons)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
      values: [
        proposalHash,
        proposal,
        ground,
        proposer,
        proposedAt,
        JSON.stringify(indices),
        targets,
        entries,
        persons,
      ],
    });
  }

  async approve(approved: {
    readonly proposalHash: Sha256;
    readonly approval: string;
    readonly approvalHash: Sha256;
    readonly approver: AgencyId;
    readonly approvedAt: Date;
  }): Promise<void> {
    await this.client.query({
      text: `UPDATE ${s}.erasure SET approval = $2, approval_hash = $3, approver = $4, approved_at = $5
             WHERE proposal_hash = $1 AND approval_hash IS NULL`,
      values: [approved.proposalHash, approved.approval, approved.approvalHash, approved.approver, approved.approvedAt],
    });
  }

  /** The first tombstone that names their approvals; the signed proposals go, which may name persons. */
  async finish(approvals: readonly Sha256[], tombstone: number, at: Date): Promise<void> {
    await this.client.query({
      text: `UPDATE ${s}.erasure SET proposal = NULL, tombstone = coalesce(tombstone, $2), erased_at = $3
             WHERE approval_hash = ANY ($1::text[]) AND erased_at IS NULL`,
      values: [approvals, tombstone, at],
    });
  }

  /** Signed proposals that nobody approved in time. */
  async forgetProposalsBefore(at: Date): Promise<void> {
    await this.client.query({
      text: `UPDATE ${s}.erasure SET proposal = NULL
             WHERE approval_hash IS NULL AND proposal IS NOT NULL AND proposed_at < $1`,
      values: [at],
    });
  }

  async erasures(): Promise<StoredErasure[]> {
    const { rows } = await this.client.query<StoredErasure & QueryResultRow>({
      text: `SELECT ${erasure} FROM ${s}.erasure ORDER BY proposed_at, proposal_hash`,
    });
    return rows;
  }

  async erasure(proposalHash: Sha256): Promise<StoredErasure | undefined> {
    const { rows } = await this.client.query<StoredErasure & QueryResultRow>({
      text: `SELECT ${erasure} FROM ${s}.erasure WHERE proposal_hash = $1`,
      values: [proposalHash],
    });
    return rows[0];
  }

  async holds({ standing = false } = {}): Promise<StoredHold[]> {
    const { rows } = await this.client.query<StoredHold & QueryResultRow>({
      text: `SELECT ${hold} FROM ${s}.legal_hold ${standing ? 'WHERE lifted_at IS NULL' : ''} ORDER BY placed_at, hold_hash`,
    });
    return rows;
  }

  async hold(holdHash: Sha256): Promise<StoredHold | undefined> {
    const { rows } = await this.client.query<StoredHold & QueryResultRow>({
      text: `SELECT ${hold} FROM ${s}.legal_hold WHERE hold_hash = $1`,
      values: [holdHash],
    });
    return rows[0];
  }

  async placeHold(placed: {
    readonly holdHash: Sha256;
    readonly hold: string;
    readonly agency: AgencyId;
    readonly matter: string;
    readonly scope: HoldScope;
    readonly placedAt: Date;
  }): Promise<void> {
    const { scope } = placed;
    await this.client.query({
      text: `INSERT INTO ${s}.legal_hold (hold_hash, hold, agency, matter, subject, party, indices, placed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
      values: [
        placed.holdHash,
        placed.hold,
        placed.agency,
        placed.matter,
        scope.by === 'subject' ? scope.subject : null,
        scope.by === 'agency' ? scope.agency : null,
        scope.by === 'indices' ? JSON.stringify(scope.indices) : null,
        placed.placedAt,
      ],
    });
  }

  async liftHold(lifted: {
    readonly holdHash: Sha256;
    readonly liftHash: Sha256;
    readonly by: AgencyId;
    readonly at: Date;
  }): Promise<void> {
    await this.client.query({
      text: `UPDATE ${s}.legal_hold SET lift_hash = $2, lifted_by = $3, lifted_at = $4, hold = NULL, subject = NULL
             WHERE hold_hash = $1 AND lifted_at IS NULL`,
      values: [lifted.holdHash, lifted.liftHash, lifted.by, lifted.at],
    });
  }

  /**
   * For each type and day, whether a county is a party, how many entries: what the classes are counted from.
   *
   * @param agency whose entries alone are counted
   */
  async counted(agency?: AgencyId): Promise<{ type: string; at: Date; parties: string[]; count: number }[]> {
    const { rows } = await this.client.query<{ type: string; at: Date; parties: string[]; count: number }>({
      text: `SELECT type, date_trunc('day', at, 'UTC') AS at, kinds AS parties, count(*)::float8 AS count
             FROM (SELECT type, at, ARRAY(SELECT DISTINCT left(agency, 1) || '-X' FROM unnest(${parties}) AS agency
                     WHERE agency IS NOT NULL ORDER BY 1) AS kinds FROM ${sealedIndex}
                   WHERE $1::text IS NULL OR ${hasPlace(chainNamed('$1'), 'entry_index.leaf_index')}) AS entry
             GROUP BY 1, 2, 3`,
      values: [agency ?? null],
    });
    return rows;
  }
}

export interface SelectOptions {
  /** A party, whose entries only are selected. */
  readonly agency?: AgencyId;
  /** Of a class: its types, and the instant before which its ceiling is reached. */
  readonly ofClass?: { readonly types: readonly string[]; readonly before: Date };
}

function conditionOf(
  selection: ErasureSelection,
  { ofClass }: SelectOptions,
): { readonly text: string; readonly values: readonly unknown[] } {
  switch (selection.by) {
    case 'subject':
      return {
        text: `leaf_index IN (SELECT unnest(leaves) FROM ${s}.chain_run WHERE chain = ${chainNamed('$1')})
                 AND subjects @> ARRAY[$1::text] AND at >= $2::date::timestamp AT TIME ZONE 'UTC'
                 AND at < ($3::date + 1)::timestamp AT TIME ZONE 'UTC'`,
        values: [selection.subject, selection.from, selection.to],
      };
    case 'ceiling': {
      const patterns = (ofClass?.types ?? []).map((type) => type.replace('*', '%'));
      return { text: `type LIKE ANY ($1::text[]) AND at < $2`, values: [patterns, ofClass?.before ?? new Date(0)] };
    }
    case 'indices':
      return {
        text: `EXISTS (SELECT FROM unnest($1::bigint[], $2::bigint[]) AS r (low, high)
                 WHERE leaf_index BETWEEN low AND high)`,
        values: bounds(selection.indices.slice(0, maxTombstoneRanges)),
      };
  }
}

/** What a clear leaf says, where it is a tombstone. */
export function tombstoneIn(entry: Uint8Array): Tombstone | undefined {
  const decoded = decodeEntry(entry);
  return decoded.ok && decoded.value.kind === 'clear' && decoded.value.record.type === 'tombstone'
    ? decoded.value.record
    : undefined;
}
