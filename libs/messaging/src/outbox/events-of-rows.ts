import type { FindLeavesRequest, FindLeavesResponse, LogDifference, LogRecord, Topic } from '#contracts';
import { isEventId } from '#kernel';
import { schemaName } from '../sql/schema-name.js';
import type { Queryable } from '../sql/transaction.js';

/** A row of a producer that names the event by which it came to be, or came to be as it is. */
export interface NamingRow {
  readonly eventId: string;
  /** Type that the event must have. */
  readonly type: string;
  /** Whether the event says what the row says, as far as the outbox still holds it. */
  readonly isIn: (event: LogRecord) => boolean;
}

export interface EventsOfRowsOptions {
  readonly database: Queryable;
  readonly schema: string;
  readonly topic: Topic;
  readonly audit: { findLeaves(request: FindLeavesRequest): Promise<FindLeavesResponse> };
  readonly recordOf: (payload: Buffer) => LogRecord | undefined;
}

/** Events of one question to audit. */
const mostAsked = 1_000;

/**
 * Rows against the events that they name. What the outbox has forgotten is looked up in the log: an entry that stays without its body
 * is enough, but it says no more than its type.
 */
export class EventsOfRows {
  private readonly schema: string;

  constructor(private readonly options: EventsOfRowsOptions) {
    this.schema = schemaName(options.schema);
  }

  /** Rows that no event says. */
  async lacking(rows: readonly NamingRow[]): Promise<LogDifference[]> {
    const { database, topic, audit, recordOf } = this.options;
    const named = [...new Set(rows.map(({ eventId }) => eventId).filter(isEventId))];
    if (rows.length === 0) return [];
    const kept = await database.query<{ event_id: string; payload: Buffer }>({
      name: `${this.schema}.events-of-rows`,
      text: `SELECT event_id, payload FROM ${this.schema}.outbox WHERE event_id = ANY ($1::text[])`,
      values: [named],
    });
    const payloads = new Map(kept.rows.map(({ event_id, payload }) => [event_id, payload]));
    const forgotten = named.filter((eventId) => !payloads.has(eventId));
    const logged = new Map<string, string>();
    for (let begin = 0; begin < forgotten.length; begin += mostAsked) {
      const { found } = await audit.findLeaves({ topic, eventIds: forgotten.slice(begin, begin + mostAsked) });
      for (const { eventId, type } of found) logged.set(eventId, type);
    }
    const isSaid = ({ eventId, type, isIn }: NamingRow): boolean => {
      const payload = payloads.get(eventId);
      if (payload === undefined) return [type, ''].includes(logged.get(eventId) ?? 'none');
      try {
        const event = recordOf(payload);
        return event?.type === type && isIn(event);
      } catch {
        return false;
      }
    };
    return rows.filter((row) => !isSaid(row)).map(({ eventId, type }) => rowWithoutEvent(eventId, type));
  }
}

export const rowWithoutEvent = (eventId: string, type: string): LogDifference => ({
  kind: 'row-without-event',
  eventId: isEventId(eventId) ? eventId : '',
  type,
  manifestHash: '',
});
