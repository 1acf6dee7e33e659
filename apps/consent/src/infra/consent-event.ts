import { ConsentEvent, LogRecord, topics } from '#contracts';
import {
  type ConsentProposal,
  type ConsentRecord,
  type MessageContext,
  partiesOf,
  type StatementType,
} from '#envelope';
import { type AgencyId, type ConsentId, type EventId, newEventId, type Pseudonym } from '#kernel';
import type { OutboxRow } from '#messaging';

export interface EventEvidence {
  readonly kind: Extract<
    StatementType,
    'consent' | 'consent-proposal' | 'consent-act' | 'subject-link' | 'decider-exclusion' | 'account-identification'
  >;
  readonly token: string;
}

/** Who brought a fact about; left out where the hub noticed it by itself. */
export interface EventActor {
  readonly agency: AgencyId;
  readonly worker?: string;
}

/** A fact about a consent or a proposal for the outbox: told to its parties, and one leaf of the log. */
export function consentEvent(fact: {
  readonly type: string;
  readonly terms: ConsentRecord | ConsentProposal;
  readonly version: number;
  readonly state: string;
  readonly actor?: EventActor;
  readonly at: Date;
  readonly evidence?: EventEvidence;
  /** Who is told, where it is not every party. */
  readonly told?: readonly AgencyId[];
}): OutboxRow & { readonly eventId: EventId } {
  const { terms } = fact;
  return eventOf({
    ...fact,
    key: terms.id,
    parties: fact.told ?? partiesOf(terms),
    subjects: [terms.subject],
    categories: ('grants' in terms ? terms.grants : terms.wanted).map(({ category }) => category),
    consent: { id: terms.id, version: fact.version },
  });
}

/** A fact about a person that concerns no single consent. Its key is the person's newest pseudonym. */
export function subjectEvent(fact: {
  readonly type: string;
  readonly subjects: readonly [Pseudonym, ...Pseudonym[]];
  readonly actor: EventActor;
  readonly at: Date;
  readonly evidence?: EventEvidence;
}): OutboxRow & { readonly eventId: EventId } {
  return eventOf({ ...fact, key: fact.subjects[0], state: '', parties: [fact.actor.agency], categories: [] });
}

/** That an agency asked beforehand whether a message would be allowed; not what it was told. */
export function basisAskedEvent(context: MessageContext, agency: AgencyId, at: Date): OutboxRow {
  const { subjects, categories, purpose, sender, recipient } = context;
  const key = subjects[0] ?? agency;
  const about = { subjects, categories, purpose, sender, recipient };
  return eventOf({ type: 'basis-asked', key, state: '', parties: [agency], ...about, actor: { agency }, at });
}

function eventOf(fact: {
  readonly type: string;
  readonly key: string;
  readonly state: string;
  readonly parties: readonly AgencyId[];
  readonly subjects: readonly Pseudonym[];
  readonly categories: readonly number[];
  readonly purpose?: string;
  /** The actor, unless stated. */
  readonly sender?: AgencyId;
  readonly recipient?: AgencyId;
  readonly consent?: { readonly id: ConsentId; readonly version: number };
  readonly actor?: EventActor;
  readonly at: Date;
  readonly evidence?: EventEvidence;
}): OutboxRow & { readonly eventId: EventId } {
  const eventId: EventId = newEventId();
  const agency = fact.actor?.agency ?? '';
  const payload = ConsentEvent.encode({
    state: fact.state,
    parties: [...fact.parties],
    log: LogRecord.fromPartial({
      eventId,
      type: fact.type,
      at: fact.at,
      sender: fact.sender ?? agency,
      recipient: fact.recipient ?? '',
      actorAgency: agency,
      actorWorker: fact.actor?.worker ?? '',
      subjects: [...fact.subjects],
      categories: [...fact.categories],
      purpose: fact.purpose ?? '',
      consentId: fact.consent?.id ?? '',
      consentVersion: fact.consent?.version ?? 0,
      evidence: fact.evidence ? [fact.evidence] : [],
      receiptFor: agency,
    }),
  }).finish();
  return { eventId, topic: topics.consentEvents, key: fact.key, payload };
}
