import { DirectoryEvent, LogRecord, topics } from '#contracts';
import type { ClearRecord } from '#envelope';
import { type AgencyId, canonicalJson, type EventId, newEventId } from '#kernel';
import type { OutboxRow } from '#messaging';

/**
 * A change that concerns no key: who is on the way to take part, and who answers for what. It stands in the log opaque, because
 * contacts and names do (design 3), findable by its agency.
 */
export function opaqueDirectoryEvent(fact: {
  type: 'agency-registered' | 'responsibility-set';
  agency: AgencyId;
  /** Duty, of a responsibility. */
  purpose?: string;
  at: Date;
}): OutboxRow {
  const { type, agency, purpose = '', at } = fact;
  const eventId: EventId = newEventId();
  const log = LogRecord.fromPartial({ eventId, type, at, sender: agency, purpose });
  return {
    eventId,
    topic: topics.directoryEvents,
    key: agency,
    payload: DirectoryEvent.encode({ log }).finish(),
  };
}

/** A change of the directory for the outbox; it stands in the log in clear, so that agents find a key they did not make. */
export function directoryEvent(fact: {
  type: 'agency-status' | 'key-published' | 'key-revoked' | 'catalogue';
  clear: ClearRecord;
  at: Date;
  agency?: AgencyId;
  evidence?: { kind: string; token: string };
}): OutboxRow {
  const eventId: EventId = newEventId();
  const payload = DirectoryEvent.encode({
    log: LogRecord.fromPartial({
      eventId,
      type: fact.type,
      at: fact.at,
      sender: fact.agency ?? '',
      actorAgency: fact.agency ?? '',
      clearRecordJson: canonicalJson(fact.clear),
      evidence: fact.evidence ? [fact.evidence] : [],
    }),
  }).finish();
  return { eventId, topic: topics.directoryEvents, key: fact.agency ?? 'catalogue', payload };
}
