import { type AuditServiceClient, type LogDifference, type LoggedFact, topics } from '#contracts';
import type { Clock } from '#kernel';
import type { Queryable, RecordedRows } from '#messaging';
import type { GrpcClient } from '#platform';

export interface EdgeRefusalsParts {
  readonly database: Queryable;
  readonly audit: Pick<GrpcClient<AuditServiceClient>, 'findLeaves'>;
  readonly clock: Clock;
  /** Refusals heard of less than this ago are left for later, and so long may word of one be under way. Default 600 000 ms. */
  readonly alarmAfterMs?: number;
  /** Refusals of one look. Default 500. */
  readonly pageSize?: number;
}

const refused = 'edge-refused';

/**
 * The gateway has no database, but Kafka brings each of its refusals twice: to audit for the log, and to exchange for the agency's
 * mailbox. What the one took and the other did not is a difference (decision 0037): a refusal without its leaf, or one of which the
 * agency never gets word.
 */
export class EdgeRefusals implements RecordedRows {
  private after = '';
  /** Leaves of which exchange has not heard yet, and since when that is known. */
  private readonly unheard = new Map<string, { readonly fact: LoggedFact; readonly since: number }>();

  constructor(private readonly parts: EdgeRefusalsParts) {}

  /** Word of it may be under way, so nothing is different at once. */
  async ofLeaves(client: Queryable, facts: readonly LoggedFact[]): Promise<LogDifference[]> {
    const ofEdge = facts.filter(({ type }) => type === refused);
    const heard = await this.heardOf(
      client,
      ofEdge.map(({ eventId }) => eventId),
    );
    for (const fact of ofEdge)
      if (!heard.has(fact.eventId) && !this.unheard.has(fact.eventId))
        this.unheard.set(fact.eventId, { fact, since: this.parts.clock.now().getTime() });
    return [];
  }

  async ofRows(): Promise<{ differences: LogDifference[]; done: () => Promise<void> }> {
    const lost = await this.neverHeardOf();
    const { differences, after } = await this.neverLogged();
    return {
      differences: [...lost, ...differences],
      done: async () => {
        this.after = after;
        for (const { eventId } of lost) this.unheard.delete(eventId);
      },
    };
  }

  private async neverHeardOf(): Promise<LogDifference[]> {
    const { database, clock, alarmAfterMs = 600_000 } = this.parts;
    const heard = await this.heardOf(database, [...this.unheard.keys()]);
    for (const eventId of heard) this.unheard.delete(eventId);
    const bound = clock.now().getTime() - alarmAfterMs;
    return [...this.unheard.values()]
      .filter(({ since }) => since <= bound)
      .map(({ fact: { eventId, leafIndex, type, manifestHash } }) => ({
        kind: 'leaf-without-event',
        eventId,
        leafIndex,
        type,
        manifestHash,
      }));
  }

  /** One page of what was heard of, and page by page all of it. */
  private async neverLogged(): Promise<{ differences: LogDifference[]; after: string }> {
    const { database, audit, clock, alarmAfterMs = 600_000, pageSize = 500 } = this.parts;
    const { rows } = await database.query<{ event_id: string }>({
      name: 'exchange.edge-refusals',
      text: `SELECT event_id FROM exchange.inbox
             WHERE consumer = '${topics.gatewayRefusals}' AND event_id > $1 AND event_id ~ '^[0-9a-f]{32}$' AND received_at < $2
             ORDER BY event_id LIMIT $3`,
      values: [this.after, new Date(clock.now().getTime() - alarmAfterMs), pageSize],
    });
    if (rows.length === 0) return { differences: [], after: '' };
    const eventIds = rows.map(({ event_id }) => event_id);
    const { found } = await audit.findLeaves({ topic: topics.exchangeEvents, eventIds });
    const logged = new Set(found.filter(({ type }) => type === refused || type === '').map(({ eventId }) => eventId));
    return {
      differences: eventIds
        .filter((eventId) => !logged.has(eventId))
        .map((eventId) => ({ kind: 'event-without-leaf', eventId, type: refused, manifestHash: '' })),
      after: rows.length === pageSize ? eventIds.at(-1)! : '',
    };
  }

  private async heardOf(client: Queryable, eventIds: readonly string[]): Promise<Set<string>> {
    if (eventIds.length === 0) return new Set();
    const { rows } = await client.query<{ event_id: string }>({
      name: 'exchange.edge-refusals-heard',
      text: `SELECT event_id FROM exchange.inbox WHERE consumer = '${topics.gatewayRefusals}' AND event_id = ANY ($1::text[])`,
      values: [eventIds],
    });
    return new Set(rows.map(({ event_id }) => event_id));
  }
}
