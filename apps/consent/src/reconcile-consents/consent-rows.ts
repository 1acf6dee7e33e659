import { isDeepStrictEqual } from 'node:util';
import type { LogDifference, LoggedFact, LogRecord } from '#contracts';
import { readStatement } from '#envelope';
import {
  EventsOfRows,
  type EventsOfRowsOptions,
  type NamingRow,
  type Queryable,
  type RecordedRows,
  rowWithoutEvent,
} from '#messaging';
import {
  type StoredState,
  type Transition,
  eventOf,
  eventsOfTransitions,
  transitions,
} from '../domain/consent-state.js';

export interface ConsentRowsParts extends Pick<EventsOfRowsOptions, 'audit' | 'recordOf' | 'topic'> {
  readonly database: Queryable;
  /** Rows younger than this are left for later. Default 600 000 ms. */
  readonly alarmAfterMs?: number;
  /** Consents, and statements about persons, of one look. Default 500. */
  readonly pageSize?: number;
}

/** Entries that something in the tables says too. The others tell what was asked, shown or will be. */
const kept: ReadonlySet<string> = new Set([...eventsOfTransitions, 'subject-linked', 'decider-excluded']);

type Kind = 'consent' | 'consent-proposal' | 'consent-act' | 'subject-link' | 'decider-exclusion';

interface StatementRow {
  readonly consent_id: string | null;
  readonly version: number;
  readonly kind: Kind;
  readonly act: Transition | null;
  /** After the act. */
  readonly state: StoredState | null;
  readonly event_id: string;
  readonly token: string | null;
  readonly payload: unknown;
}

interface StandingRow {
  readonly consent_id: string;
  readonly event_id: string | null;
  readonly version: number;
  readonly newest: number;
  readonly state: StoredState;
  readonly said: StoredState;
}

/**
 * Consents, proposals, acts, links and exclusions against the events by which they were told, both ways: each row is what an event
 * said, with the statement that the agency signed, a consent stands as the last of its rows says, and each event left its row.
 */
export class ConsentRows implements RecordedRows {
  private readonly events: EventsOfRows;
  /** In memory: a pass that begins anew costs little and misses nothing. */
  private after = { consent: '00000000-0000-0000-0000-000000000000', event: '' };

  constructor(private readonly parts: ConsentRowsParts) {
    this.events = new EventsOfRows({ ...parts, schema: 'consent' });
  }

  async ofLeaves(client: Queryable, facts: readonly LoggedFact[]): Promise<LogDifference[]> {
    const told = facts.filter(({ type, erased }) => !erased && kept.has(type));
    if (told.length === 0) return [];
    const { rows } = await client.query<{ event_id: string }>({
      name: 'consent.events-without-row',
      text: `SELECT event_id FROM unnest($1::text[]) AS given (event_id)
             WHERE NOT EXISTS (SELECT FROM consent.consent_version AS known WHERE known.event_id = given.event_id)
               AND NOT EXISTS (SELECT FROM consent.proposal AS known WHERE known.event_id = given.event_id)
               AND NOT EXISTS (SELECT FROM consent.consent_act AS known WHERE known.event_id = given.event_id)
               AND NOT EXISTS (SELECT FROM consent.subject_link AS known WHERE known.event_id = given.event_id)
               AND NOT EXISTS (SELECT FROM consent.decider_exclusion AS known WHERE known.event_id = given.event_id)
               AND NOT EXISTS (SELECT FROM consent.lost_statement AS known WHERE known.event_id = given.event_id)`,
      values: [told.map(({ eventId }) => eventId)],
    });
    const without = new Set(rows.map(({ event_id }) => event_id));
    return told
      .filter(({ eventId }) => without.has(eventId))
      .map(({ eventId, leafIndex, type }) => ({
        kind: 'event-without-row',
        eventId,
        leafIndex,
        type,
        manifestHash: '',
      }));
  }

  async ofRows(): Promise<{ differences: LogDifference[]; done: () => Promise<void> }> {
    const { pageSize = 500 } = this.parts;
    const standing = await this.standing();
    const ids = standing.map(({ consent_id }) => consent_id);
    const persons = await this.aboutPersons();
    const rows = [...(await this.statementsOf(ids)), ...persons];
    const after = {
      consent: ids.length === pageSize ? ids.at(-1)! : '00000000-0000-0000-0000-000000000000',
      event: persons.length === pageSize ? persons.at(-1)!.event_id : '',
    };
    return {
      differences: [
        ...(await this.events.lacking(rows.map(namingRow))),
        ...rows.filter((row) => !isAsSigned(row)).map(({ event_id, kind }) => rowWithoutEvent(event_id, kind)),
        ...standing
          .filter((row) => !standsAsSaid(row))
          .map(({ event_id }) => rowWithoutEvent(event_id ?? '', 'consent-state')),
      ],
      done: async () => void (this.after = after),
    };
  }

  /** Each as it stands, and as its last act, else its record or proposal, says. One that only the log still knows says nothing. */
  private async standing(): Promise<StandingRow[]> {
    const { database, alarmAfterMs = 600_000, pageSize = 500 } = this.parts;
    const { rows } = await database.query<StandingRow>({
      name: 'consent.standing',
      text: `SELECT c.consent_id::text, c.version, c.state, coalesce(newest.version, 0) AS newest,
                    coalesce(last.event_id, newest.event_id, proposed.event_id) AS event_id,
                    coalesce(last.state, CASE WHEN newest.version IS NULL THEN 'requested' ELSE 'active' END) AS said
             FROM consent.consent AS c
             LEFT JOIN LATERAL (SELECT version, event_id FROM consent.consent_version AS v
               WHERE v.consent_id = c.consent_id ORDER BY version DESC LIMIT 1) AS newest ON true
             LEFT JOIN LATERAL (SELECT event_id FROM consent.proposal AS p
               WHERE p.consent_id = c.consent_id ORDER BY renewal DESC LIMIT 1) AS proposed ON true
             LEFT JOIN LATERAL (SELECT state, event_id FROM consent.consent_act AS a
               WHERE a.consent_id = c.consent_id AND a.version = coalesce(newest.version, 0)
               ORDER BY number DESC LIMIT 1) AS last ON true
             WHERE c.consent_id > $1::uuid AND c.changed_at < clock_timestamp() - $2::float8 * interval '1 millisecond'
               AND (newest.version IS NOT NULL OR proposed.event_id IS NOT NULL OR last.event_id IS NOT NULL)
             ORDER BY c.consent_id LIMIT $3`,
      values: [this.after.consent, alarmAfterMs, pageSize],
    });
    return rows;
  }

  private async statementsOf(ids: readonly string[]): Promise<StatementRow[]> {
    if (ids.length === 0) return [];
    const { rows } = await this.parts.database.query<StatementRow>({
      name: 'consent.statements-of',
      text: `SELECT consent_id::text, version, 'consent' AS kind, NULL AS act, NULL AS state, event_id, record AS token, payload
             FROM consent.consent_version WHERE consent_id = ANY ($1::uuid[])
             UNION ALL
             SELECT consent_id::text, 0, 'consent-proposal', NULL, NULL, event_id, proposal, payload
             FROM consent.proposal WHERE consent_id = ANY ($1::uuid[])
             UNION ALL
             SELECT consent_id::text, version, 'consent-act', act, state, event_id, statement, payload
             FROM consent.consent_act WHERE consent_id = ANY ($1::uuid[])`,
      values: [ids],
    });
    return rows;
  }

  private async aboutPersons(): Promise<StatementRow[]> {
    const { database, alarmAfterMs = 600_000, pageSize = 500 } = this.parts;
    const of = (table: string, kind: Kind): string =>
      `(SELECT NULL AS consent_id, 0 AS version, '${kind}' AS kind, NULL AS act, NULL AS state, event_id, statement AS token, NULL AS payload
        FROM consent.${table} WHERE event_id > $1 AND recorded_at < clock_timestamp() - $2::float8 * interval '1 millisecond'
        ORDER BY event_id LIMIT $3)`;
    const { rows } = await database.query<StatementRow>({
      name: 'consent.statements-about-persons',
      text: `${of('subject_link', 'subject-link')} UNION ALL ${of('decider_exclusion', 'decider-exclusion')}
             ORDER BY event_id LIMIT $3`,
      values: [this.after.event, alarmAfterMs, pageSize],
    });
    return rows;
  }
}

const typeOf = ({ kind, act, state }: StatementRow): string => {
  switch (kind) {
    case 'consent':
      return transitions.record.event;
    case 'consent-proposal':
      return transitions.propose.event;
    case 'consent-act':
      return act === null || state === null ? '' : eventOf(act, state);
    case 'subject-link':
      return 'subject-linked';
    case 'decider-exclusion':
      return 'decider-excluded';
  }
};

/** An act of the hub's own has no statement; one that was taken from the log stands with a later version than its event's. */
const namingRow = (row: StatementRow): NamingRow => ({
  eventId: row.event_id,
  type: typeOf(row),
  isIn: ({ consentId, consentVersion, evidence }: LogRecord) =>
    consentId === (row.consent_id ?? '') &&
    (row.kind === 'consent-proposal' ||
      consentVersion === row.version ||
      (row.kind === 'consent-act' && row.token === null)) &&
    (row.token === null || evidence.some(({ token }) => token === row.token)),
});

/** What is decided by is the payload beside the statement: it must be the statement's. */
function isAsSigned({ kind, token, payload }: StatementRow): boolean {
  if (payload === null) return token === null || kind === 'subject-link' || kind === 'decider-exclusion';
  const read = token === null ? undefined : readStatement(kind, token);
  return read?.ok === true && isDeepStrictEqual(read.value.payload, payload);
}

const standsAsSaid = ({ state, said, version, newest }: StandingRow): boolean => state === said && version === newest;
