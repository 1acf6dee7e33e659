import type { QueryResultRow } from 'pg';
import type { LogDifference } from '#contracts';
import type { EventId } from '#kernel';
import type { NamedRule } from '../domain/alert-rules.js';
import { messageTypes } from '../domain/entry-types.js';
import type { Queryable } from './log-store.js';
import { auditSchema as s, chainNamed, hasPlace, placesOfRuns } from './schema.js';

const eventIdText = `replace(event_id::text, '-', '')`;
const messageTypeList = messageTypes.map((type) => `'${type}'`).join(', ');

export interface FactRow {
  readonly leafIndex: number;
  readonly eventId: EventId;
  /** What the tree hashes. */
  readonly entry: Buffer;
  /** As the index has it; null where it has none. */
  readonly type: string | null;
  readonly hasBody: boolean;
  /** Of an opaque leaf that is not erased. */
  readonly body: Buffer | null;
  readonly wrapped: Buffer | null;
  readonly kek: string | null;
}

export interface ProducerState {
  readonly topic: string;
  readonly next: number;
  readonly compared: number;
  readonly overdue: number;
  readonly setAside: number;
  readonly reportedAt: Date;
  readonly ageMs: number;
}

export interface StoredDifference extends QueryResultRow {
  readonly topic: string;
  readonly kind: string;
  readonly eventId: string;
  readonly leafIndex: number | null;
  readonly type: string;
  readonly manifestHash: string;
  readonly alert: string;
  readonly foundAt: Date;
}

const difference = `d.topic, d.kind, d.event_id AS "eventId", d.leaf_index::float8 AS "leafIndex", d.type,
  d.manifest_hash AS "manifestHash", d.alert, d.found_at AS "foundAt"`;

/** When a difference `d` was mended, as far as the log shows it: what lacked its leaf has it since then. Null where it does not. */
export const mendedAt = `CASE
  WHEN d.kind IN ('event-without-leaf', 'event-refused')
    THEN (SELECT appended_at FROM ${s}.entry AS e WHERE e.event_id = d.event_id::uuid)
  WHEN d.kind = 'transfer-without-leaf'
    THEN (SELECT min(appended_at) FROM ${s}.entry_index AS i JOIN ${s}.entry USING (leaf_index)
          WHERE i.manifest_hash = d.manifest_hash AND i.type = d.type AND i.type IN (${messageTypeList})) END`;

/** What is found and neither ended by the alert's owner nor mended. */
const open = `FROM ${s}.log_difference AS d JOIN ${s}.alert AS a ON a.id = d.alert
  WHERE a.state <> 'closed' AND (${mendedAt}) IS NULL`;

/** What the log holds of the producers' facts, and what they report of it. */
export class ReconciliationStore {
  constructor(private readonly client: Queryable) {}

  /**
   * Leaves from an index on that are old enough, without those whose type is another producer's, and where the page ends.
   * @param types which index types may be the producer's; a leaf without one is looked at too
   */
  async page(asked: {
    readonly from: number;
    readonly limit: number;
    readonly leastAgeMs: number;
    readonly types: RegExp;
  }): Promise<{ rows: FactRow[]; next: number }> {
    // Said of each table: one after the other they are read, not looked up row by row.
    const onPage = 'leaf_index >= $1 AND leaf_index < $1::bigint + $2';
    const { rows } = await this.client.query<FactRow & { next: number }>({
      name: `${s}.facts-page`,
      text: `WITH looked AS MATERIALIZED (
               SELECT leaf_index, event_id, entry, body
               FROM ${s}.entry
               WHERE ${onPage}
                 AND appended_at < clock_timestamp() - $3::float8 * interval '1 millisecond'
             ), bound AS (SELECT coalesce(max(leaf_index) + 1, $1) AS next FROM looked)
             SELECT looked.leaf_index::float8 AS "leafIndex", ${eventIdText} AS "eventId", entry,
                    body IS NOT NULL OR get_byte(entry, 0) = 2 AS "hasBody", body, wrapped, kek, type,
                    bound.next::float8 AS next
             FROM bound LEFT JOIN (looked
               LEFT JOIN (SELECT leaf_index, type FROM ${s}.entry_index WHERE ${onPage}) AS i USING (leaf_index)
               LEFT JOIN (SELECT leaf_index, wrapped, kek FROM ${s}.entry_secret WHERE ${onPage}) AS k USING (leaf_index))
               ON type IS NULL OR type ~ $4
             ORDER BY looked.leaf_index`,
      values: [asked.from, asked.limit, asked.leastAgeMs, asked.types.source],
    });
    return { rows: rows.filter(({ eventId }) => eventId !== null), next: rows[0]?.next ?? asked.from };
  }

  /** Where these events stand, as far as they do. */
  async leavesOf(eventIds: readonly string[]): Promise<Map<string, number>> {
    const { rows } = await this.client.query<{ eventId: string; leafIndex: number }>({
      name: `${s}.leaves-of-events`,
      text: `SELECT ${eventIdText} AS "eventId", leaf_index::float8 AS "leafIndex" FROM ${s}.entry
             WHERE event_id = ANY ($1::uuid[])`,
      values: [eventIds],
    });
    return new Map(rows.map(({ eventId, leafIndex }) => [eventId, leafIndex]));
  }

  /** Which of these events have a leaf, and of which type, as far as the index has it. */
  async typesOf(eventIds: readonly string[]): Promise<{ eventId: string; type: string }[]> {
    const { rows } = await this.client.query<{ eventId: string; type: string }>({
      name: `${s}.types-of-events`,
      text: `SELECT replace(entry.event_id::text, '-', '') AS "eventId", coalesce(type, '') AS type
             FROM ${s}.entry LEFT JOIN ${s}.entry_index USING (leaf_index) WHERE entry.event_id = ANY ($1::uuid[])`,
      values: [eventIds],
    });
    return rows;
  }

  /** Types of the entries about each message, by manifest, of those by which audit decides. */
  async messageEntries(manifests: readonly string[]): Promise<{ manifestHash: string; types: string[] }[]> {
    const { rows } = await this.client.query<{ manifestHash: string; types: string[] }>({
      name: `${s}.message-entries`,
      text: `SELECT manifest_hash AS "manifestHash", array_agg(DISTINCT type) AS types FROM ${s}.entry_index
             WHERE manifest_hash = ANY ($1::text[]) AND type IN (${messageTypeList}) GROUP BY manifest_hash`,
      values: [manifests],
    });
    return rows;
  }

  /** Whether the body of an entry of both agencies from this index on is gone: their places stay. */
  async erasedFrom(leafIndex: number, sender: string, recipient: string): Promise<boolean> {
    const { rows } = await this.client.query<{ erased: boolean }>({
      name: `${s}.erased-from`,
      text: `SELECT EXISTS (
               SELECT FROM ${placesOfRuns} JOIN ${s}.entry USING (leaf_index)
               WHERE run.chain = ${chainNamed('$2')} AND run.last_leaf >= $1 AND leaf_index >= $1 AND body IS NULL
                 AND ${hasPlace(chainNamed('$3'), 'place.leaf_index')}) AS erased`,
      values: [leafIndex, sender, recipient],
    });
    return rows[0]?.erased ?? false;
  }

  /** Which of these events lie in quarantine: no later attempt makes an entry of them. */
  async refusedAmong(topic: string, eventIds: readonly string[]): Promise<Set<string>> {
    const { rows } = await this.client.query<{ event_id: string }>({
      name: `${s}.refused-events`,
      text: `SELECT DISTINCT event_id FROM ${s}.quarantine WHERE event_id = ANY ($2::text[]) AND topic = $1 AND taken_at IS NULL`,
      values: [topic, eventIds],
    });
    return new Set(rows.map(({ event_id }) => event_id));
  }

  async report(
    topic: string,
    round: { readonly next: number; readonly compared: number; readonly overdue: number; readonly setAside: number },
  ): Promise<void> {
    await this.client.query({
      name: `${s}.reconciliation-report`,
      text: `INSERT INTO ${s}.reconciliation AS known (topic, next_leaf, compared, overdue, set_aside, reported_at)
             VALUES ($1, $2, $3, $4, $5, clock_timestamp())
             ON CONFLICT (topic) DO UPDATE SET next_leaf = greatest(known.next_leaf, excluded.next_leaf),
               compared = known.compared + excluded.compared, overdue = excluded.overdue, set_aside = excluded.set_aside,
               reported_at = excluded.reported_at`,
      values: [topic, round.next, round.compared, round.overdue, round.setAside],
    });
  }

  /** Keeps those that are new, under one alert that waits to be logged. Gives how many: none, and there is no alert. */
  async raise(
    alert: { readonly id: string; readonly rule: Pick<NamedRule, 'id' | 'owner'>; readonly at: Date },
    topic: string,
    found: readonly LogDifference[],
  ): Promise<number> {
    const { rows } = await this.client.query<{ raised: number }>({
      name: `${s}.raise-differences`,
      text: `WITH fresh AS (
               INSERT INTO ${s}.log_difference (topic, kind, event_id, leaf_index, type, manifest_hash, alert, found_at)
               SELECT $1, kind, event_id, leaf_index, type, manifest_hash, $2, $3
               FROM unnest($4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[])
                 AS given (kind, event_id, leaf_index, type, manifest_hash)
               WHERE NOT (kind = 'event-refused' AND EXISTS (SELECT FROM ${s}.log_difference AS known
                 WHERE known.topic = $1 AND known.kind = 'event-without-leaf' AND known.event_id = given.event_id))
               ON CONFLICT DO NOTHING RETURNING 1
             ), raised AS (
               INSERT INTO ${s}.alert (id, rule, owner, window_from, window_to, measured, threshold, raised_at)
               SELECT $2, $9, $10, clock_timestamp(), clock_timestamp(), count(*), 1, $3 FROM fresh
               HAVING count(*) > 0
             )
             SELECT count(*)::integer AS raised FROM fresh`,
      values: [
        topic,
        alert.id,
        alert.at,
        found.map(({ kind }) => kind),
        found.map(({ eventId }) => eventId),
        found.map(({ leafIndex }) => leafIndex?.toString() ?? null),
        found.map(({ type }) => type),
        found.map(({ manifestHash }) => manifestHash),
        alert.rule.id,
        alert.rule.owner,
      ],
    });
    return rows[0]?.raised ?? 0;
  }

  /** Of alerts that are not in the log yet, oldest first. */
  async unlogged(rule: string): Promise<StoredDifference[]> {
    const { rows } = await this.client.query<StoredDifference>({
      name: `${s}.unlogged-differences`,
      text: `SELECT ${difference} FROM ${s}.log_difference AS d JOIN ${s}.alert AS a ON a.id = d.alert
             WHERE a.rule = $1 AND NOT a.logged ORDER BY d.found_at, d.alert, d.kind, d.event_id, d.manifest_hash`,
      values: [rule],
    });
    return rows;
  }

  async logged(alerts: readonly string[]): Promise<void> {
    await this.client.query({
      text: `UPDATE ${s}.alert SET logged = true WHERE id = ANY ($1::text[])`,
      values: [alerts],
    });
  }

  async open(limit: number): Promise<{ differences: StoredDifference[]; count: number }> {
    const { rows } = await this.client.query<StoredDifference & { readonly count: number }>({
      name: `${s}.open-differences`,
      text: `SELECT ${difference}, count(*) OVER ()::integer AS count ${open}
             ORDER BY d.found_at, d.topic, d.kind, d.event_id LIMIT $1`,
      values: [limit],
    });
    return { differences: rows, count: rows[0]?.count ?? 0 };
  }

  async producers(): Promise<ProducerState[]> {
    const { rows } = await this.client.query<ProducerState & QueryResultRow>({
      name: `${s}.reconciliation-state`,
      text: `SELECT topic, next_leaf::float8 AS next, compared::float8 AS compared, overdue, set_aside AS "setAside",
                    reported_at AS "reportedAt",
                    extract(epoch FROM clock_timestamp() - reported_at)::float8 * 1000 AS "ageMs"
             FROM ${s}.reconciliation ORDER BY topic`,
    });
    return rows;
  }
}
