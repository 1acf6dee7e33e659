import type { QueryResultRow } from 'pg';
import type { NamedRule } from '../domain/alert-rules.js';
import type { AgencyId, Sha256 } from '#kernel';
import { enqueueText, enqueueValues, type OutboxRow } from '#messaging';
import type { BreakGlassAccess, ShownEntry } from '../domain/break-glass.js';
import type { Queryable } from './log-store.js';
import { auditSchema as s } from './schema.js';

const access = `grant_hash AS "grant", agency, worker, concerned, subject, reason, matter, opened_at AS "openedAt",
  ends_at AS "endsAt", most_entries AS "mostEntries", shown, told, alert, logged, reviewed_by AS "reviewedBy",
  reviewed_at AS "reviewedAt", finding`;

type Opened = Omit<BreakGlassAccess, 'shown' | 'told' | 'logged' | 'reviewedBy' | 'reviewedAt' | 'finding'>;

export class BreakGlassStore {
  constructor(private readonly client: Queryable) {}

  /**
   * Access, alert and the event by which it is told, in one statement: none is there without the others, whatever fails
   * afterwards.
   */
  async open(opened: Opened, rule: Pick<NamedRule, 'id' | 'owner'>, told: OutboxRow): Promise<void> {
    await this.client.query({
      text: `WITH raised AS (
               INSERT INTO ${s}.alert
                 (id, rule, owner, agency, worker, window_from, window_to, measured, threshold, raised_at)
               VALUES ($1, $2, $13, $3, $4, $5, $6, 1, 1, $5) RETURNING id
             ), told AS (${enqueueText(s, 14)})
             INSERT INTO ${s}.break_glass
               (grant_hash, agency, worker, concerned, subject, reason, matter, opened_at, ends_at, most_entries, alert)
             SELECT $7, $3, $4, $8, $9, $10, $11, $5, $6, $12, id FROM raised`,
      values: [
        opened.alert,
        rule.id,
        opened.agency,
        opened.worker,
        opened.openedAt,
        opened.endsAt,
        opened.grant,
        opened.concerned,
        opened.subject,
        opened.reason,
        opened.matter,
        opened.mostEntries,
        rule.owner,
        ...enqueueValues([told]),
      ],
    });
  }

  /** The opening stands in the log, and its alert. */
  async logged(grant: Sha256): Promise<void> {
    await this.client.query({
      text: `WITH one AS (UPDATE ${s}.break_glass SET logged = true WHERE grant_hash = $1 RETURNING alert)
             UPDATE ${s}.alert SET logged = true WHERE id = (SELECT alert FROM one)`,
      values: [grant],
    });
  }

  async find(grant: string): Promise<BreakGlassAccess | undefined> {
    const { rows } = await this.client.query<BreakGlassAccess & QueryResultRow>({
      text: `SELECT ${access} FROM ${s}.break_glass WHERE grant_hash = $1`,
      values: [grant],
    });
    return rows[0];
  }

  /** @param agency whose own alone are listed, and those by which its entries were opened */
  async list(agency?: AgencyId): Promise<BreakGlassAccess[]> {
    const { rows } = await this.client.query<BreakGlassAccess & QueryResultRow>({
      text: `SELECT ${access} FROM ${s}.break_glass
             WHERE $1::text IS NULL OR agency = $1 OR concerned = $1 OR $1 = ANY (told) ORDER BY opened_at, grant_hash`,
      values: [agency ?? null],
    });
    return rows;
  }

  async unreviewed(agency: AgencyId): Promise<number> {
    const { rows } = await this.client.query<{ count: number }>({
      text: `SELECT count(*)::integer AS count FROM ${s}.break_glass WHERE agency = $1 AND reviewed_at IS NULL`,
      values: [agency],
    });
    return rows[0]?.count ?? 0;
  }

  /**
   * Uses up so many entries, and says whose they are. False where the access holds no more at this moment: its time, its number,
   * or a review in between.
   */
  async take(
    grant: Sha256,
    taken: { readonly entries: number; readonly told: readonly AgencyId[]; readonly at: Date },
  ): Promise<boolean> {
    const { rows } = await this.client.query<{ grant: string }>({
      text: `UPDATE ${s}.break_glass SET shown = shown + $2,
               told = ARRAY(SELECT DISTINCT one FROM unnest(told || $3::text[]) AS one ORDER BY one)
             WHERE grant_hash = $1 AND logged AND reviewed_at IS NULL AND ends_at > $4 AND shown + $2 <= most_entries
             RETURNING grant_hash AS "grant"`,
      values: [grant, taken.entries, taken.told, taken.at],
    });
    return rows.length === 1;
  }

  /** Ends it, forgets whose entries they were where it was a person, and says so by the event, in one statement. */
  async review(
    grant: Sha256,
    reviewed: { readonly by: AgencyId; readonly at: Date; readonly finding: 'justified' | 'unjustified' },
    ended: OutboxRow,
  ): Promise<void> {
    await this.client.query({
      text: `WITH told AS (${enqueueText(s, 5)})
             UPDATE ${s}.break_glass SET reviewed_by = $2, reviewed_at = $3, finding = $4, subject = NULL
             WHERE grant_hash = $1`,
      values: [grant, reviewed.by, reviewed.at, reviewed.finding, ...enqueueValues([ended])],
    });
  }

  /** Whose these entries are. */
  async concernedBy(leaves: readonly number[]): Promise<ShownEntry[]> {
    const { rows } = await this.client.query<ShownEntry & QueryResultRow>({
      text: `SELECT leaf_index::float8 AS "leafIndex", coalesce(subjects, '{}') AS subjects,
               array_remove(coalesce(parties, ARRAY[sender, recipient, actor]), NULL) AS parties
             FROM ${s}.entry_index WHERE leaf_index = ANY ($1::bigint[]) ORDER BY leaf_index`,
      values: [leaves],
    });
    return rows;
  }
}
