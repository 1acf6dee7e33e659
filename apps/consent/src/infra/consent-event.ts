import { ConsentEvent, LogRecord, topics } from '#contracts';
import { type ConsentRecord, partiesOf } from '#envelope';
import { type AgencyId, type EventId, newEventId } from '#kernel';
import type { OutboxRow } from '#messaging';

/** A fact about a consent for the outbox: told to its parties, and one leaf of the log. */
export function consentEvent(fact: {
  type: 'consent-recorded' | 'consent-superseded' | 'consent-withdrawn';
  record: ConsentRecord;
  state: string;
  actor: AgencyId;
  worker?: string;
  at: Date;
  evidence: { kind: 'consent' | 'consent-act'; token: string };
}): OutboxRow {
  const eventId: EventId = newEventId();
  const { record } = fact;
  const payload = ConsentEvent.encode({
    state: fact.state,
    parties: partiesOf(record),
    log: LogRecord.fromPartial({
      eventId,
      type: fact.type,
      at: fact.at,
      sender: fact.actor,
      actorAgency: fact.actor,
      actorWorker: fact.worker ?? '',
      subjects: [record.subject],
      categories: record.grants.map(({ category }) => category),
      consentId: record.id,
      consentVersion: record.version,
      evidence: [fact.evidence],
      receiptFor: fact.actor,
    }),
  }).finish();
  return { eventId, topic: topics.consentEvents, key: record.id, payload };
}
