import { createHash } from 'node:crypto';
import type { ConsentRecord } from '#envelope';
import { canonicalJson, type ConsentId, type Pseudonym, sha256 } from '#kernel';
import type { Queryable } from '#platform';
import type { Progress } from '../measure/progress.js';

/** Rows of one statement: enough to be quick, few enough to show progress. */
const ROWS = 50_000;

/** Spread over the index as the UUIDs that agencies choose, and found again by number. */
export const consentIdOf = (number: number): ConsentId => {
  const hex = createHash('md5').update(`consent ${number}`).digest('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') as ConsentId;
};
export const subjectOf = (number: number): Pseudonym => `p1.${sha256(`subject ${number}`)}` as Pseudonym;

/**
 * Stores consents, each of another person, until there are so many, as recording them one by one would have left them. The
 * signed text is the same in all: nothing that is measured reads it.
 */
export async function storeConsents(
  client: Queryable,
  { record, token }: { readonly record: ConsentRecord; readonly token: string },
  count: number,
  progress: Progress,
): Promise<void> {
  for (let from = 1; from <= count; from += ROWS) {
    const to = Math.min(from + ROWS - 1, count);
    await client.query({
      text: `WITH numbered AS (
               SELECT md5('consent ' || n)::uuid AS id,
                      'p1.' || translate(rtrim(encode(sha256(convert_to('subject ' || n, 'UTF8')), 'base64'), '='), '+/', '-_') AS subject
               FROM generate_series($1::int, $2::int) AS n
             ), consents AS (
               INSERT INTO consent.consent (consent_id, version, state, subject, changed_at, ends_at)
               SELECT id, 1, 'active', subject, now(), $3 FROM numbered
             )
             INSERT INTO consent.consent_version (consent_id, version, record, record_hash, payload, event_id, recorded_at)
             SELECT id, 1, $4, $5, $6::jsonb || jsonb_build_object('id', id, 'subject', subject), md5(id::text), now()
             FROM numbered`,
      values: [from, to, record.validUntil, token, sha256(token), canonicalJson(record)],
    });
    progress.done(to);
  }
  await client.query({ text: 'VACUUM ANALYZE consent.consent, consent.consent_version, consent.consent_use' });
}
