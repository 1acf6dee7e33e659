import { dayInHelsinki, deadlineFor } from '#calendar';
import { findDeadline } from '#catalogue';
import { type Clock, type ConsentId, unwrap } from '#kernel';
import type { Outbox } from '#messaging';
import type { Database, Queryable } from '#platform';
import { transitions } from '../domain/consent-state.js';
import { insertActs } from '../infra/acts.js';
import type { CatalogueView } from '../infra/catalogue-view.js';
import { consentEvent } from '../infra/consent-event.js';
import { lockMatters, moveConsents } from '../infra/consents.js';

const BATCH = 100;

/**
 * What time alone brings about: consents that have expired, proposals that nobody answered, and consents that will end soon, of
 * which the collecting agency is reminded. Decisions never wait for it: they compute the end by themselves. It makes the end a
 * fact for the log and for the parties. Run again and again; several instances do not harm each other.
 */
export class Sweep {
  constructor(
    private readonly parts: {
      readonly database: Database;
      readonly outbox: Outbox;
      readonly catalogue: CatalogueView;
      readonly clock: Clock;
      readonly afterCommit: () => void;
    },
  ) {}

  /** Takes everything that is due. Returns how many consents and proposals it ended or reminded of. */
  async run(): Promise<number> {
    let all = 0;
    const steps = [(client: Queryable) => this.end(client), (client: Queryable) => this.remind(client)];
    for (const step of steps) {
      for (;;) {
        const done = await this.parts.database.transaction(step);
        if (done > 0) this.parts.afterCommit();
        all += done;
        if (done < BATCH) break;
      }
    }
    return all;
  }

  private async end(client: Queryable): Promise<number> {
    const now = this.parts.clock.now();
    const due = await this.due(client, {
      name: 'due-consents',
      text: `SELECT consent_id AS id FROM consent.consent WHERE ended_at IS NULL AND ends_at <= $1
             ORDER BY ends_at LIMIT $2 FOR UPDATE SKIP LOCKED`,
      values: [now, BATCH],
    });
    if (due.length === 0) return 0;
    const ended = [...(await lockMatters(client, due)).values()].map((matter) => {
      const act = matter.consent ? 'expire' : 'lapse';
      const { to, event: type } = transitions[act];
      const event = consentEvent({ type, terms: matter.terms, version: matter.version, state: to, at: now });
      return { matter, act, to, event } as const;
    });
    await insertActs(
      client,
      ended.map(({ matter, act, to, event }) => ({
        consentId: matter.id,
        version: matter.version,
        act,
        state: to,
        statement: undefined,
        payload: undefined,
        eventId: event.eventId,
        effectiveAt: now,
      })),
    );
    await moveConsents(
      client,
      ended.map(({ matter, to }) => ({ id: matter.id, to, at: now })),
    );
    await this.parts.outbox.enqueue(
      client,
      ended.map(({ event }) => event),
    );
    return ended.length;
  }

  /** Not of a consent for one time, and not of one that is shorter than the time of the reminder. */
  private async remind(client: Queryable): Promise<number> {
    const now = this.parts.clock.now();
    const before = unwrap(
      findDeadline(this.parts.catalogue.current().deadlines, 'consent-reminder', dayInHelsinki(now)),
    );
    const soon = deadlineFor(before, now);
    const due = await this.due(client, {
      name: 'ending-consents',
      text: `SELECT c.consent_id AS id FROM consent.consent c JOIN consent.consent_version v USING (consent_id, version)
             WHERE c.ended_at IS NULL AND c.ends_at <= $1 AND c.ends_at > $2 AND c.reminded_at IS NULL
               AND c.ends_at - v.recorded_at > $1::timestamptz - $2::timestamptz
               AND v.payload->'uses'->>'kind' <> 'once'
             ORDER BY c.ends_at LIMIT $3 FOR UPDATE OF c SKIP LOCKED`,
      values: [soon, now, BATCH],
    });
    if (due.length === 0) return 0;
    const events = [...(await lockMatters(client, due)).values()].map(({ terms, version, state }) =>
      consentEvent({
        type: 'consent-ending',
        terms,
        version,
        state,
        at: now,
        told: [terms.collectingAgency],
      }),
    );
    await client.query({
      name: 'note-reminder',
      text: 'UPDATE consent.consent SET reminded_at = $2 WHERE consent_id = ANY($1::uuid[])',
      values: [due, now],
    });
    await this.parts.outbox.enqueue(client, events);
    return events.length;
  }

  private async due(client: Queryable, query: { name: string; text: string; values: unknown[] }): Promise<ConsentId[]> {
    const { rows } = await client.query<{ id: ConsentId }>(query);
    return rows.map(({ id }) => id);
  }
}
