import { isSamePerson, joinedWith, restsOnExcluded } from '#envelope';
import type { Pseudonym } from '#kernel';
import type { OutboxRow } from '#messaging';
import type { Queryable } from '#platform';
import { mayHappen, stateAt, transitions } from '../domain/consent-state.js';
import { insertActs } from '../infra/acts.js';
import { consentEvent } from '../infra/consent-event.js';
import { lockMatters, mattersAbout, moveConsents } from '../infra/consents.js';
import { readJoinsAndExclusions } from '../infra/read-facts.js';

/**
 * Running consents about a person that rest on somebody who is excluded end: nobody has decided them who may (decision 0026).
 * What others decided beside that person stays, and opens nothing until it is decided anew.
 *
 * @returns the facts to tell, to every party: who told of the exclusion, or of the link over which it reaches, is told too
 */
export async function endUndecided(client: Queryable, subject: Pseudonym, at: Date): Promise<OutboxRow[]> {
  const { links, exclusions } = await readJoinsAndExclusions(client, [subject]);
  const person = joinedWith(subject, links);
  const about = await mattersAbout(client, [...person]);
  const deciders = about.flatMap(
    ({ consent }) => consent?.record.deciders.flatMap(({ pseudonym }) => pseudonym ?? []) ?? [],
  );
  if (exclusions.length === 0 || deciders.length === 0) return [];
  const theirs = await readJoinsAndExclusions(client, [...new Set(deciders)]);
  const isExcluded = (one: Pseudonym): boolean =>
    // A link that was lost stops what was decided, and ends nothing: what ends cannot be taken back.
    exclusions.some(
      (exclusion) =>
        exclusion.decider !== undefined &&
        person.has(exclusion.subject) &&
        isSamePerson(one, exclusion.decider, theirs.links),
    );
  const matters = await lockMatters(
    client,
    about.map(({ id }) => id),
  );
  const ended = [...matters.values()].flatMap(({ consent }) =>
    consent &&
    mayHappen('lose-decider', consent.state) &&
    stateAt(consent, consent.version, at) !== 'expired' &&
    restsOnExcluded(consent.record, isExcluded)
      ? [consent]
      : [],
  );
  const { to, event: type } = transitions['lose-decider'];
  const told = ended.map((consent) => ({
    consent,
    event: consentEvent({ type, terms: consent.record, version: consent.version, state: to, at }),
  }));
  await insertActs(
    client,
    told.map(({ consent, event }) => ({
      consentId: consent.id,
      version: consent.version,
      act: 'lose-decider',
      state: to,
      statement: undefined,
      payload: undefined,
      eventId: event.eventId,
      effectiveAt: at,
    })),
  );
  await moveConsents(
    client,
    ended.map(({ id }) => ({ id, to, at })),
  );
  return told.map(({ event }) => event);
}
