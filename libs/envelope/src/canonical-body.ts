import type { Basis, SecrecyLift } from './basis.js';
import type { LogBody, LogDifference, LogSearch } from './log-entry.js';

/** Every member, so that one that is added to the type is missed here. */
type EveryMember<T> = Record<keyof T, unknown>;

/**
 * Canonical JSON of a body (RFC 8785), as `canonicalJson` gives it, in a third of the time: JSON.stringify writes members in
 * the order in which they were made here, and no name of one is a number.
 */
export const canonicalBody = (body: LogBody): string =>
  JSON.stringify({
    actor: body.actor && { agency: body.actor.agency, worker: body.actor.worker },
    assertedBy: body.assertedBy,
    at: body.at,
    basis: body.basis?.map(basisInOrder),
    categories: body.categories,
    code: body.code,
    consent: body.consent && { id: body.consent.id, version: body.consent.version },
    differences: body.differences?.map(differenceInOrder),
    eventId: body.eventId,
    evidence: body.evidence && byName(body.evidence),
    exchangeId: body.exchangeId,
    manifestHash: body.manifestHash,
    messageId: body.messageId,
    purpose: body.purpose,
    recipient: body.recipient,
    search: body.search && searchInOrder(body.search),
    sender: body.sender,
    seq: body.seq,
    subjects: body.subjects,
    type: body.type,
    v: body.v,
  } satisfies EveryMember<LogBody>);

const basisInOrder = ({ categories, processing, secrecyLift }: Basis): EveryMember<Basis> => ({
  categories,
  processing: { recipient: processing.recipient, sender: processing.sender },
  secrecyLift: liftInOrder(secrecyLift),
});

function liftInOrder(lift: SecrecyLift): SecrecyLift {
  if ('statute' in lift) return { statute: { id: lift.statute.id, version: lift.statute.version } };
  if ('consent' in lift) return { consent: { id: lift.consent.id, version: lift.consent.version } };
  return { consents: lift.consents.map(({ id, version }) => ({ id, version })) };
}

const differenceInOrder = (one: LogDifference): EveryMember<LogDifference> => ({
  eventId: one.eventId,
  kind: one.kind,
  leafIndex: one.leafIndex,
  manifestHash: one.manifestHash,
  producer: one.producer,
  type: one.type,
});

const searchInOrder = ({ first, found, last, query, scope }: LogSearch): EveryMember<LogSearch> => ({
  first,
  found,
  last,
  query: byName(query),
  scope,
});

/** Most have one member. */
function byName(record: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const members = Object.entries(record);
  return members.length === 1 ? record : Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}
