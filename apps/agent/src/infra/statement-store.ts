import { Inject, Injectable } from '@nestjs/common';
import type { ConsentActType, StatementType } from '#envelope';
import type { AgencyId, ConsentId } from '#kernel';
import { Database, type Queryable } from '#platform';

/** Kinds of statement that go to the consent service. */
export type ConsentStatementKind = Extract<
  StatementType,
  'consent' | 'consent-proposal' | 'consent-act' | 'subject-link' | 'decider-exclusion'
>;

export interface StatementToTell {
  readonly kind: ConsentStatementKind;
  readonly consentId?: ConsentId;
  readonly version?: number;
  readonly act?: ConsentActType;
  readonly token: string;
}

export interface KeptStatement {
  readonly seq: string;
  readonly kind: ConsentStatementKind;
  readonly consentId: ConsentId | null;
  readonly version: number | null;
  readonly act: ConsentActType | null;
  readonly token: string;
  readonly state: 'signed' | 'told' | 'refused';
  readonly code: string | null;
  readonly answer: unknown;
  readonly createdAt: Date;
  readonly toldAt: Date | null;
}

const COLUMNS = `seq, kind, consent_id AS "consentId", version, act, token, state, code, answer, created_at AS "createdAt",
  told_at AS "toldAt"`;

/** What the agency signed for the consent service: kept before it is posted, and told in the order of signing. */
@Injectable()
export class StatementStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** @param until who keeps it tells it at once; from then on it is told in the background */
  async add(client: Queryable, agency: AgencyId, statement: StatementToTell, at: Date, until: Date): Promise<string> {
    const { kind, consentId, version, act, token } = statement;
    const { rows } = await client.query<{ seq: string }>({
      name: 'statement-add',
      text: `INSERT INTO consent_statements (agency, kind, consent_id, version, act, token, state, next_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, 'signed', $7, $8) RETURNING seq`,
      values: [agency, kind, consentId ?? null, version ?? null, act ?? null, token, until, at],
    });
    return rows[0]?.seq ?? '';
  }

  /** Not told yet, in order. What is not due holds up what was signed after it. */
  async toTell(agency: AgencyId, limit: number): Promise<(KeptStatement & { readonly nextAt: Date })[]> {
    const { rows } = await this.database.query<KeptStatement & { nextAt: Date }>({
      name: 'statements-to-tell',
      text: `SELECT ${COLUMNS}, next_at AS "nextAt" FROM consent_statements WHERE agency = $1 AND state = 'signed'
             ORDER BY seq LIMIT $2`,
      values: [agency, limit],
    });
    return rows;
  }

  async find(agency: AgencyId, seq: string): Promise<KeptStatement | undefined> {
    const { rows } = await this.database.query<KeptStatement>({
      name: 'statement-find',
      text: `SELECT ${COLUMNS} FROM consent_statements WHERE agency = $1 AND seq = $2`,
      values: [agency, seq],
    });
    return rows[0];
  }

  /** Everything signed here about one consent, oldest first. */
  async about(agency: AgencyId, consentId: ConsentId): Promise<KeptStatement[]> {
    const { rows } = await this.database.query<KeptStatement>({
      name: 'statements-about',
      text: `SELECT ${COLUMNS} FROM consent_statements WHERE agency = $1 AND consent_id = $2 ORDER BY seq`,
      values: [agency, consentId],
    });
    return rows;
  }

  /** What the hub has taken of one kind, oldest first. */
  async toldOf(agency: AgencyId, kind: ConsentStatementKind): Promise<string[]> {
    const { rows } = await this.database.query<{ token: string }>({
      name: 'statements-told-of-kind',
      text: `SELECT token FROM consent_statements WHERE agency = $1 AND kind = $2 AND state = 'told' ORDER BY seq`,
      values: [agency, kind],
    });
    return rows.map(({ token }) => token);
  }

  async told(client: Queryable, seq: string, answer: unknown, at: Date): Promise<void> {
    await client.query({
      name: 'statement-told',
      text: `UPDATE consent_statements SET state = 'told', code = NULL, answer = $2, told_at = $3 WHERE seq = $1`,
      values: [seq, JSON.stringify(answer ?? null), at],
    });
  }

  async refused(client: Queryable, seq: string, code: string, at: Date): Promise<void> {
    await client.query({
      name: 'statement-refused',
      text: `UPDATE consent_statements SET state = 'refused', code = $2, told_at = $3 WHERE seq = $1`,
      values: [seq, code, at],
    });
  }

  async postpone(seq: string, code: string, nextAt: Date): Promise<void> {
    await this.database.query({
      name: 'statement-postpone',
      text: `UPDATE consent_statements SET code = $2, next_at = $3 WHERE seq = $1 AND state = 'signed'`,
      values: [seq, code, nextAt],
    });
  }
}
