import type { ExcludedDeciders, JoinedPseudonyms } from '#envelope';
import { type AgencyId, AppError, type EventId, type Pseudonym, type Sha256 } from '#kernel';
import type { Queryable } from '#platform';

/** Each direction by its own index: with `IN (subject, earlier)` every release would read all links. */
const steps = {
  told: `SELECT earlier AS pseudonym FROM consent.subject_link WHERE subject = person.pseudonym
         UNION ALL
         SELECT subject FROM consent.subject_link WHERE earlier = person.pseudonym`,
  lost: `SELECT other FROM consent.lost_statement WHERE subject = person.pseudonym AND other IS NOT NULL AND brought_at IS NULL
         UNION ALL
         SELECT subject FROM consent.lost_statement WHERE other = person.pseudonym AND brought_at IS NULL`,
};

const walked = (step: string): string => `WITH RECURSIVE person (pseudonym) AS (
             SELECT unnest($1::text[])
             UNION
             SELECT joined.pseudonym FROM person CROSS JOIN LATERAL (${step}) AS joined
           )`;

/** SQL of `person (pseudonym)`: the pseudonyms `$1` and all that links join to them, over however many steps. */
const joinedPersons = walked(steps.told);

/**
 * The same over links of which only the log tells as well: for what keeps somebody from deciding. Never for what opens
 * something: a link counts by its signature (decision 0018).
 */
export const possiblyJoinedPersons = walked(`${steps.told} UNION ALL ${steps.lost}`);

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

const everybody: ExcludedDeciders = { has: () => true };

/**
 * Who may not decide for these persons, under whatever number. Everybody, where the log tells of an exclusion whose statement
 * was lost and was not brought again: who is meant stands in that alone.
 */
export async function excludedDeciders(client: Queryable, subjects: readonly Pseudonym[]): Promise<ExcludedDeciders> {
  const { rows } = await client.query<{ decider: Pseudonym | null }>({
    name: 'excluded-deciders',
    text: `${possiblyJoinedPersons}
           SELECT decider FROM consent.decider_exclusion JOIN person ON subject = pseudonym
           UNION ALL
           SELECT NULL FROM consent.lost_statement JOIN person ON subject = pseudonym
           WHERE kind = 'decider-exclusion' AND brought_at IS NULL`,
    values: [subjects],
  });
  const deciders = rows.map(({ decider }) => decider);
  return deciders.includes(null) ? everybody : new Set(deciders.filter((decider) => decider !== null));
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

/** A statement of which the log tells and which is not stored, as far as the log's entry says. */
export interface LostStatement {
  readonly kind: keyof typeof tables;
  readonly agency: AgencyId;
  readonly subject: Pseudonym;
  /** The earlier pseudonym of a link. Who is excluded does not stand in the log. */
  readonly other: Pseudonym | undefined;
  readonly hash: Sha256 | undefined;
  readonly eventId: EventId;
  readonly at: Date;
}

/** Keeps that it is lost, once. */
export async function keepLost(client: Queryable, lost: LostStatement): Promise<boolean> {
  const { kind, agency, subject, other, hash, eventId, at } = lost;
  const { rowCount } = await client.query({
    name: 'keep-lost-statement',
    text: `INSERT INTO consent.lost_statement (event_id, kind, agency, subject, other, statement_hash, said_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    values: [eventId, kind, agency, subject, other ?? null, hash ?? null, at],
  });
  return rowCount === 1;
}

/** Is this very statement one of those that were lost? It may be older than others may be, for it was said before. */
export async function isLost(client: Queryable, kind: keyof typeof tables, hash: Sha256): Promise<boolean> {
  const { rows } = await client.query({
    name: 'is-lost-statement',
    text: 'SELECT FROM consent.lost_statement WHERE (kind, statement_hash) = ($1, $2) AND brought_at IS NULL',
    values: [kind, hash],
  });
  return rows.length > 0;
}

/**
 * The agency says again what was lost: the very statement, or of a link the same about the same two. Another exclusion about the
 * person takes no lost one's place: whom that excludes is known by its own statement alone.
 *
 * @returns when and by which event it was said first, where it is the very statement
 */
export async function bringAgain(
  client: Queryable,
  kind: keyof typeof tables,
  {
    agency,
    subject,
    other,
    hash,
    at,
  }: Omit<LostStatement, 'kind' | 'eventId' | 'other'> & { readonly other: Pseudonym },
): Promise<KeptStatement | undefined> {
  const { rows } = await client.query<KeptStatement & { isSame: boolean | null }>({
    name: 'bring-statement-again',
    text: `UPDATE consent.lost_statement SET brought_at = $6 WHERE event_id = (
             SELECT event_id FROM consent.lost_statement
             WHERE (kind, agency, subject) = ($1, $2, $3) AND (other = $4 OR statement_hash = $5) AND brought_at IS NULL
             ORDER BY statement_hash IS NOT DISTINCT FROM $5 DESC, said_at LIMIT 1)
           RETURNING event_id AS "eventId", said_at AS "recordedAt", statement_hash = $5 AS "isSame"`,
    values: [kind, agency, subject, other, hash ?? null, at],
  });
  const [brought] = rows;
  return brought?.isSame ? { eventId: brought.eventId, recordedAt: brought.recordedAt } : undefined;
}
