import type { MessageContext } from '#envelope';
import type { AgencyId, Pseudonym } from '#kernel';
import type { DirectoryView, Queryable } from '#platform';
import { consentsNamed, type Facts } from '../domain/decide-basis.js';
import { readConsents, readUses } from './consents.js';
import { joinedPersons } from './subjects.js';

/** What the database knows for deciding these messages. */
export type StoredFacts = Pick<Facts, 'consents' | 'uses' | 'links' | 'exclusions'>;

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
async function readJoinsAndExclusions(
  client: Queryable,
  persons: readonly Pseudonym[],
): Promise<Pick<StoredFacts, 'links' | 'exclusions'>> {
  const { rows } = await client.query<{ kind: 'link' | 'exclusion'; subject: Pseudonym; other: Pseudonym }>({
    name: 'read-joins-and-exclusions',
    text: `${joinedPersons}
           SELECT 'link' AS kind, subject, earlier AS other
           FROM consent.subject_link JOIN person ON subject = pseudonym
           UNION ALL
           SELECT 'exclusion', subject, decider FROM consent.decider_exclusion JOIN person ON subject = pseudonym`,
    values: [persons],
  });
  const of = (kind: (typeof rows)[number]['kind']) => rows.filter((row) => row.kind === kind);
  return {
    links: of('link').map(({ subject, other }) => ({ subject, earlier: other })),
    exclusions: of('exclusion').map(({ subject, other }) => ({ subject, decider: other })),
  };
}

/** Those of the parties that are onboarded and not suspended. */
export const activeAmong = (directory: DirectoryView, contexts: readonly MessageContext[]): ReadonlySet<AgencyId> =>
  new Set(
    contexts
      .flatMap(({ sender, recipient }) => [sender, recipient])
      .filter((agency) => directory.agency(agency)?.status === 'active'),
  );
