import { addDays, dayInHelsinki, startOfDay } from '#calendar';
import { type AgencyId, AppError, type ErrorCode, type Pseudonym } from '#kernel';
import type { Queryable } from '#platform';

export const ASK_LIMITS = Symbol('AskLimits');

/** How much one agency may ask beforehand on a day, whatever the answers. */
export interface AskLimits {
  readonly perSubject: number;
  readonly subjects: number;
}

/**
 * Counts a question about these persons. Counts stand in the database, so that a restart forgives nothing; a question over
 * the limit is rolled back with its count.
 *
 * @throws AppError SUBJECT_QUOTA_EXCEEDED, ENUMERATION_QUOTA_EXCEEDED with the seconds until the day ends
 */
export async function countAsked(
  client: Queryable,
  limits: AskLimits,
  asked: { readonly agency: AgencyId; readonly subjects: readonly Pseudonym[]; readonly at: Date },
): Promise<void> {
  const { agency, subjects, at } = asked;
  const day = dayInHelsinki(at);
  const { rows: counted } = await client.query<{ count: number }>({
    name: 'count-asked',
    text: `INSERT INTO consent.asked_count (agency, day, subject, count)
           SELECT $1, $2::date, subject, 1 FROM unnest($3::text[]) AS given (subject) ORDER BY subject
           ON CONFLICT (agency, day, subject) DO UPDATE SET count = asked_count.count + 1 RETURNING count`,
    values: [agency, day, subjects],
  });
  const exceeded = (code: ErrorCode): AppError =>
    new AppError(code, undefined, {
      retryAfter: Math.ceil((startOfDay(addDays(day, 1)).getTime() - at.getTime()) / 1000),
    });
  if (counted.some(({ count }) => count > limits.perSubject)) throw exceeded('SUBJECT_QUOTA_EXCEEDED');
  if (counted.every(({ count }) => count > 1)) return;
  const { rows } = await client.query<{ subjects: number }>({
    name: 'count-asked-subjects',
    text: `SELECT count(*)::int AS subjects FROM consent.asked_count WHERE agency = $1 AND day = $2::date`,
    values: [agency, day],
  });
  if (rows.some((row) => row.subjects > limits.subjects)) throw exceeded('ENUMERATION_QUOTA_EXCEEDED');
}

/** Counts of days that are over. */
export async function forgetAsked(client: Queryable, agency: AgencyId, at: Date): Promise<void> {
  await client.query({
    name: 'forget-asked',
    text: 'DELETE FROM consent.asked_count WHERE agency = $1 AND day < $2::date',
    values: [agency, dayInHelsinki(at)],
  });
}
