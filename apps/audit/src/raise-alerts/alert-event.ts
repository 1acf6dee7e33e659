import { AuditEvent, topics } from '#contracts';
import { type AgencyId, type EventId, newEventId } from '#kernel';
import type { OutboxRow } from '#messaging';

interface ToldAlert {
  readonly alert: EventId;
  readonly rule: string;
  readonly agency: AgencyId;
  readonly at: Date;
  /** Path at the gateway where it is looked at. */
  readonly look: string;
}

/** By which exchange tells the supervising authorities. Who looked, and at whom, they find in the log. */
export const alertEvent = (told: ToldAlert): OutboxRow => ({
  eventId: told.alert,
  topic: topics.auditEvents,
  key: told.alert,
  payload: AuditEvent.encode({ event: { $case: 'alert', value: told } }).finish(),
});

/** By which exchange tells nobody of it any more. Each time that it is said, one event. */
export const alertEndedEvent = (alert: string): OutboxRow => ({
  eventId: newEventId(),
  topic: topics.auditEvents,
  key: alert,
  payload: AuditEvent.encode({ event: { $case: 'alertEnded', value: { alert } } }).finish(),
});
