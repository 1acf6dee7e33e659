import { isDeepStrictEqual } from 'node:util';
import type { LogDifference, LoggedFact, LogRecord } from '#contracts';
import { type ClearRecord, readStatement } from '#envelope';
import {
  EventsOfRows,
  type EventsOfRowsOptions,
  type NamingRow,
  type Queryable,
  type RecordedRows,
  rowWithoutEvent,
} from '#messaging';

export interface DirectoryRowsParts extends Pick<EventsOfRowsOptions, 'audit' | 'recordOf' | 'topic'> {
  readonly database: Queryable;
  /** Rows of one look. Default 500. */
  readonly pageSize?: number;
}

type Type =
  'agency-registered' | 'agency-status' | 'key-published' | 'key-revoked' | 'responsibility-set' | 'catalogue';

interface SaidRow {
  readonly event_id: string;
  readonly type: Type;
  readonly agency: string;
  /** What of the row its event must say. */
  readonly said: string;
  /** Of a key: what is shown to everybody beside the record that its agency signed. */
  readonly shown: unknown;
}

/** Rows with the events that they name. Only an agency that is still in onboarding has no event of its status. */
const rowsText = `
  SELECT registered_event AS event_id, 'agency-registered' AS type, id AS agency, id AS said, NULL::jsonb AS shown
    FROM directory.agency
  UNION ALL SELECT status_event, 'agency-status', id, status, NULL FROM directory.agency
  UNION ALL SELECT event_id, 'key-published', agency, record, jsonb_build_object('agency', agency, 'use', use, 'jwk', jwk)
    FROM directory.agency_key
  UNION ALL SELECT event_id, 'key-revoked', agency, statement, NULL FROM directory.key_revocation
  UNION ALL SELECT event_id, 'responsibility-set', agency, agency || ' ' || duty, NULL FROM directory.responsibility
  UNION ALL SELECT event_id, 'catalogue', '', version || ' ' || hash, NULL FROM directory.catalogue_version`;

/**
 * Agencies, keys, responsibilities and catalogues against the events by which they were told, both ways: each row is what its event
 * said, a key is the one that its agency signed, and each event left its row.
 */
export class DirectoryRows implements RecordedRows {
  private readonly events: EventsOfRows;
  private after = '';

  constructor(private readonly parts: DirectoryRowsParts) {
    this.events = new EventsOfRows({ ...parts, schema: 'directory' });
  }

  async ofLeaves(
    client: Queryable,
    facts: readonly LoggedFact[],
    eventOf: (eventId: string) => LogRecord | undefined,
  ): Promise<LogDifference[]> {
    const told = facts.flatMap((fact) => {
      const event = fact.erased ? undefined : eventOf(fact.eventId);
      return event ? [{ fact, agency: event.sender }] : [];
    });
    if (told.length === 0) return [];
    // A status that another has followed is named no more, and what was told again is named by that: then its agency must be there.
    const { rows } = await client.query<{ event_id: string }>({
      name: 'directory.events-without-row',
      text: `WITH said AS (${rowsText})
             SELECT given.event_id FROM unnest($1::text[], $2::text[], $3::text[]) AS given (event_id, type, agency)
             WHERE NOT EXISTS (
               SELECT FROM said WHERE said.type = given.type AND (said.event_id = given.event_id
                 OR said.agency = given.agency AND (said.type = 'agency-status'
                   OR said.event_id IN (SELECT event_id FROM directory.told_again))))`,
      values: [
        told.map(({ fact }) => fact.eventId),
        told.map(({ fact }) => fact.type),
        told.map(({ agency }) => agency),
      ],
    });
    const without = new Set(rows.map(({ event_id }) => event_id));
    return told.flatMap(({ fact: { eventId, leafIndex, type } }) =>
      without.has(eventId) ? [{ kind: 'event-without-row', eventId, leafIndex, type, manifestHash: '' }] : [],
    );
  }

  async ofRows(): Promise<{ differences: LogDifference[]; done: () => Promise<void> }> {
    const { pageSize = 500 } = this.parts;
    const { rows } = await this.parts.database.query<SaidRow>({
      name: 'directory.said-rows',
      text: `WITH said AS (${rowsText}) SELECT * FROM said WHERE event_id > $1 ORDER BY event_id LIMIT $2`,
      values: [this.after, pageSize],
    });
    const after = rows.length === pageSize ? rows.at(-1)!.event_id : '';
    return {
      differences: [
        ...(await this.events.lacking(rows.map(namingRow))),
        ...rows.filter((row) => !isAsSigned(row)).map(({ event_id }) => rowWithoutEvent(event_id, 'key-shown')),
        ...(await this.standing()),
      ],
      done: async () => void (this.after = after),
    };
  }

  /** Rows that name no event, and keys that are revoked, or are not, though nobody said so. */
  private async standing(): Promise<LogDifference[]> {
    const { rows } = await this.parts.database.query<{ event_id: string | null; type: string }>({
      name: 'directory.standing',
      text: `WITH said AS (${rowsText})
             SELECT said.event_id, said.type FROM said
             WHERE said.event_id IS NULL AND NOT (said.type = 'agency-status' AND said.said = 'onboarding')
             UNION ALL
             SELECT key.event_id, 'key-revoked' FROM directory.agency_key AS key
             WHERE (key.revoked_at IS NOT NULL) <> EXISTS (SELECT FROM directory.key_revocation AS said
               WHERE said.agency = key.agency AND said.kid = key.kid AND said.revoked_at = key.revoked_at)
               AND (key.revoked_at IS NOT NULL OR EXISTS (SELECT FROM directory.key_revocation AS said
                 WHERE said.agency = key.agency AND said.kid = key.kid))`,
    });
    return rows.map(({ event_id, type }) => rowWithoutEvent(event_id ?? '', type));
  }
}

const namingRow = ({ event_id, type, agency, said }: SaidRow): NamingRow => ({
  eventId: event_id,
  type,
  isIn: (event) => saidBy(type, event, agency) === said,
});

function saidBy(type: Type, { sender, purpose, clearRecordJson }: LogRecord, agency: string): string | undefined {
  const clear = clearRecordJson === '' ? undefined : (JSON.parse(clearRecordJson) as ClearRecord);
  switch (type) {
    case 'agency-registered':
      return sender;
    case 'agency-status':
      return clear?.type === 'agency' && clear.agency === agency ? clear.status : undefined;
    case 'key-published':
      return clear?.type === 'agency-key' ? clear.record : undefined;
    case 'key-revoked':
      return clear?.type === 'agency-key-revocation' ? clear.record : undefined;
    case 'responsibility-set':
      return `${sender} ${purpose}`;
    case 'catalogue':
      return clear?.type === 'catalogue' ? `${clear.version} ${clear.hash}` : undefined;
  }
}

function isAsSigned({ type, said, shown }: SaidRow): boolean {
  if (type !== 'key-published') return true;
  const read = readStatement('agency-key', said);
  if (!read.ok) return false;
  const { agency, use, jwk } = read.value.payload;
  return isDeepStrictEqual({ agency, use, jwk }, shown);
}
