import { Inject, Injectable } from '@nestjs/common';
import type { IdentifierType, MessageKind } from '#envelope';
import type { AgencyId, ConsentId, ExchangeId, Pseudonym } from '#kernel';
import { Database, type Queryable } from '#platform';
import type { Officer, Period } from '../domain/content.js';

export type Opening = 'on-arrival' | 'by-hand';

/** How an exchange stands, as this agency sees it. */
export type ExchangeState =
  | 'open'
  | 'question'
  | 'answered'
  | 'refused'
  | 'rejected'
  | 'expired'
  | 'withdrawn'
  | 'undeliverable'
  | 'discarded'
  | 'forwarded'
  | 'informed';

/** What an asker keeps of its request, so that it can make it clear or send it on. */
export interface KeptRequest {
  readonly clients: readonly { readonly type: IdentifierType; readonly value: string; readonly name?: string }[];
  readonly necessity: string;
  readonly officer: Officer;
  readonly urgency?: 'urgent' | 'normal' | 'consultation';
  readonly period?: Period;
  readonly consentId?: ConsentId;
}

export interface Exchange {
  readonly id: ExchangeId;
  readonly role: 'asker' | 'holder';
  readonly counterpart: AgencyId;
  readonly openedBy: MessageKind;
  /** Whom it concerns: nobody, one, or a family. */
  readonly subjects: readonly Pseudonym[];
  readonly purpose: string;
  readonly categories: readonly number[];
  readonly caseNumber: string | null;
  readonly opening: Opening;
  readonly state: ExchangeState;
  readonly code: string | null;
  readonly request: KeptRequest | null;
  readonly forwardedFrom: ExchangeId | null;
  readonly forwardedTo: ExchangeId | null;
  readonly createdAt: Date;
  readonly changedAt: Date;
}

@Injectable()
export class ExchangeStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** Opens it; of one that is known, as when a request is made clear, the state is set. */
  async open(client: Queryable, agency: AgencyId, exchange: Omit<Exchange, 'changedAt'>): Promise<void> {
    await client.query({
      name: 'exchange-open',
      text: `INSERT INTO exchanges (agency, id, role, counterpart, opened_by, subjects, purpose, categories, case_number,
               opening, state, code, request, forwarded_from, forwarded_to, created_at, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16)
             ON CONFLICT (agency, id) DO UPDATE SET state = EXCLUDED.state, changed_at = EXCLUDED.changed_at`,
      values: [
        agency,
        exchange.id,
        exchange.role,
        exchange.counterpart,
        exchange.openedBy,
        exchange.subjects,
        exchange.purpose,
        exchange.categories,
        exchange.caseNumber,
        exchange.opening,
        exchange.state,
        exchange.code,
        exchange.request === null ? null : JSON.stringify(exchange.request),
        exchange.forwardedFrom,
        exchange.forwardedTo,
        exchange.createdAt,
      ],
    });
  }

  async setState(
    client: Queryable,
    agency: AgencyId,
    id: ExchangeId,
    state: ExchangeState,
    code: string | undefined,
    at: Date,
  ): Promise<void> {
    await client.query({
      name: 'exchange-state',
      text: 'UPDATE exchanges SET state = $3, code = $4, changed_at = $5 WHERE agency = $1 AND id = $2',
      values: [agency, id, state, code ?? null, at],
    });
  }

  /** Ends what is still open; what was answered stays so. */
  async end(
    client: Queryable,
    agency: AgencyId,
    id: ExchangeId,
    state: ExchangeState,
    code: string | undefined,
    at: Date,
  ): Promise<void> {
    await client.query({
      name: 'exchange-end',
      text: `UPDATE exchanges SET state = $3, code = $4, changed_at = $5
             WHERE agency = $1 AND id = $2 AND state IN ('open', 'question')`,
      values: [agency, id, state, code ?? null, at],
    });
  }

  async setCaseNumber(client: Queryable, agency: AgencyId, id: ExchangeId, caseNumber: string): Promise<void> {
    await client.query({
      name: 'exchange-case-number',
      text: 'UPDATE exchanges SET case_number = coalesce(case_number, $3) WHERE agency = $1 AND id = $2',
      values: [agency, id, caseNumber],
    });
  }

  /** Sent on to another holder. False when it was sent on before. */
  async markForwarded(client: Queryable, agency: AgencyId, id: ExchangeId, to: ExchangeId, at: Date): Promise<boolean> {
    const { rowCount } = await client.query({
      name: 'exchange-forwarded',
      text: `UPDATE exchanges SET forwarded_to = $3, changed_at = $4,
               state = CASE WHEN state = 'refused' THEN 'forwarded' ELSE state END
             WHERE agency = $1 AND id = $2 AND forwarded_to IS NULL`,
      values: [agency, id, to, at],
    });
    return rowCount === 1;
  }

  /** Own questions that ended with their consent's version and were not asked again; the last changed last. */
  async endedBySupersession(agency: AgencyId, since: Date, limit: number): Promise<Exchange[]> {
    const { rows } = await this.database.query<ExchangeRow>({
      name: 'exchanges-superseded',
      text: `SELECT * FROM exchanges
             WHERE agency = $1 AND code = 'CONSENT_SUPERSEDED' AND forwarded_to IS NULL AND role = 'asker'
               AND state IN ('withdrawn', 'rejected') AND request IS NOT NULL AND changed_at > $2
             ORDER BY changed_at LIMIT $3`,
      values: [agency, since, limit],
    });
    return rows.map(exchangeOf);
  }

  async findAll(agency: AgencyId, ids: readonly ExchangeId[]): Promise<ReadonlyMap<ExchangeId, Exchange>> {
    const { rows } = await this.database.query<ExchangeRow>({
      name: 'exchange-find-all',
      text: 'SELECT * FROM exchanges WHERE agency = $1 AND id = ANY($2)',
      values: [agency, ids],
    });
    return new Map(rows.map((row) => [row.id, exchangeOf(row)]));
  }

  async find(agency: AgencyId, id: ExchangeId): Promise<Exchange | undefined> {
    const { rows } = await this.database.query<ExchangeRow>({
      name: 'exchange-find',
      text: 'SELECT * FROM exchanges WHERE agency = $1 AND id = $2',
      values: [agency, id],
    });
    return rows.map(exchangeOf)[0];
  }

  /** How mail of these exchanges is to be opened, where an exchange says so. */
  async openings(agency: AgencyId, ids: readonly ExchangeId[]): Promise<ReadonlyMap<string, Opening>> {
    const { rows } = await this.database.query<{ id: string; opening: Opening }>({
      name: 'exchange-openings',
      text: 'SELECT id, opening FROM exchanges WHERE agency = $1 AND id = ANY($2)',
      values: [agency, ids],
    });
    return new Map(rows.map(({ id, opening }) => [id, opening]));
  }

  /** Last changed first. */
  async list(
    agency: AgencyId,
    filter: { role?: string; state?: string; caseNumber?: string; limit: number; before?: Date },
  ): Promise<Exchange[]> {
    const { rows } = await this.database.query<ExchangeRow>({
      name: 'exchange-list',
      text: `SELECT * FROM exchanges
             WHERE agency = $1 AND ($2::text IS NULL OR role = $2) AND ($3::text IS NULL OR state = $3)
               AND ($4::text IS NULL OR case_number = $4) AND ($5::timestamptz IS NULL OR changed_at < $5)
             ORDER BY changed_at DESC, id LIMIT $6`,
      values: [
        agency,
        filter.role ?? null,
        filter.state ?? null,
        filter.caseNumber ?? null,
        filter.before ?? null,
        filter.limit,
      ],
    });
    return rows.map(exchangeOf);
  }

  /** Each look at opened content: who and when. */
  async recordLook(
    agency: AgencyId,
    look: { exchangeId: ExchangeId; system: string; worker?: string; what: string; at: Date },
  ): Promise<void> {
    await this.database.query({
      name: 'look-record',
      text: 'INSERT INTO looks (agency, exchange_id, system, worker, what, at) VALUES ($1, $2, $3, $4, $5, $6)',
      values: [agency, look.exchangeId, look.system, look.worker ?? null, look.what, look.at],
    });
  }

  /** One look at several exchanges. */
  async recordLooks(
    agency: AgencyId,
    exchangeIds: readonly ExchangeId[],
    look: { system: string; worker?: string; what: string; at: Date },
  ): Promise<void> {
    await this.database.query({
      name: 'looks-record',
      text: `INSERT INTO looks (agency, exchange_id, system, worker, what, at)
             SELECT $1, exchange_id, $3, $4, $5, $6 FROM unnest($2::uuid[]) AS exchange_id`,
      values: [agency, exchangeIds, look.system, look.worker ?? null, look.what, look.at],
    });
  }

  /** Looks at several exchanges, newest first. */
  async looksAt(
    agency: AgencyId,
    exchangeIds: readonly ExchangeId[],
    limit: number,
  ): Promise<{ exchangeId: ExchangeId; worker: string | null; what: string; at: Date }[]> {
    const { rows } = await this.database.query<{
      exchangeId: ExchangeId;
      worker: string | null;
      what: string;
      at: Date;
    }>({
      name: 'look-list-of-many',
      text: `SELECT exchange_id AS "exchangeId", worker, what, at FROM looks
             WHERE agency = $1 AND exchange_id = ANY($2::uuid[]) ORDER BY id DESC LIMIT $3`,
      values: [agency, exchangeIds, limit],
    });
    return rows;
  }

  async looks(
    agency: AgencyId,
    exchangeId: ExchangeId,
  ): Promise<{ system: string; worker: string | null; what: string; at: Date }[]> {
    const { rows } = await this.database.query<{ system: string; worker: string | null; what: string; at: Date }>({
      name: 'look-list',
      text: 'SELECT system, worker, what, at FROM looks WHERE agency = $1 AND exchange_id = $2 ORDER BY id',
      values: [agency, exchangeId],
    });
    return rows;
  }
}

interface ExchangeRow {
  id: ExchangeId;
  role: Exchange['role'];
  counterpart: AgencyId;
  opened_by: MessageKind;
  subjects: Pseudonym[];
  purpose: string;
  categories: number[];
  case_number: string | null;
  opening: Opening;
  state: ExchangeState;
  code: string | null;
  request: KeptRequest | null;
  forwarded_from: ExchangeId | null;
  forwarded_to: ExchangeId | null;
  created_at: Date;
  changed_at: Date;
}

const exchangeOf = (row: ExchangeRow): Exchange => ({
  id: row.id,
  role: row.role,
  counterpart: row.counterpart,
  openedBy: row.opened_by,
  subjects: row.subjects,
  purpose: row.purpose,
  categories: row.categories,
  caseNumber: row.case_number,
  opening: row.opening,
  state: row.state,
  code: row.code,
  request: row.request,
  forwardedFrom: row.forwarded_from,
  forwardedTo: row.forwarded_to,
  createdAt: row.created_at,
  changedAt: row.changed_at,
});
