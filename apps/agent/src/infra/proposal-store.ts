import { Inject, Injectable } from '@nestjs/common';
import type { ConsentProposal, Decider } from '#envelope';
import type { AgencyId, ConsentId, Pseudonym, Sha256 } from '#kernel';
import { Database, type Queryable } from '#platform';
import type { Officer } from '../domain/content.js';
import type { LawfulAnyway } from '../domain/what-the-law-gives.js';
import type { ClientIdentity } from '../send-message/seal-outgoing.js';
import type { NamedDecider } from './consent-store.js';

/** Who is to decide: as the record names them, with the person in plain, who stays at the agency. */
export interface ProposedDecider {
  readonly decider: Decider;
  readonly named: NamedDecider;
}

/** Somebody who may not decide for a client, by pseudonym and in plain. */
export interface KeptExclusion {
  readonly subject: Pseudonym;
  readonly decider: Pseudonym;
  readonly client: ClientIdentity;
  readonly person: ClientIdentity;
}

export type ProposalState = 'open' | 'answered' | 'denied' | 'cancelled' | 'refused';

export interface KeptProposal {
  readonly id: ConsentId;
  readonly proposal: ConsentProposal;
  readonly statementHash: Sha256;
  readonly state: ProposalState;
  readonly code: string | null;
  readonly client: ClientIdentity;
  readonly deciders: readonly ProposedDecider[];
  readonly custody: 'sole' | 'joint' | null;
  readonly officer: Officer;
  readonly warnings: readonly LawfulAnyway[];
  readonly createdAt: Date;
}

const COLUMNS = `id, proposal, statement_hash AS "statementHash", state, code, client, deciders, custody, officer, warnings,
  created_at AS "createdAt"`;

/** What clients were asked to agree to, and persons who may not decide. */
@Injectable()
export class ProposalStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  async add(client: Queryable, agency: AgencyId, kept: Omit<KeptProposal, 'state' | 'code'>): Promise<void> {
    await client.query({
      name: 'proposal-add',
      text: `INSERT INTO consent_proposals (agency, id, subject, proposal, statement_hash, state, client, deciders, custody,
               officer, warnings, created_at)
             VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8, $9, $10, $11)`,
      values: [
        agency,
        kept.id,
        kept.proposal.subject,
        JSON.stringify(kept.proposal),
        kept.statementHash,
        JSON.stringify(kept.client),
        JSON.stringify(kept.deciders),
        kept.custody,
        JSON.stringify(kept.officer),
        JSON.stringify(kept.warnings),
        kept.createdAt,
      ],
    });
  }

  async find(agency: AgencyId, id: ConsentId): Promise<KeptProposal | undefined> {
    const { rows } = await this.database.query<KeptProposal>({
      name: 'proposal-find',
      text: `SELECT ${COLUMNS} FROM consent_proposals WHERE agency = $1 AND id = $2`,
      values: [agency, id],
    });
    return rows[0];
  }

  /** About these persons, or about all; the newest first. */
  async list(agency: AgencyId, subjects: readonly Pseudonym[] | undefined, limit: number): Promise<KeptProposal[]> {
    const { rows } = await this.database.query<KeptProposal>({
      name: 'proposal-list',
      text: `SELECT ${COLUMNS} FROM consent_proposals WHERE agency = $1 AND ($2::text[] IS NULL OR subject = ANY($2))
             ORDER BY created_at DESC LIMIT $3`,
      values: [agency, subjects ?? null, limit],
    });
    return rows;
  }

  /** From open, once: of two answers at the same time one finds it closed. */
  async close(
    client: Queryable,
    agency: AgencyId,
    id: ConsentId,
    state: Exclude<ProposalState, 'open'>,
    code?: string,
  ): Promise<boolean> {
    const { rowCount } = await client.query({
      name: 'proposal-close',
      text: `UPDATE consent_proposals SET state = $3, code = $4 WHERE agency = $1 AND id = $2 AND state = 'open'`,
      values: [agency, id, state, code ?? null],
    });
    return rowCount === 1;
  }

  /**
   * Keeps what one of several deciders answered, in place of an earlier answer of the same. One after the other, so that of two
   * at the same time one sees both.
   *
   * @param place of the decider in the proposal
   * @returns all answers so far by their places; undefined where the proposal is no longer open
   */
  async keepAnswer(
    client: Queryable,
    agency: AgencyId,
    id: ConsentId,
    place: number,
    answer: object,
    at: Date,
  ): Promise<ReadonlyMap<number, unknown> | undefined> {
    const { rowCount } = await client.query({
      name: 'proposal-lock',
      text: `SELECT FROM consent_proposals WHERE agency = $1 AND id = $2 AND state = 'open' FOR UPDATE`,
      values: [agency, id],
    });
    if (rowCount !== 1) return undefined;
    await client.query({
      name: 'proposal-answer',
      text: `INSERT INTO proposal_answers (agency, id, place, answer, answered_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (agency, id, place) DO UPDATE SET answer = EXCLUDED.answer, answered_at = EXCLUDED.answered_at`,
      values: [agency, id, place, JSON.stringify(answer), at],
    });
    const { rows } = await client.query<{ place: number; answer: unknown }>({
      name: 'proposal-answers',
      text: 'SELECT place, answer FROM proposal_answers WHERE agency = $1 AND id = $2 ORDER BY place',
      values: [agency, id],
    });
    return new Map(rows.map((row) => [row.place, row.answer]));
  }

  /** Open ones that name their person under another key than this version's. */
  async underOtherKey(agency: AgencyId, version: number, now: Date, limit: number): Promise<KeptProposal[]> {
    const { rows } = await this.database.query<KeptProposal>({
      name: 'proposals-under-other-key',
      text: `SELECT ${COLUMNS} FROM consent_proposals
             WHERE agency = $1 AND state = 'open' AND subject NOT LIKE 'p' || $2::text || '.%'
               AND (proposal ->> 'lapsesAt')::timestamptz > $3
             ORDER BY created_at LIMIT $4`,
      values: [agency, version, now, limit],
    });
    return rows;
  }

  /** The same with its persons named anew, unless it was answered meanwhile. */
  async rename(
    client: Queryable,
    agency: AgencyId,
    { proposal, statementHash, deciders }: Pick<KeptProposal, 'proposal' | 'statementHash' | 'deciders'>,
  ): Promise<boolean> {
    const { rowCount } = await client.query({
      name: 'proposal-rename',
      text: `UPDATE consent_proposals SET subject = $3, proposal = $4, statement_hash = $5, deciders = $6
             WHERE agency = $1 AND id = $2 AND state = 'open'`,
      values: [
        agency,
        proposal.id,
        proposal.subject,
        JSON.stringify(proposal),
        statementHash,
        JSON.stringify(deciders),
      ],
    });
    return rowCount === 1;
  }

  async exclude(client: Queryable, agency: AgencyId, exclusion: KeptExclusion, at: Date): Promise<void> {
    const { subject, decider, client: whom, person } = exclusion;
    await client.query({
      name: 'decider-exclude',
      text: `INSERT INTO decider_exclusions (agency, subject, decider, client, person, excluded_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
      values: [agency, subject, decider, JSON.stringify(whom), JSON.stringify(person), at],
    });
  }

  /** Those that were said under another version of the pseudonym key and not yet under this one. */
  async exclusionsToRepeat(agency: AgencyId, version: number, limit: number): Promise<KeptExclusion[]> {
    const { rows } = await this.database.query<KeptExclusion & Record<string, unknown>>({
      name: 'deciders-excluded-to-repeat',
      text: `SELECT DISTINCT ON (client, person) subject, decider, client, person FROM decider_exclusions AS said
             WHERE agency = $1 AND client IS NOT NULL AND person IS NOT NULL AND NOT EXISTS (
               SELECT FROM decider_exclusions AS again WHERE again.agency = $1 AND again.client = said.client
                 AND again.person = said.person AND again.subject LIKE 'p' || $2::text || '.%')
             LIMIT $3`,
      values: [agency, version, limit],
    });
    return rows;
  }

  /** Persons of whom this agency knows that they may not decide for somebody of these. */
  async excluded(agency: AgencyId, subjects: readonly Pseudonym[]): Promise<ReadonlySet<Pseudonym>> {
    const { rows } = await this.database.query<{ decider: Pseudonym }>({
      name: 'deciders-excluded',
      text: 'SELECT decider FROM decider_exclusions WHERE agency = $1 AND subject = ANY($2)',
      values: [agency, subjects],
    });
    return new Set(rows.map(({ decider }) => decider));
  }
}
