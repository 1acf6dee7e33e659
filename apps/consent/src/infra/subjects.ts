import type { JoinedPseudonyms } from '#envelope';
import { type AgencyId, AppError, type EventId, type Pseudonym } from '#kernel';
import type { Queryable } from '#platform';

/**
 * SQL of `person (pseudonym)`: the pseudonyms `$1` and all that links join to them, over however many steps. Each direction
 * by its own index: with `IN (subject, earlier)` every release would read all links.
 */
export const joinedPersons = `WITH RECURSIVE person (pseudonym) AS (
             SELECT unnest($1::text[])
             UNION
             SELECT joined.pseudonym FROM person CROSS JOIN LATERAL (
               SELECT earlier AS pseudonym FROM consent.subject_link WHERE subject = person.pseudonym
               UNION ALL
               SELECT subject FROM consent.subject_link WHERE earlier = person.pseudonym
             ) AS joined
           )`;

/** All pseudonyms that links join to this one, in either direction and over several links; with itself, sorted. */
export async function linkedPseudonyms(client: Queryable, subject: Pseudonym): Promise<Pseudonym[]> {
  const { rows } = await client.query<{ pseudonym: Pseudonym }>({
    name: 'linked-pseudonyms',
    text: `${joinedPersons} SELECT pseudonym FROM person ORDER BY pseudonym`,
    values: [[subject]],
  });
  return rows.map(({ pseudonym }) => pseudonym);
}

/** The links among pseudonyms of one person, as signed. */
export async function linksAmong(
  client: Queryable,
  persons: readonly Pseudonym[],
): Promise<(JoinedPseudonyms & { readonly statement: string })[]> {
  const { rows } = await client.query<JoinedPseudonyms & { statement: string }>({
    name: 'links-among',
    text: `SELECT subject, earlier, statement FROM consent.subject_link
           WHERE subject = ANY($1::text[]) ORDER BY recorded_at, subject, earlier`,
    values: [persons],
  });
  return rows;
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
