import { AuditEvent, DirectoryEvent, type LogRecord, topics } from '#contracts';
import type { ClearRecord } from '#envelope';
import { type AgencyId, type Clock, type EventId, FixedClock } from '#kernel';
import { InMemoryLog, KafkaBatch, LoggedConsumer, Outbox, OutboxReconciler, OutboxRelay } from '#messaging';
import { createLogger, Database, prepareDatabase, serviceDatabaseUrl } from '#platform';
import { createTestDatabase, type TestDatabase } from '#testing';
import { loadReferenceData } from '../read-reference-data/load-reference-data.js';
import type { ReferenceData } from '../domain/reference-records.js';
import { ConfirmKeys } from '../confirm-keys/confirm-keys.handler.js';
import { databaseSpec, SCHEMA } from '../infra/database.js';
import { PublishKeys } from '../publish-keys/publish-keys.handler.js';
import { recordCatalogue, type RecordedCatalogue } from '../record-catalogue/record-catalogue.js';
import { RegisterAgency } from '../register-agency/register-agency.handler.js';
import { RevokeKey } from '../revoke-key/revoke-key.handler.js';
import { SnapshotFeed } from '../watch-snapshot/snapshot-feed.js';
import type { AgencyAgent } from './agency-agent.fixture.js';

export const reference = loadReferenceData('apps/directory/data');
export const now = new Date('2026-11-22T10:00:00Z');

export interface Told {
  readonly eventId: string;
  readonly type: string;
  readonly key: string;
  readonly clear: ClearRecord;
}

/** The directory's use cases over a database of their own, with the rights of the service's role; audit by hand. */
export class DirectoryGround {
  readonly agencies: RegisterAgency;
  readonly keys: PublishKeys;
  readonly revocations: RevokeKey;
  readonly feed: SnapshotFeed;
  private readonly logged: LoggedConsumer;
  /** As the owner, beside the rights of the service. */
  private readonly owner: Database;
  private readonly outbox = new Outbox(SCHEMA);
  private leaves = 0n;
  private batches = 0n;

  private constructor(
    private readonly test: TestDatabase,
    readonly database: Database,
    readonly clock: FixedClock,
  ) {
    this.owner = new Database(test.url, { max: 2 });
    const log = new InMemoryLog([topics.directoryEvents]);
    const { outbox } = this;
    const relay = new OutboxRelay({ pool: database.pool, schema: SCHEMA, log });
    const loggedTopics = [topics.directoryEvents];
    const reconciler = new OutboxReconciler({ pool: database.pool, schema: SCHEMA, log, loggedTopics });
    this.feed = new SnapshotFeed(database, () => ({ version: 1, json: '{}' }), createLogger('test', 'silent'));
    this.agencies = new RegisterAgency(database, outbox, relay, this.feed, reference, clock);
    this.keys = new PublishKeys(database, outbox, relay, clock);
    this.revocations = new RevokeKey(database, outbox, relay, this.feed, clock);
    const keys = new ConfirmKeys(outbox, clock);
    this.logged = new LoggedConsumer({
      pool: database.pool,
      schema: SCHEMA,
      reconciler,
      onLogged: (logging, entries) => keys.confirm(logging, entries),
    });
  }

  static async lay(): Promise<DirectoryGround> {
    const test = await createTestDatabase();
    await prepareDatabase(test.url, databaseSpec);
    return new DirectoryGround(test, new Database(serviceDatabaseUrl(test.url, SCHEMA)), new FixedClock(now));
  }

  /** Registers an agency as the operator does after comparing the thumbprint. */
  register(agent: AgencyAgent): Promise<void> {
    return this.agencies.register({
      id: agent.id,
      businessId: '0203026-2',
      nameFi: 'Toimija',
      nameSv: 'Aktör',
      contact: undefined,
      firstKeyThumbprint: agent.signing.kid,
    });
  }

  recordCatalogue(data: ReferenceData = reference, clock: Clock = this.clock): Promise<RecordedCatalogue> {
    return recordCatalogue(data, this.database, this.outbox, clock);
  }

  /** What stands in the outbox in clear, oldest first. */
  async told(about?: AgencyId): Promise<Told[]> {
    return (await this.records(about))
      .filter(({ clearRecordJson }) => clearRecordJson !== '')
      .map(({ eventId, type, clearRecordJson, sender }) => {
        return { key: sender || 'catalogue', eventId, type, clear: JSON.parse(clearRecordJson) as ClearRecord };
      });
  }

  /** All of it. */
  async records(about?: AgencyId): Promise<LogRecord[]> {
    const { rows } = await this.owner.query<{ payload: Buffer }>({
      text: 'SELECT payload FROM directory.outbox WHERE $1::text IS NULL OR key = $1 ORDER BY tx, id',
      values: [about ?? null],
    });
    return rows.map(({ payload }) => {
      const { log } = DirectoryEvent.decode(payload);
      if (!log) throw new Error('an event without its log record');
      return log;
    });
  }

  /** Tells as audit does that these events, by default all about the agency, stand in the log. */
  async log(about: AgencyId, choose: (told: Told) => boolean = () => true): Promise<void> {
    const events = (await this.told(about)).filter(choose);
    await this.logEvents(events.map(({ eventId }) => eventId));
  }

  async logEvents(eventIds: readonly string[]): Promise<void> {
    const entries = eventIds.map((eventId) => ({ eventId, leafIndex: this.leaves++ }));
    const event = AuditEvent.fromPartial({ event: { $case: 'logged', value: { entries } } });
    const message = {
      key: (eventIds[0] ?? 'none') as EventId,
      value: Buffer.from(AuditEvent.encode(event).finish()),
      headers: {},
      offset: this.batches++,
      timestamp: this.clock.now(),
    };
    await this.logged.consumeBatch(new KafkaBatch(topics.auditEvents, 0, [message]));
    await this.feed.refresh();
  }

  statusOf(id: AgencyId): string | undefined {
    return this.feed.current?.agencies.find((agency) => agency.id === id)?.status;
  }

  /** Uses of the keys that the snapshot shows, revoked ones with a mark. */
  shownKeys(id: AgencyId): string[] {
    const keys = this.feed.current?.keys.filter(({ agency }) => agency === id) ?? [];
    return keys.map(({ use, revokedAt }) => (revokedAt ? `${use}, revoked` : use));
  }

  async rows<R extends Record<string, unknown>>(text: string, values: unknown[] = []): Promise<R[]> {
    return (await this.owner.query<R>({ text, values })).rows;
  }

  async clear(): Promise<void> {
    await this.feed.refresh();
    await this.database.close();
    await this.owner.close();
    await this.test.drop();
  }
}
