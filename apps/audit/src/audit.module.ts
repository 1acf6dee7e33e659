import { setTimeout as delay } from 'node:timers/promises';
import {
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import pg from 'pg';
import { AuditServiceService, SetAsideServiceService, topics } from '#contracts';
import {
  type PublicJwk,
  type SigningKey,
  type VerificationKey,
  exportPrivateJwk,
  generateSigningKey,
  importSigningKey,
  importVerificationKey,
} from '#envelope';
import { AppError, type Clock, isEventId } from '#kernel';
import {
  MESSAGE_LOG,
  type MessageLog,
  messagingProviders,
  OutboxReconciler,
  OutboxRelay,
  SET_ASIDE,
  SetAsideController,
} from '#messaging';
import {
  CLOCK,
  Database,
  DirectoryWatch,
  EXIT_CONFIG,
  LOGGER,
  type Logger,
  Readiness,
  SERVICE_CALLERS,
  type ServiceCallers,
  type ServiceOptions,
  grpcServer,
  loadOrCreateServiceKey,
  readWitnessPolicy,
  watchOutbox,
  watchSetAside,
} from '#platform';
import { Appender } from './append-entries/appender.js';
import { Looks } from './append-entries/looks.js';
import { underPresentKek } from './append-entries/prepared-entry.js';
import { AuditConfig } from './audit.config.js';
import { BreakGlassController } from './break-glass/break-glass.controller.js';
import { recordedTopics } from './domain/entry-types.js';
import { EraseEntriesController } from './erase-entries/erase-entries.controller.js';
import { ErasureRuns } from './erase-entries/erasure-runs.js';
import { erasureProviders } from './erase-entries/erasure.providers.js';
import { watchErasure } from './erase-entries/watch-erasure.js';
import { replayTombstones } from './erase-entries/replay-tombstones.js';
import { HoldEntriesController } from './hold-entries/hold-entries.controller.js';
import { AgencyKeys } from './infra/agency-keys.js';
import { keyLeaves } from './infra/key-leaves.js';
import { quarantined } from './infra/consumed-facts.js';
import { EntryKek } from './infra/entry-kek.js';
import { ErasureStore } from './infra/erasure-store.js';
import { HeadFile } from './infra/head-file.js';
import { LeafOpenings } from './infra/leaf-openings.js';
import { LogKey } from './infra/log-key.js';
import { LogKeyring } from './infra/log-keyring.js';
import { type StoredCheckpoint, committedLog, storedSize, tileSource } from './infra/log-store.js';
import { ReleaseKeyring } from './infra/release-keyring.js';
import { auditSchema } from './infra/schema.js';
import { HubKeys } from './keep-hub-keys/hub-keys.js';
import { ClearLists } from './list-clear-entries/clear-lists.js';
import { logKeyDuties } from './keep-hub-keys/show-log-keys.js';
import { ListRetentionController } from './list-retention/list-retention.controller.js';
import { ListConsentWordsController } from './list-consent-words/list-consent-words.controller.js';
import { FactConsumer } from './log-facts/fact-consumer.js';
import { FactTransport } from './log-facts/fact-transport.js';
import { FactsController } from './log-facts/facts.controller.js';
import { RecordPreparer } from './log-facts/prepare-record.js';
import { SetAsideFacts } from './log-facts/set-aside-facts.js';
import { EvidenceVerifier } from './log-facts/verify-evidence.js';
import { LogPublisher } from './publish-log/log-publisher.js';
import { TileFolder } from './publish-log/tile-folder.js';
import { CosignatureCollector } from './collect-cosignatures/cosignature-collector.js';
import { alertProviders } from './raise-alerts/alert.providers.js';
import { RaiseAlertsController } from './raise-alerts/raise-alerts.controller.js';
import { ReconcileFactsController } from './reconcile-facts/reconcile-facts.controller.js';
import { ShowReconciliationController } from './reconcile-facts/show-reconciliation.controller.js';
import { reconcileProviders } from './reconcile-facts/reconcile.providers.js';
import { RECEIPT_KEY, ReadLogController } from './read-log/read-log.controller.js';
import { ReleaseController } from './release-message/release.controller.js';
import { ReleaseHandler } from './release-message/release.handler.js';
import { RecordReportController } from './record-report/record-report.controller.js';
import { ReportMismatchController } from './report-mismatch/report-mismatch.controller.js';
import { SearchEntriesController } from './search-entries/search-entries.controller.js';
import { EntrySealer } from './seal-entries/entry-sealer.js';
import { ShowTransferController } from './show-transfer/show-transfer.controller.js';

const PERMIT_KEY = Symbol('PermitKey');
const COLLECTOR = Symbol('CosignatureCollector');
/** Longer than the role's own limit, so that the database speaks first. */
const QUERY_TIMEOUT_MS = 20_000;
const APPENDER_CONNECT_MS = 2_000;
const RESUME_EVERY_MS = 500;

@Injectable()
class AuditConnections implements OnApplicationBootstrap, OnApplicationShutdown {
  private stopping = false;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DirectoryWatch) private readonly directory: DirectoryWatch,
    @Inject(MESSAGE_LOG) private readonly kafka: MessageLog,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    /** Audit's own events confirm others and are confirmed by nobody: they are forgotten when the transport forgets. */
    @Inject(OutboxReconciler) private readonly forgetting: OutboxReconciler,
    @Inject(Appender) private readonly appender: Appender,
    @Inject(EntrySealer) private readonly sealer: EntrySealer,
    @Inject(HubKeys) private readonly hubKeys: HubKeys,
    @Inject(ClearLists) private readonly clearLists: ClearLists,
    @Inject(HeadFile) private readonly head: HeadFile,
    @Inject(LogPublisher) private readonly publisher: LogPublisher,
    @Inject(COLLECTOR) private readonly collector: CosignatureCollector | undefined,
    @Inject(ErasureRuns) private readonly erasureRuns: ErasureRuns,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(Readiness) private readonly readiness: Readiness,
  ) {}

  onApplicationBootstrap(): void {
    this.readiness.require('appender', () => this.appender.active);
    this.readiness.require('published-log', () => this.publisher.sound);
    this.readiness.require('hub-keys', () => this.hubKeys.ready);
    this.readiness.require('directory', () => this.directory.fresh().ok);
    this.readiness.require('kafka', () => this.kafka.health().connected);
    this.directory.start();
    this.appender.start();
    this.hubKeys.start();
    this.clearLists.start();
    this.collector?.start();
    this.readiness.warn(async () => this.collector?.warnings() ?? []);
    watchSetAside(this.readiness, () => quarantined(this.database));
    watchOutbox(this.readiness, () => this.relay.heldBackMs());
    watchErasure(this.readiness, this.erasureRuns);
    this.relay.start();
    this.forgetting.start();
    void this.endErasure();
  }

  /** One that was stopped half-way is ended as soon as something can be appended. */
  private async endErasure(): Promise<void> {
    while (!this.stopping) {
      try {
        if (this.appender.active) return void (await this.erasureRuns.resume());
      } catch (error) {
        this.logger.error({ err: error }, 'an erasure that was begun could not be ended; trying again');
      }
      await delay(RESUME_EVERY_MS, undefined, { ref: false });
    }
  }

  /** Transports are closed by then: nothing new comes in. */
  async onApplicationShutdown(): Promise<void> {
    this.stopping = true;
    this.erasureRuns.stop();
    this.hubKeys.close();
    this.clearLists.close();
    await this.collector?.close();
    await this.sealer.close();
    await this.appender.close();
    await this.head.flush();
    await this.publisher.close();
    await this.relay.stop();
    await this.forgetting.stop();
    await this.kafka.disconnect();
    this.directory.close();
    await this.database.close();
  }
}

@Module({})
export class AuditModule {
  static forConfig(config: AuditConfig): DynamicModule {
    return {
      module: AuditModule,
      controllers: [
        ReleaseController,
        ReadLogController,
        RecordReportController,
        ReportMismatchController,
        SearchEntriesController,
        ShowTransferController,
        ListConsentWordsController,
        EraseEntriesController,
        HoldEntriesController,
        ListRetentionController,
        RaiseAlertsController,
        BreakGlassController,
        ReconcileFactsController,
        ShowReconciliationController,
        FactsController,
        SetAsideController,
      ],
      providers: [
        { provide: Database, useFactory: () => new Database(config.DATABASE_URL, { max: 10 }) },
        {
          provide: DirectoryWatch,
          inject: [CLOCK],
          useFactory: (clock: Clock) => new DirectoryWatch(config.DIRECTORY_GRPC, clock),
        },
        ...messagingProviders({
          service: 'audit',
          brokers: config.KAFKA_BROKERS,
          topicPrefix: config.KAFKA_TOPIC_PREFIX,
          schema: auditSchema,
          loggedTopics: [],
          database: Database,
        }),
        {
          provide: LogKeyring,
          useFactory: () => loadLogKeyring(config),
        },
        {
          provide: HeadFile,
          inject: [LOGGER],
          useFactory: (logger: Logger) =>
            new HeadFile(
              config.LOG_HEAD_FILE ?? `${config.LOG_KEY_FILE}.head`,
              (error) => logger.error({ err: error }, 'the head of the log could not be kept'),
              config.LOG_HEAD_FILE === undefined && config.LOG_NEXT_KEY_FILE !== undefined
                ? [`${config.LOG_NEXT_KEY_FILE}.head`]
                : [],
            ),
        },
        { provide: TileFolder, useFactory: () => new TileFolder(config.LOG_FOLDER) },
        {
          provide: LogPublisher,
          inject: [TileFolder, LogKeyring, Database, LOGGER],
          useFactory: (folder: TileFolder, verifier: LogKeyring, database: Database, logger: Logger) =>
            new LogPublisher({
              folder,
              log: committedLog(database),
              verifier,
              logger,
              intervalMs: config.LOG_PUBLISH_MS,
            }),
        },
        {
          provide: COLLECTOR,
          inject: [TileFolder, LogKeyring, Database, Appender, CLOCK, LOGGER],
          useFactory: (
            folder: TileFolder,
            verifier: LogKeyring,
            database: Database,
            appender: Appender,
            clock: Clock,
            logger: Logger,
          ) =>
            config.WITNESS_POLICY_FILE === undefined
              ? undefined
              : new CosignatureCollector({
                  policy: readWitnessPolicy(config.WITNESS_POLICY_FILE, config.LOG_ORIGIN, logger),
                  folder,
                  database,
                  verifier,
                  isActive: () => appender.active,
                  clock,
                  logger,
                  intervalMs: config.WITNESS_ASK_MS,
                }),
        },
        { provide: EntryKek, useFactory: () => EntryKek.load(config.ENTRY_KEK_FILE) },
        { provide: EntrySealer, inject: [EntryKek], useFactory: (kek: EntryKek) => new EntrySealer(kek) },
        {
          provide: RECEIPT_KEY,
          useFactory: () => loadSigningKey(config.RECEIPT_KEY_FILE ?? `${config.AUDIT_KEY_FILE}.receipt`),
        },
        {
          provide: SERVICE_CALLERS,
          inject: [PERMIT_KEY, CLOCK],
          useFactory: async (permitKey: VerificationKey, clock: Clock): Promise<ServiceCallers> => {
            const gateway = await pinnedKey(config.GATEWAY_PUBLIC_JWK, 'GATEWAY_PUBLIC_JWK');
            const keys = new Map([
              ['gateway', gateway],
              ['consent', permitKey],
              ['exchange', await pinnedKey(config.OUTCOME_PUBLIC_JWK, 'OUTCOME_PUBLIC_JWK')],
              ['directory', await pinnedKey(config.DIRECTORY_PUBLIC_JWK, 'DIRECTORY_PUBLIC_JWK')],
            ]);
            return { definition: AuditServiceService, keys, clock };
          },
        },
        Looks,
        { provide: PERMIT_KEY, useFactory: () => pinnedKey(config.PERMIT_PUBLIC_JWK, 'PERMIT_PUBLIC_JWK') },
        {
          provide: Appender,
          inject: [LogKeyring, Database, TileFolder, EntryKek, OutboxRelay, HeadFile, LogPublisher, LOGGER],
          useFactory: (
            logKeys: LogKeyring,
            database: Database,
            folder: TileFolder,
            kek: EntryKek,
            relay: OutboxRelay,
            head: HeadFile,
            publisher: LogPublisher,
            logger: Logger,
          ) => {
            const appender = new Appender({
              connect: () =>
                new pg.Client({
                  connectionString: config.DATABASE_URL,
                  application_name: 'audit-appender',
                  connectionTimeoutMillis: APPENDER_CONNECT_MS,
                  query_timeout: QUERY_TIMEOUT_MS,
                  keepAlive: true,
                }),
              signer: logKeys.present.signer,
              ...(logKeys.next && { nextSigner: logKeys.next.signer }),
              verifier: logKeys,
              logger,
              requireSynchronousStandby: config.REQUIRE_SYNCHRONOUS_STANDBY === 'yes',
              publishedBefore: async () => largest([await head.read(logKeys), await publisher.published()]),
              onTakeOver: async () => {
                await kek.reload();
                await logKeyDuties(logKeys, database, folder).onTakeOver();
              },
              asStoredNow: (entry) => underPresentKek(entry, kek),
              afterCommit: (checkpoint) => {
                relay.wake();
                head.keep(checkpoint);
                publisher.wake();
              },
              onHalted: ({ code }) => {
                if (code === 'CONFIG_INVALID') process.exit(EXIT_CONFIG);
              },
            });
            publisher.onContradiction((error) => appender.halt(error));
            return appender;
          },
        },
        {
          provide: ReleaseKeyring,
          inject: [CLOCK],
          useFactory: (clock: Clock) =>
            new ReleaseKeyring(config.RELEASE_KEY_FOLDER, clock, config.RELEASE_KEY_RETENTION_DAYS),
        },
        {
          provide: HubKeys,
          inject: [
            ReleaseKeyring,
            LogKeyring,
            Database,
            TileFolder,
            PERMIT_KEY,
            RECEIPT_KEY,
            EntryKek,
            Appender,
            CLOCK,
            LOGGER,
          ],
          useFactory: async (
            keyring: ReleaseKeyring,
            logKeys: LogKeyring,
            database: Database,
            folder: TileFolder,
            permitKey: VerificationKey,
            receiptKey: SigningKey,
            kek: EntryKek,
            appender: Appender,
            clock: Clock,
            logger: Logger,
          ) => {
            const outcomeKey = await pinnedKey(config.OUTCOME_PUBLIC_JWK, 'OUTCOME_PUBLIC_JWK');
            const auditKey = await loadSigningKey(config.AUDIT_KEY_FILE);
            return new HubKeys({
              keyring,
              logKeys,
              onLogKeys: logKeyDuties(logKeys, database, folder).onAnnounced,
              pinned: [
                { service: 'audit', use: 'receipt', jwk: receiptKey.publicJwk },
                { service: 'consent', use: 'permit', jwk: permitKey.jwk },
                { service: 'exchange', use: 'outcome', jwk: outcomeKey.jwk },
              ],
              auditKey,
              kek,
              appender,
              clock,
              logger,
            });
          },
        },
        {
          provide: ClearLists,
          inject: [Database, Appender, TileFolder, LogPublisher, CLOCK, LOGGER],
          useFactory: (
            client: Database,
            appender: Appender,
            folder: TileFolder,
            publisher: LogPublisher,
            clock: Clock,
            logger: Logger,
          ) => {
            const published = async (): Promise<number> => (await publisher.published())?.size ?? 0;
            return new ClearLists({ client, appender, folder, published, clock, logger });
          },
        },
        {
          provide: AgencyKeys,
          inject: [DirectoryWatch, Database],
          useFactory: (directory: DirectoryWatch, database: Database) => new AgencyKeys(directory, keyLeaves(database)),
        },
        {
          provide: EvidenceVerifier,
          inject: [AgencyKeys],
          useFactory: (keys: AgencyKeys) => new EvidenceVerifier(keys),
        },
        {
          provide: RecordPreparer,
          inject: [AgencyKeys, EvidenceVerifier, EntrySealer, CLOCK],
          useFactory: (keys: AgencyKeys, evidence: EvidenceVerifier, sealer: EntrySealer, clock: Clock) =>
            new RecordPreparer(keys, evidence, sealer, clock),
        },
        {
          provide: LeafOpenings,
          inject: [Database, EntryKek, LOGGER],
          useFactory: (database: Database, kek: EntryKek, logger: Logger) => new LeafOpenings(database, kek, logger),
        },
        {
          provide: FactConsumer,
          inject: [RecordPreparer, Appender, Database, LOGGER],
          useFactory: (preparer: RecordPreparer, appender: Appender, database: Database, logger: Logger) =>
            new FactConsumer(preparer, appender, database, logger),
        },
        {
          provide: SET_ASIDE,
          inject: [Database, FactConsumer, LOGGER, Appender, EntryKek, CLOCK],
          useFactory: (
            database: Database,
            consumer: FactConsumer,
            logger: Logger,
            appender: Appender,
            kek: EntryKek,
            clock: Clock,
          ) => new SetAsideFacts(database, consumer, logger, { appender, kek, clock }),
        },
        {
          provide: ReleaseHandler,
          inject: [
            AgencyKeys,
            EvidenceVerifier,
            RecordPreparer,
            ReleaseKeyring,
            PERMIT_KEY,
            CLOCK,
            Appender,
            EntryKek,
            LeafOpenings,
            Database,
            LOGGER,
          ],
          useFactory: (
            keys: AgencyKeys,
            evidence: EvidenceVerifier,
            records: RecordPreparer,
            keyring: ReleaseKeyring,
            permitKey: VerificationKey,
            clock: Clock,
            appender: Appender,
            kek: EntryKek,
            openings: LeafOpenings,
            database: Database,
            logger: Logger,
          ) =>
            new ReleaseHandler(
              {
                keys,
                evidence,
                records,
                keyring,
                permitKey,
                clock,
                isLogged: ({ eventId }) => isEventId(eventId) && appender.knows(eventId),
              },
              appender,
              kek,
              openings,
              tileSource(database),
              logger,
            ),
        },
        ...erasureProviders(config.RETENTION_DATA, config.ERASE_NIGHTLY_HOUR),
        ...alertProviders(config.ALERT_RULES, config.ALERTS_EVERY_MS),
        ...reconcileProviders(),
        AuditConnections,
      ],
    };
  }
}

async function loadLogKeyring(config: AuditConfig): Promise<LogKeyring> {
  const { LOG_ORIGIN: origin, LOG_KEY_FILE, LOG_NEXT_KEY_FILE } = config;
  const present = await LogKey.load(origin, LOG_KEY_FILE);
  const next = LOG_NEXT_KEY_FILE === undefined ? undefined : await LogKey.load(origin, LOG_NEXT_KEY_FILE);
  return new LogKeyring(present, next, config.LOG_VERIFIER_KEY, config.LOG_WITHDRAWN_KEY);
}

const largest = (checkpoints: readonly (StoredCheckpoint | undefined)[]): StoredCheckpoint | undefined =>
  checkpoints.reduce((most, one) => (one && one.size >= (most?.size ?? 0) ? one : most), undefined);

async function pinnedKey(json: string, name: string): Promise<VerificationKey> {
  const key = await importVerificationKey(JSON.parse(json) as PublicJwk);
  if (!key.ok) throw new AppError('CONFIG_INVALID', `${name} is not a public signing key`);
  return key.value;
}

async function loadSigningKey(path: string): Promise<SigningKey> {
  return importSigningKey(await loadOrCreateServiceKey(path, async () => exportPrivateJwk(await generateSigningKey())));
}

/** Before anything is served or consumed. */
async function beforeListen(app: NestFastifyApplication): Promise<void> {
  const database = app.get(Database);
  await replayTombstones({
    store: app.get(ErasureStore),
    folder: app.get(TileFolder),
    published: await app.get(LogPublisher).published(),
    size: await storedSize(database),
    logger: app.get<Logger>(LOGGER),
  });
  await connectKafka(app);
}

/** Kafka and its topics are there. The appender becomes active beside it. */
async function connectKafka(app: NestFastifyApplication): Promise<void> {
  const kafka = app.get<MessageLog>(MESSAGE_LOG);
  await kafka.connect();
  await kafka.assertTopics([...recordedTopics, topics.auditEvents]);
}

export const serviceOptions: ServiceOptions<AuditConfig> = {
  name: 'audit',
  config: AuditConfig,
  module: (config) => AuditModule.forConfig(config),
  microservices: (app, config) => [
    grpcServer(config.GRPC_ADDRESS, {
      'kotovayla.audit.v1.AuditService': AuditServiceService,
      'kotovayla.operator.v1.SetAsideService': SetAsideServiceService,
    }),
    {
      strategy: new FactTransport({
        log: app.get<MessageLog>(MESSAGE_LOG),
        groupId: 'audit',
        isAppending: () => app.get(Appender).active,
        logger: app.get<Logger>(LOGGER),
      }),
    },
  ],
  beforeListen,
};
