import { type AgencyId, AppError, type EventId, type Pseudonym } from '#kernel';
import type { Queryable } from '#platform';

/** All pseudonyms that links join to this one, in either direction and over several links; with itself, sorted. */
export async function linkedPseudonyms(client: Queryable, subject: Pseudonym): Promise<Pseudonym[]> {
  const { rows } = await client.query<{ pseudonym: Pseudonym }>({
    name: 'linked-pseudonyms',
    text: `WITH RECURSIVE same (pseudonym) AS (
             SELECT $1::text
             UNION
             SELECT CASE WHEN l.subject = same.pseudonym THEN l.earlier ELSE l.subject END
             FROM same JOIN consent.subject_link l ON same.pseudonym IN (l.subject, l.earlier)
           )
           SELECT pseudonym FROM same ORDER BY pseudonym`,
    values: [subject],
  });
  return rows.map(({ pseudonym }) => pseudonym);
}

/** Who may not decide for somebody of these. */
export async function excludedDeciders(
  client: Queryable,
  subjects: readonly Pseudonym[],
): Promise<ReadonlySet<Pseudonym>> {
  const { rows } = await client.query<{ decider: Pseudonym }>({
    name: 'excluded-deciders',
    text: 'SELECT decider FROM consent.decider_exclusion WHERE subject = ANY($1::text[])',
    values: [subjects],
  });
  return new Set(rows.map(({ decider }) => decider));
}

export interface KeptStatement {
  readonly recordedAt: Date;
  readonly eventId: EventId;
}

/** A statement about a person that is kept once. */
export interface SubjectStatement extends KeptStatement {
  readonly agency: AgencyId;
  readonly jti: string;
  readonly subject: Pseudonym;
  /** The earlier pseudonym of a link, who is excluded by an exclusion. */
  readonly other: Pseudonym;
  readonly token: string;
}

const tables = {
  'subject-link': { table: 'consent.subject_link', other: 'earlier' },
  'decider-exclusion': { table: 'consent.decider_exclusion', other: 'decider' },
} as const;

/**
 * Keeps a statement, unless the same is known from anybody; then what was kept before.
 *
 * @throws AppError CONFLICT (the jti was used for another statement)
 */
export async function keepStatement(
  client: Queryable,
  kind: keyof typeof tables,
  { agency, jti, subject, other, token, eventId, recordedAt }: SubjectStatement,
): Promise<KeptStatement & { readonly isNew: boolean }> {
  const { table, other: column } = tables[kind];
  const inserted = await client.query({
    name: `insert-${kind}`,
    text: `INSERT INTO ${table} (agency, jti, subject, ${column}, statement, event_id, recorded_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    values: [agency, jti, subject, other, token, eventId, recordedAt],
  });
  if (inserted.rowCount === 1) return { recordedAt, eventId, isNew: true };
  const { rows } = await client.query<KeptStatement & { isSame: boolean }>({
    name: `read-${kind}`,
    text: `SELECT recorded_at AS "recordedAt", event_id AS "eventId", (subject, ${column}) = ($3, $4) AS "isSame"
           FROM ${table} WHERE (agency, jti) = ($1, $2) OR (subject, ${column}) = ($3, $4)`,
    values: [agency, jti, subject, other],
  });
  const same = rows.find(({ isSame }) => isSame);
  if (!same) throw new AppError('CONFLICT', 'the jti was used for another statement');
  return { recordedAt: same.recordedAt, eventId: same.eventId, isNew: false };
}
