import type { JoinedPseudonyms, MessageContext } from '#envelope';
import type { AgencyId, Pseudonym } from '#kernel';
import type { DirectoryView, Queryable } from '#platform';
import { consentsNamed, type Facts } from '../domain/decide-basis.js';
import { readConsents, readUses } from './consents.js';
import { possiblyJoinedPersons } from './subjects.js';

/** What the database knows for deciding these messages. */
export type StoredFacts = Pick<Facts, 'consents' | 'uses' | 'links' | 'lostLinks' | 'exclusions'>;

/** Of messages that name no consent. */
export const noStoredFacts: StoredFacts = { consents: new Map(), uses: [], links: [], exclusions: [] };

/**
 * One statement for each kind of fact, however many messages.
 *
 * @param read `lockConsents` where the decision must not be overtaken, `readConsents` where it is only an answer
 */
export async function readFacts(
  client: Queryable,
  contexts: readonly MessageContext[],
  read: typeof readConsents = readConsents,
): Promise<StoredFacts> {
  const named = [...new Set(contexts.flatMap(consentsNamed))];
  if (named.length === 0) return noStoredFacts;
  const consents = await read(client, named);
  const uses = await readUses(client, named);
  const records = [...consents.values()].map(({ record }) => record);
  const persons = [
    ...contexts.flatMap(({ subjects }) => subjects),
    ...records.flatMap(({ subject, deciders }) => [subject, ...deciders.flatMap(({ pseudonym }) => pseudonym ?? [])]),
  ];
  return { consents, uses, ...(await readJoinsAndExclusions(client, [...new Set(persons)])) };
}

/** Everything that links join with these persons over however many steps, and who may not decide for any of them. */
export async function readJoinsAndExclusions(
  client: Queryable,
  persons: readonly Pseudonym[],
): Promise<Pick<StoredFacts, 'links' | 'lostLinks' | 'exclusions'>> {
  const { rows } = await client.query<JoinOrExclusion>({
    name: 'read-joins-and-exclusions',
    text: `${possiblyJoinedPersons}
           SELECT 'link' AS kind, subject, earlier AS other
           FROM consent.subject_link JOIN person ON subject = pseudonym
           UNION ALL
           SELECT 'exclusion', subject, decider FROM consent.decider_exclusion JOIN person ON subject = pseudonym
           UNION ALL
           SELECT CASE kind WHEN 'subject-link' THEN 'lost-link' ELSE 'exclusion' END, subject, other
           FROM consent.lost_statement JOIN person ON subject = pseudonym WHERE brought_at IS NULL`,
    values: [persons],
  });
  const joins = (kind: 'link' | 'lost-link'): JoinedPseudonyms[] =>
    rows.flatMap((row) =>
      row.kind === kind && row.other !== null ? [{ subject: row.subject, earlier: row.other }] : [],
    );
  return {
    links: joins('link'),
    lostLinks: joins('lost-link'),
    exclusions: rows
      .filter(({ kind }) => kind === 'exclusion')
      .map(({ subject, other }) => ({ subject, ...(other !== null && { decider: other }) })),
  };
}

interface JoinOrExclusion extends Record<string, unknown> {
  readonly kind: 'link' | 'lost-link' | 'exclusion';
  readonly subject: Pseudonym;
  /** Null of an exclusion whose statement was lost. */
  readonly other: Pseudonym | null;
}

/** Those of the parties that are onboarded and not suspended. */
export const activeAmong = (directory: DirectoryView, contexts: readonly MessageContext[]): ReadonlySet<AgencyId> =>
  new Set(
    contexts
      .flatMap(({ sender, recipient }) => [sender, recipient])
      .filter((agency) => directory.agency(agency)?.status === 'active'),
  );
