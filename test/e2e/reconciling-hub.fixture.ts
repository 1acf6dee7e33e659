import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { type LogDifference, LogRecord, type Topic, allTopics, topics } from '#contracts';
import { type EventId, newEventId, systemClock } from '#kernel';
import type { LogVerifier } from '#merkle';
import {
  KafkaLog,
  LogReconciler,
  LoggedConsumer,
  Outbox,
  OutboxReconciler,
  OutboxRelay,
  type EventsOfRowsOptions,
  type ReconcilingAudit,
  type RecordedRows,
  type Subscription,
  createTopics,
} from '#messaging';
import { Database, type DatabaseSpec, callSigner, createLogger, prepareDatabase, serviceDatabaseUrl } from '#platform';
import { type TestDatabase, createTestDatabase, testStack, uniqueTopicPrefix } from '#testing';
import { databaseSpec as auditDatabase } from '../../apps/audit/src/infra/database.js';
import type { AlertRules } from '../../apps/audit/src/domain/alert-rules.js';
import { readAlertRules } from '../../apps/audit/src/infra/alert-rules-data.js';
import { AgencyKeys } from '../../apps/audit/src/infra/agency-keys.js';
import { tileSource } from '../../apps/audit/src/infra/log-store.js';
import { ReconciliationStore } from '../../apps/audit/src/infra/reconciliation-store.js';
import { FactConsumer } from '../../apps/audit/src/log-facts/fact-consumer.js';
import { RecordPreparer } from '../../apps/audit/src/log-facts/prepare-record.js';
import { EvidenceVerifier } from '../../apps/audit/src/log-facts/verify-evidence.js';
import { EntrySealer } from '../../apps/audit/src/seal-entries/entry-sealer.js';
import { Differences } from '../../apps/audit/src/reconcile-facts/differences.js';
import { OwedReceipts } from '../../apps/audit/src/reconcile-facts/owed-receipts.js';
import { FactsInLog } from '../../apps/audit/src/reconcile-facts/facts-in-log.js';
import { ReconcileFactsController } from '../../apps/audit/src/reconcile-facts/reconcile-facts.controller.js';
import { ReconciliationState } from '../../apps/audit/src/reconcile-facts/reconciliation-state.js';
import { LogKey } from '../../apps/audit/src/infra/log-key.js';
import { ErasingHub, erasingOrigin, logKeyPathIn } from '../../apps/audit/src/testing/erasing-hub.fixture.js';
import type { AskForReceiptsParts } from '../../apps/exchange/src/confirm-logged/ask-for-receipts.js';
import type { TransferRowsParts } from '../../apps/exchange/src/reconcile-transfers/transfer-rows.js';
import { type Party, directoryOf } from '../../apps/audit/src/testing/parties.fixture.js';

/** Audit's log with what reconciles it, over real PostgreSQL and Kafka; producers are joined to it. */
export class ReconcilingHub {
  readonly state: ReconciliationState;
  readonly store: ReconciliationStore;
  private readonly controller: ReconcileFactsController;
  private readonly relay: OutboxRelay;
  private subscription: Subscription | undefined;
  /** As the guard leaves it: which service calls. */
  private readonly metadata = async (topic: string): Promise<Metadata> => {
    const caller = topic.split('.')[0]!;
    const metadata = new Metadata();
    metadata.set(
      'kotovayla-call',
      await callSigner(
        caller,
        this.parties[0]!.signing,
        systemClock,
      )('/kotovayla.audit.v1.AuditService/ListFacts', Buffer.of()),
    );
    return metadata;
  };

  private constructor(
    readonly audit: ErasingHub,
    readonly database: TestDatabase,
    readonly log: KafkaLog,
    private readonly folder: string,
    private readonly parties: readonly Party[],
    readonly rules: AlertRules,
  ) {
    this.store = new ReconciliationStore(audit.database);
    this.state = new ReconciliationState(audit.database, this.store);
    this.controller = new ReconcileFactsController(
      new FactsInLog(audit.database, this.store, audit.openings),
      new Differences(this.store, audit.appender, audit.kek, systemClock, rules.logDifference),
      new OwedReceipts({
        store: this.store,
        openings: audit.openings,
        keys: new AgencyKeys(directoryOf(parties), () => Promise.resolve(true)),
        appender: audit.appender,
        tiles: tileSource(audit.database),
        clock: systemClock,
      }),
      this.store,
      audit.database,
    );
    this.relay = new OutboxRelay({ pool: audit.database.pool, schema: 'audit', log });
  }

  static async start(parties: readonly Party[]): Promise<ReconcilingHub> {
    const { kafkaBrokers } = testStack();
    const prefix = uniqueTopicPrefix();
    const database = await createTestDatabase();
    await prepareDatabase(database.url, auditDatabase);
    await createTopics(kafkaBrokers, allTopics, { replication: 1, prefix });
    const log = new KafkaLog({ brokers: kafkaBrokers, clientId: 'test', topicPrefix: prefix });
    await log.connect();
    const folder = await mkdtemp(join(tmpdir(), 'reconciling-'));
    const audit = await ErasingHub.start(
      { databaseUrl: serviceDatabaseUrl(database.url, auditDatabase.schema), folder },
      parties,
    );
    const rules = await readAlertRules('apps/audit/data/alert-rules.json');
    const hub = new ReconcilingHub(audit, database, log, folder, parties, rules);
    hub.relay.start();
    return hub;
  }

  /** Takes facts from Kafka from now on. */
  async consume(): Promise<void> {
    const keys = new AgencyKeys(directoryOf(this.parties), () => Promise.resolve(true));
    const preparer = new RecordPreparer(
      keys,
      new EvidenceVerifier(keys),
      new EntrySealer(this.audit.kek, { threads: 0 }),
      systemClock,
    );
    const { appender, database } = this.audit;
    const consumer = new FactConsumer(preparer, appender, database, createLogger('test', 'silent'));
    this.subscription = await this.log.subscribe({
      groupId: 'audit',
      topics: [topics.exchangeEvents, topics.consentEvents],
      onBatch: (batch) => consumer.consumeBatch(batch),
    });
  }

  /** As a producer calls it; what was asked is kept. */
  calls(
    asked: { from: bigint }[] = [],
  ): ReconcilingAudit & TransferRowsParts['audit'] & AskForReceiptsParts['audit'] & EventsOfRowsOptions['audit'] {
    const { controller, metadata } = this;
    return {
      listFacts: async (request) => {
        asked.push({ from: request.from });
        return controller.listFacts(request, await metadata(request.topic));
      },
      reportReconciliation: async (request) => controller.reportReconciliation(request, await metadata(request.topic)),
      findLeaves: async (request) => controller.findLeaves(request, await metadata(request.topic)),
      findReceipts: async (request) => controller.findReceipts(request, await metadata(topics.exchangeEvents)),
      findMessageEntries: async (request) =>
        controller.findMessageEntries(request, await metadata(topics.exchangeEvents)),
    };
  }

  /** By which receipts of this log are verified. */
  async logVerifier(): Promise<LogVerifier> {
    return (await LogKey.load(erasingOrigin, logKeyPathIn(this.folder))).verifier;
  }

  async open(): Promise<LogDifference[]> {
    const { open } = await this.state.look();
    return open.flatMap(({ difference }) => difference ?? []);
  }

  async owner<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
    const owner = new Database(this.database.url, { max: 1 });
    try {
      return (await owner.query<T & Record<string, unknown>>({ text, values })).rows;
    } finally {
      await owner.close();
    }
  }

  async stop(): Promise<void> {
    await this.subscription?.stop();
    await this.relay.stop();
    await this.audit.stop();
    await this.log.disconnect();
    await this.database.drop();
    await rm(this.folder, { recursive: true });
  }
}

interface ProducerSpec {
  readonly topic: Topic;
  readonly database: DatabaseSpec;
  readonly encode: (log: LogRecord) => Uint8Array;
  readonly recordOf: (payload: Buffer) => LogRecord | undefined;
}

/** A service that commits facts: its own database with its own migrations, and the parts that every producer has. */
export class Producer {
  readonly outbox: Outbox;
  readonly resending: OutboxReconciler;
  readonly relay: OutboxRelay;
  private readonly logged: LoggedConsumer;
  private unsubscribe: (() => Promise<void>) | undefined;

  private constructor(
    readonly hub: ReconcilingHub,
    readonly spec: ProducerSpec,
    readonly owner: Database,
    readonly database: Database,
    private readonly test: TestDatabase,
  ) {
    const { schema } = spec.database;
    const { pool } = database;
    this.outbox = new Outbox(schema);
    this.relay = new OutboxRelay({ pool, schema, log: hub.log });
    this.resending = new OutboxReconciler({ pool, schema, log: hub.log, loggedTopics: [spec.topic], resendAfterMs: 0 });
    this.logged = new LoggedConsumer({ pool, schema, reconciler: this.resending });
  }

  static async start(hub: ReconcilingHub, spec: ProducerSpec): Promise<Producer> {
    const test = await createTestDatabase();
    await prepareDatabase(test.url, spec.database);
    const owner = new Database(test.url, { max: 2 });
    return new Producer(hub, spec, owner, new Database(serviceDatabaseUrl(test.url, spec.database.schema)), test);
  }

  /** Hears from now on what is logged. */
  async listen(): Promise<void> {
    this.logged.start();
    const subscription = await this.hub.log.subscribe({
      groupId: `listening-${this.spec.database.schema}`,
      topics: [topics.auditEvents],
      onBatch: (batch) => this.logged.consumeBatch(batch),
    });
    this.unsubscribe = () => subscription.stop();
  }

  /** In the service's own transaction, as its use cases do. */
  async commit(...records: readonly Partial<LogRecord>[]): Promise<EventId[]> {
    const full = records.map((record) => LogRecord.fromPartial({ eventId: newEventId(), at: new Date(), ...record }));
    await this.database.transaction((client) =>
      this.outbox.enqueue(
        client,
        full.map((log) => ({
          eventId: log.eventId as EventId,
          topic: this.spec.topic,
          key: log.exchangeId || log.eventId,
          payload: this.spec.encode(log),
        })),
      ),
    );
    this.relay.wake();
    return full.map(({ eventId }) => eventId as EventId);
  }

  reconciler(given: {
    readonly asked?: { from: bigint }[];
    readonly alarmAfterMs?: number;
    readonly retentionMs?: number;
    readonly rows?: readonly RecordedRows[];
    readonly pageSize?: number;
    readonly audit?: ReconcilingAudit;
  }): LogReconciler {
    const { asked, ...options } = given;
    return new LogReconciler({
      pool: this.database.pool,
      schema: this.spec.database.schema,
      topic: this.spec.topic,
      audit: this.hub.calls(asked),
      recordOf: this.spec.recordOf,
      confirm: (client, entries) => this.resending.markLogged(client, entries),
      leastAgeMs: 0,
      alarmAfterMs: 3_600_000,
      ...options,
    });
  }

  async isConfirmed(eventId: EventId): Promise<boolean> {
    const { rows } = await this.database.query({
      text: `SELECT 1 FROM ${this.spec.database.schema}.outbox_logged WHERE event_id = $1`,
      values: [eventId],
    });
    return rows.length > 0;
  }

  /** Milliseconds until the event is sent again. */
  async nextAttempt(eventId: EventId): Promise<number> {
    const { rows } = await this.database.query<{ ms: number }>({
      text: `SELECT extract(epoch FROM next_at - clock_timestamp())::float8 * 1000 AS ms
             FROM ${this.spec.database.schema}.outbox_unlogged WHERE event_id = $1`,
      values: [eventId],
    });
    return rows[0]!.ms;
  }

  async dueNow(eventId: EventId): Promise<void> {
    await this.database.query({
      text: `UPDATE ${this.spec.database.schema}.outbox_unlogged SET next_at = clock_timestamp() WHERE event_id = $1`,
      values: [eventId],
    });
  }

  /** Kafka took it and lost it: the relay counts as past everything that is committed. */
  async loseWhatIsCommitted(): Promise<void> {
    await this.owner.query({
      text: `UPDATE ${this.spec.database.schema}.outbox_position SET (tx, id) =
               (SELECT tx, id FROM ${this.spec.database.schema}.outbox ORDER BY tx DESC, id DESC LIMIT 1)
             WHERE name = 'relay'`,
    });
  }

  async stop(): Promise<void> {
    await this.relay.stop();
    await this.unsubscribe?.();
    await this.logged.stop();
    await this.database.close();
    await this.owner.close();
    await this.test.drop();
  }
}
