import {
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import {
  AuditServiceClient,
  DirectoryEvent,
  DirectoryServiceService,
  SetAsideServiceService,
  topics,
} from '#contracts';
import { exportPrivateJwk, generateSigningKey, importSigningKey } from '#envelope';
import type { Clock } from '#kernel';
import {
  KafkaTransport,
  LoggedConsumer,
  LogReconciler,
  MESSAGE_LOG,
  type MessageLog,
  messagingProviders,
  Outbox,
  OutboxReconciler,
  OutboxRelay,
  SET_ASIDE,
  SetAsideController,
  SetAsideRecords,
} from '#messaging';
import {
  CLOCK,
  Database,
  type GrpcClient,
  callSigner,
  grpcClient,
  grpcServer,
  LOGGER,
  loadOrCreateServiceKey,
  type Logger,
  Readiness,
  type ServiceOptions,
  watchOutbox,
  watchSetAside,
} from '#platform';
import { ConfirmKeys } from './confirm-keys/confirm-keys.handler.js';
import { DirectoryConfig } from './directory.config.js';
import { DirectoryController } from './directory.controller.js';
import { loadReferenceData } from './read-reference-data/load-reference-data.js';
import type { ReferenceData } from './domain/reference-records.js';
import { FindRoute } from './find-route/find-route.handler.js';
import { SCHEMA } from './infra/database.js';
import { PublishKeys } from './publish-keys/publish-keys.handler.js';
import { DirectoryRows } from './reconcile-directory/directory-rows.js';
import { recordCatalogue, type RecordedCatalogue } from './record-catalogue/record-catalogue.js';
import { REFERENCE, RegisterAgency } from './register-agency/register-agency.handler.js';
import { RevokeKey } from './revoke-key/revoke-key.handler.js';
import { SnapshotFeed } from './watch-snapshot/snapshot-feed.js';

const AUDIT = Symbol('AuditClient');

/** The catalogue gets its version from the database, so it is known only once that answers. */
class CatalogueInForce {
  recorded: RecordedCatalogue | undefined;
}

@Injectable()
class DirectoryConnections implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(MESSAGE_LOG) private readonly log: MessageLog,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(OutboxReconciler) private readonly reconciler: OutboxReconciler,
    @Inject(LoggedConsumer) private readonly logged: LoggedConsumer,
    @Inject(SET_ASIDE) private readonly setAside: SetAsideRecords,
    @Inject(LogReconciler) private readonly logReconciler: LogReconciler,
    @Inject(AUDIT) private readonly audit: GrpcClient<AuditServiceClient>,
    @Inject(SnapshotFeed) private readonly feed: SnapshotFeed,
    @Inject(CatalogueInForce) private readonly catalogue: CatalogueInForce,
    @Inject(REFERENCE) private readonly reference: ReferenceData,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.readiness.require('database', () => this.database.ping());
    this.readiness.require('kafka', () => this.log.health().connected);
    this.readiness.require('snapshot', () => this.feed.checked);
    watchSetAside(this.readiness, () => this.setAside.count());
    watchOutbox(this.readiness, () => this.relay.heldBackMs());
    await this.log.connect();
    await this.log.assertTopics([topics.directoryEvents, topics.auditEvents]);
    this.catalogue.recorded = await recordCatalogue(this.reference, this.database, this.outbox, this.clock);
    await this.feed.refresh();
    this.feed.start();
    this.relay.start();
    this.reconciler.start();
    this.logged.start();
    this.logReconciler.start();
  }

  async onApplicationShutdown(): Promise<void> {
    this.feed.stop();
    await this.logReconciler.stop();
    this.audit.close();
    await this.logged.stop();
    await this.reconciler.stop();
    await this.relay.stop();
    await this.log.disconnect();
    await this.database.close();
  }
}

@Module({})
export class DirectoryModule {
  static forConfig(config: DirectoryConfig): DynamicModule {
    return {
      module: DirectoryModule,
      controllers: [DirectoryController, SetAsideController],
      providers: [
        CatalogueInForce,
        { provide: REFERENCE, useFactory: () => loadReferenceData(config.REFERENCE_DATA) },
        { provide: Database, useFactory: () => new Database(config.DATABASE_URL) },
        ...messagingProviders({
          service: 'directory',
          brokers: config.KAFKA_BROKERS,
          topicPrefix: config.KAFKA_TOPIC_PREFIX,
          schema: SCHEMA,
          loggedTopics: [topics.directoryEvents],
          database: Database,
        }),
        {
          provide: SnapshotFeed,
          inject: [Database, CatalogueInForce, LOGGER],
          useFactory: (database: Database, catalogue: CatalogueInForce, logger: Logger) =>
            new SnapshotFeed(database, () => catalogue.recorded, logger),
        },
        {
          provide: LoggedConsumer,
          inject: [Database, OutboxReconciler, ConfirmKeys, OutboxRelay, SnapshotFeed],
          useFactory: (
            { pool }: Database,
            reconciler: OutboxReconciler,
            keys: ConfirmKeys,
            relay: OutboxRelay,
            feed: SnapshotFeed,
          ) =>
            new LoggedConsumer({
              pool,
              schema: SCHEMA,
              reconciler,
              onLogged: (client, entries) => keys.confirm(client, entries),
              afterCommit: () => {
                relay.wake();
                void feed.refresh();
              },
            }),
        },
        {
          provide: SET_ASIDE,
          inject: [Database, LoggedConsumer, Outbox, OutboxRelay],
          useFactory: ({ pool }: Database, logged: LoggedConsumer, outbox: Outbox, relay: OutboxRelay) =>
            new SetAsideRecords({
              pool,
              schema: SCHEMA,
              inboxes: [logged],
              told: {
                outbox,
                topic: topics.directoryEvents,
                type: 'directory-record-discarded',
                encode: (log) => DirectoryEvent.encode({ log }).finish(),
                afterCommit: () => relay.wake(),
              },
            }),
        },
        {
          provide: AUDIT,
          inject: [CLOCK],
          useFactory: async (clock: Clock) => {
            const made = async () => exportPrivateJwk(await generateSigningKey());
            const key = await importSigningKey(await loadOrCreateServiceKey(config.DIRECTORY_KEY_FILE, made));
            return grpcClient(AuditServiceClient, config.AUDIT_GRPC, { signer: callSigner('directory', key, clock) });
          },
        },
        {
          provide: LogReconciler,
          inject: [Database, AUDIT, OutboxReconciler, ConfirmKeys, OutboxRelay, SnapshotFeed],
          useFactory: (
            database: Database,
            audit: GrpcClient<AuditServiceClient>,
            reconciler: OutboxReconciler,
            keys: ConfirmKeys,
            relay: OutboxRelay,
            feed: SnapshotFeed,
          ) => {
            const topic = topics.directoryEvents;
            const recordOf = (payload: Buffer) => DirectoryEvent.decode(payload).log;
            return new LogReconciler({
              pool: database.pool,
              schema: SCHEMA,
              topic,
              audit,
              recordOf,
              rows: [new DirectoryRows({ database, audit, topic, recordOf })],
              confirm: async (client, entries) => {
                await reconciler.markLogged(client, entries);
                await keys.confirm(client, entries);
              },
              afterCommit: () => {
                relay.wake();
                void feed.refresh();
              },
              leastAgeMs: config.RECONCILE_LEAST_AGE_MS,
              alarmAfterMs: config.RECONCILE_ALARM_MS,
              everyMs: config.RECONCILE_EVERY_MS,
            });
          },
        },
        {
          provide: KafkaTransport,
          inject: [MESSAGE_LOG],
          useFactory: (log: MessageLog) => new KafkaTransport({ log, groupId: 'directory', patient: true }),
        },
        RegisterAgency,
        ConfirmKeys,
        PublishKeys,
        RevokeKey,
        FindRoute,
        DirectoryConnections,
      ],
    };
  }
}

export const serviceOptions: ServiceOptions<DirectoryConfig> = {
  name: 'directory',
  config: DirectoryConfig,
  module: (config) => DirectoryModule.forConfig(config),
  microservices: (app, config) => [
    grpcServer(config.GRPC_ADDRESS, {
      'kotovayla.directory.v1.DirectoryService': DirectoryServiceService,
      'kotovayla.operator.v1.SetAsideService': SetAsideServiceService,
    }),
    { strategy: app.get(KafkaTransport) },
  ],
};
