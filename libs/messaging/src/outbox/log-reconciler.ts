import { Logger } from '@nestjs/common';
import {
  type ListFactsRequest,
  type ListFactsResponse,
  type LogDifference,
  type LoggedEntry,
  type LoggedFact,
  type LogRecord,
  type ReportReconciliationRequest,
  type ReportReconciliationResponse,
  type Topic,
} from '#contracts';
import { isSha256 } from '#kernel';
import type { Pool, PoolClient } from 'pg';
import { schemaName } from '../sql/schema-name.js';
import { type Queryable, inTransaction } from '../sql/transaction.js';
import { failureCode } from '../sql/transient-failure.js';
import { digestOfRecord } from './digest-of-record.js';
import { OUTBOX_RETENTION_MS, SET_ASIDE_PAUSE_MS } from './outbox-reconciler.js';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Differences of one report. */
const DIFFERENCES_OF_REPORT = 100;

/** Audit, as far as a producer holds its records against the log. */
export interface ReconcilingAudit {
  listFacts(request: ListFactsRequest): Promise<ListFactsResponse>;
  reportReconciliation(request: ReportReconciliationRequest): Promise<ReportReconciliationResponse>;
}

/** A producer's own tables beside its outbox, held against the log too. */
export interface RecordedRows {
  /** Leaves of the page for which the tables have no row. `eventOf` is what the outbox holds of one. */
  ofLeaves(
    client: Queryable,
    facts: readonly LoggedFact[],
    eventOf: (eventId: string) => LogRecord | undefined,
  ): Promise<LogDifference[]>;
  /** Rows changed since the last look that lack an entry. `done` is called when they are reported. */
  ofRows(): Promise<{ readonly differences: readonly LogDifference[]; readonly done: () => Promise<void> }>;
}

export interface LogReconcilerOptions {
  readonly pool: Pool;
  readonly schema: string;
  readonly topic: Topic;
  readonly audit: ReconcilingAudit;
  readonly recordOf: (payload: Buffer) => LogRecord | undefined;
  /** What the app does when it hears by Kafka that its events are in the log. */
  readonly confirm: (client: PoolClient, entries: readonly LoggedEntry[]) => Promise<unknown>;
  /** After the transaction of such a confirmation. */
  readonly afterCommit?: () => void;
  readonly rows?: readonly RecordedRows[];
  /** What else the app does in each round, before it compares. */
  readonly eachRound?: () => Promise<unknown>;
  /** Leaves younger than this are left for later. Default 60 000 ms. */
  readonly leastAgeMs?: number;
  /** An event that has waited so long for its leaf, sent again meanwhile, is a difference. Default 600 000 ms. */
  readonly alarmAfterMs?: number;
  /** Default 10 000 ms. */
  readonly everyMs?: number;
  /** Leaves of one page. Default 500. */
  readonly pageSize?: number;
  /** As the outbox's. */
  readonly retentionMs?: number;
}

/** Pages that a round goes forward at most, so that it ends. */
const PAGES_OF_ROUND = 40;

type Pass = 'new' | 'again';

interface Round {
  next: bigint;
  compared: number;
  overdue: number;
}

/**
 * Proves that each event of this producer has its leaf and each such leaf its event, saying the same (decision 0037). It asks
 * audit for leaves by index, so it rests on Kafka for nothing: a confirmation that Kafka lost is taken up here. Each leaf is
 * compared once soon after it is logged, and again in a second pass that begins anew when it is through, so that what is
 * deleted later is missed too. By cursors in the database and by pages: some statements a page, none a row.
 *
 * A difference is told to audit, which knows what it was told before, until audit has answered; only then a cursor moves.
 */
export class LogReconciler {
  private readonly logger = new Logger(LogReconciler.name);
  private readonly sql: ReturnType<typeof statements>;
  private overdueAfter: { readonly tx: string; readonly id: string } = { tx: '0', id: '0' };
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopping = false;

  constructor(private readonly options: LogReconcilerOptions) {
    this.sql = statements(schemaName(options.schema));
  }

  start(): void {
    this.timer ??= setInterval(() => {
      this.running = this.running.then(() => this.tryRound());
    }, this.options.everyMs ?? 10_000);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await this.running;
  }

  /** Forward through what is new, one page of what was compared before, what waits for its leaf, and the report. */
  async round(): Promise<void> {
    await this.options.eachRound?.();
    const round: Round = { next: 0n, compared: 0, overdue: 0 };
    for (let page = 0; page < PAGES_OF_ROUND && !this.stopping; page += 1) if (!(await this.page('new', round))) break;
    round.next = await this.cursorOf('new');
    await this.page('again', round);
    const overdue = await this.overdue();
    round.overdue = overdue.length;
    const looked = [];
    for (const rows of this.options.rows ?? []) looked.push(await rows.ofRows());
    await this.report(round, [...overdue, ...looked.flatMap(({ differences }) => differences)]);
    for (const { done } of looked) await done();
  }

  private async tryRound(): Promise<void> {
    if (this.stopping) return;
    try {
      await this.round();
    } catch (error) {
      this.logger.warn(`${this.options.schema} is held against the log later after ${failureCode(error)}`);
    }
  }

  /** Whether there may be more to compare. */
  private async page(pass: Pass, round: Round): Promise<boolean> {
    const { audit, topic, leastAgeMs = 60_000, pageSize = 500, retentionMs = OUTBOX_RETENTION_MS } = this.options;
    const cursor = await this.cursorOf(pass);
    const from = pass === 'again' && cursor >= round.next ? 0n : cursor;
    if (pass === 'again' && round.next === 0n) return false;
    const { facts, first, next } = await audit.listFacts({
      topic,
      from,
      limit: pageSize,
      // Two days before the outbox forgets an event: what is not compared by then is aged, not different.
      loggedSince: new Date(Date.now() - (retentionMs - 2 * DAY_MS)),
      leastAgeMs,
    });
    if (next <= from && pass === 'new') return false;
    // What was compared before and does not come again, because the log ends earlier now, is looked for too.
    const ended = next < first + BigInt(pageSize);
    const end = pass === 'again' && (ended || next > round.next) ? round.next : next;
    const known = facts.filter(({ leafIndex }) => leafIndex < end);
    const differences = await this.compare(known, first, end);
    round.compared += known.length;
    if (differences.length > 0) await this.report({ ...round, next: cursor }, differences);
    await this.options.pool.query({ ...this.sql.move, values: [pass, end.toString(), cursor.toString()] });
    return true;
  }

  private async compare(facts: readonly LoggedFact[], first: bigint, end: bigint): Promise<LogDifference[]> {
    const { pool, rows = [], topic, afterCommit } = this.options;
    let confirmed = false;
    const differences = await inTransaction(pool, async (client) => {
      const { rows: kept } = await client.query<KeptRow>({
        ...this.sql.kept,
        values: [facts.map(({ eventId }) => eventId), first.toString(), end.toString()],
      });
      const events = new Map(kept.map((row) => [row.event_id, row]));
      const listed = new Set(facts.map(({ eventId }) => eventId));
      const unheard = facts.filter(({ eventId }) => {
        const row = events.get(eventId);
        return row !== undefined && row.payload !== null && row.leaf_index === null;
      });
      confirmed = unheard.length > 0;
      if (confirmed)
        await this.options.confirm(
          client,
          unheard.map(({ eventId, leafIndex }) => ({ eventId, leafIndex, topic, receipt: undefined })),
        );
      const recorded: LogDifference[] = [];
      const eventOf = (eventId: string): LogRecord | undefined => {
        const payload = events.get(eventId)?.payload;
        return payload ? this.recordIn(payload) : undefined;
      };
      for (const one of rows) recorded.push(...(await one.ofLeaves(client, facts, eventOf)));
      return [
        ...facts.flatMap((fact) => this.differenceOf(fact, events.get(fact.eventId)) ?? []),
        ...kept.flatMap(({ event_id, leaf_index }) =>
          leaf_index === null || listed.has(event_id)
            ? []
            : [{ kind: 'leaf-gone', eventId: event_id, leafIndex: BigInt(leaf_index), type: '', manifestHash: '' }],
        ),
        ...recorded,
      ];
    });
    if (confirmed) afterCommit?.();
    return differences;
  }

  private differenceOf(fact: LoggedFact, kept: KeptRow | undefined): LogDifference | undefined {
    const { eventId, leafIndex, type, manifestHash } = fact;
    const found = (kind: string): LogDifference => ({ kind, eventId, leafIndex, type, manifestHash });
    if (!kept?.payload)
      return fact.topic === this.options.topic && !fact.erased ? found('leaf-without-event') : undefined;
    if (kept.leaf_index !== null && BigInt(kept.leaf_index) !== leafIndex) return found('leaf-gone');
    if (fact.erased) return undefined;
    return this.digestOf(kept.payload) === fact.digest ? undefined : found('other-content');
  }

  private digestOf(payload: Buffer): string | undefined {
    const record = this.recordIn(payload);
    return record && digestOfRecord(record);
  }

  /** The outbox holds what this service wrote; what somebody else put there may be no record. */
  private recordIn(payload: Buffer): LogRecord | undefined {
    try {
      return this.options.recordOf(payload);
    } catch {
      return undefined;
    }
  }

  /** Events that have waited too long; some each round, and round by round all of them. */
  private async overdue(): Promise<LogDifference[]> {
    const { pool, topic, alarmAfterMs = 600_000 } = this.options;
    const { tx, id } = this.overdueAfter;
    const { rows } = await pool.query<OverdueRow>({
      ...this.sql.overdue,
      values: [topic, alarmAfterMs, tx, id, DIFFERENCES_OF_REPORT],
    });
    const last = rows.at(-1);
    const more = last !== undefined && rows.length === DIFFERENCES_OF_REPORT;
    this.overdueAfter = more ? { tx: last.tx_text, id: last.id_text } : { tx: '0', id: '0' };
    return rows.map(({ event_id, payload }) => {
      const record = this.recordIn(payload);
      return {
        kind: 'event-without-leaf',
        eventId: event_id,
        // What is not even a name of its kind would have the whole report refused.
        type: record && /^[a-z-]{0,64}$/.test(record.type) ? record.type : '',
        manifestHash: record && isSha256(record.manifestHash) ? record.manifestHash : '',
      };
    });
  }

  private async report(round: Round, differences: readonly LogDifference[]): Promise<void> {
    const { audit, pool, topic, schema } = this.options;
    const { next, compared, overdue } = round;
    const setAside = await this.setAsideCount();
    round.compared = 0;
    for (let begin = 0; begin === 0 || begin < differences.length; begin += DIFFERENCES_OF_REPORT) {
      const { alert, refused } = await audit.reportReconciliation({
        topic,
        next,
        compared: begin === 0 ? compared : 0,
        overdue,
        setAside,
        differences: differences.slice(begin, begin + DIFFERENCES_OF_REPORT),
      });
      if (alert !== '') this.logger.error(`${schema} and the log differ: alert ${alert}`);
      if (refused.length > 0) await pool.query({ ...this.sql.setAside, values: [refused, topic] });
    }
  }

  private async setAsideCount(): Promise<number> {
    const { rows } = await this.options.pool.query<{ count: number }>(this.sql.setAsideCount);
    return rows[0]?.count ?? 0;
  }

  private async cursorOf(pass: Pass): Promise<bigint> {
    const { rows } = await this.options.pool.query<{ next: string }>({ ...this.sql.cursor, values: [pass] });
    if (!rows[0]) throw new Error(`${this.options.schema}.log_reconciliation has no row for the pass`);
    return BigInt(rows[0].next);
  }
}

interface KeptRow {
  readonly event_id: string;
  readonly payload: Buffer | null;
  readonly leaf_index: string | null;
}

interface OverdueRow {
  readonly tx_text: string;
  readonly id_text: string;
  readonly event_id: string;
  readonly payload: Buffer;
}

/** Conditions may follow. */
const overdueOf = (schema: string, join = ''): string => `
             SELECT outbox.tx, outbox.id, outbox.event_id, payload FROM ${schema}.outbox ${join}
             WHERE (outbox.tx, outbox.id) > ($3::xid8, $4::bigint) AND topic = $1
               AND created_at < clock_timestamp() - $2::float8 * interval '1 millisecond'
               AND NOT EXISTS (SELECT FROM ${schema}.outbox_logged WHERE outbox_logged.event_id = outbox.event_id)`;

const statements = (schema: string) => ({
  cursor: {
    name: `${schema}.reconciled-up-to`,
    text: `SELECT next_leaf::text AS next FROM ${schema}.log_reconciliation WHERE pass = $1`,
  },
  /** Where another instance has moved it meanwhile, that stands. */
  move: {
    name: `${schema}.reconciled-move`,
    text: `UPDATE ${schema}.log_reconciliation SET next_leaf = $2 WHERE pass = $1 AND next_leaf = $3`,
  },
  /** What is kept of these events, and which others audit has confirmed with leaves in these indices. */
  kept: {
    name: `${schema}.reconciled-kept`,
    text: `SELECT event_id, outbox.payload, logged.leaf_index::text AS leaf_index
           FROM unnest($1::text[]) AS given (event_id)
           LEFT JOIN ${schema}.outbox USING (event_id)
           LEFT JOIN ${schema}.outbox_logged AS logged USING (event_id)
           UNION ALL
           SELECT event_id, NULL, leaf_index::text FROM ${schema}.outbox_logged
           WHERE leaf_index >= $2 AND leaf_index < $3 AND NOT event_id = ANY ($1::text[])`,
  },
  /** Also those that were never published, whatever stopped them. */
  overdue: {
    name: `${schema}.reconciled-overdue`,
    text: `SELECT tx::text AS tx_text, id::text AS id_text, event_id, payload
           FROM (
             (${overdueOf(schema)}
                AND (outbox.tx, outbox.id) > (SELECT tx, id FROM ${schema}.outbox_position WHERE name = 'reconciled')
              ORDER BY outbox.tx, outbox.id LIMIT $5)
             UNION ALL
             (${overdueOf(schema, `JOIN ${schema}.outbox_unlogged USING (event_id)`)}
                AND (outbox.tx, outbox.id) <= (SELECT tx, id FROM ${schema}.outbox_position WHERE name = 'reconciled')
              ORDER BY outbox.tx, outbox.id LIMIT $5)
           ) AS overdue
           ORDER BY overdue.tx, overdue.id
           LIMIT $5`,
  },
  setAside: {
    name: `${schema}.reconciled-set-aside`,
    text: `INSERT INTO ${schema}.outbox_unlogged AS listed (event_id, next_at, set_aside_at)
           SELECT event_id, clock_timestamp() + ${SET_ASIDE_PAUSE_MS} * interval '1 millisecond', clock_timestamp()
           FROM ${schema}.outbox WHERE event_id = ANY ($1::text[]) AND topic = $2
           ON CONFLICT (event_id) DO UPDATE SET next_at = excluded.next_at, set_aside_at = excluded.set_aside_at
           WHERE listed.set_aside_at IS NULL`,
  },
  setAsideCount: {
    name: `${schema}.reconciled-set-aside-count`,
    text: `SELECT count(*)::int AS count FROM ${schema}.outbox_unlogged WHERE set_aside_at IS NOT NULL`,
  },
});
