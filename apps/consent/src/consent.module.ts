import {
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { AuditServiceClient, ConsentEvent, ConsentServiceService, SetAsideServiceService, topics } from '#contracts';
import { type SigningKey, exportPrivateJwk, generateSigningKey, importSigningKey } from '#envelope';
import { type Clock, isAgencyId } from '#kernel';
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
  DirectoryWatch,
  type GrpcClient,
  callSigner,
  grpcClient,
  grpcServer,
  loadOrCreateServiceKey,
  LOGGER,
  type Logger,
  Readiness,
  type ServiceOptions,
  watchOutbox,
  watchSetAside,
} from '#platform';
import { ActOnConsent } from './act-on-consent/act-on-consent.handler.js';
import { AskBasis } from './ask-basis/ask-basis.handler.js';
import { ASK_LIMITS, type AskLimits } from './ask-basis/asked-counts.js';
import { CheckBasis } from './check-basis/check-basis.handler.js';
import { ConsentConfig } from './consent.config.js';
import { ConsentController } from './consent.controller.js';
import { Sweep } from './end-by-itself/sweep.js';
import { Sweeper } from './end-by-itself/sweeper.js';
import { ExcludeDecider } from './exclude-decider/exclude-decider.handler.js';
import { CatalogueView } from './infra/catalogue-view.js';
import { SCHEMA } from './infra/database.js';
import { LinkSubject } from './link-subject/link-subject.handler.js';
import { ListConsents } from './list-consents/list-consents.handler.js';
import { PERMIT_KEY, PermitRelease } from './permit-release/permit-release.handler.js';
import { ProposeConsent } from './propose-consent/propose-consent.handler.js';
import { ConsentRows } from './reconcile-consents/consent-rows.js';
import { RecordConsent } from './record-consent/record-consent.handler.js';
import { LogReplay } from './replay-log/log-replay.js';
import { ACCOUNT_HOSTS, ShowAccount } from './show-account/show-account.handler.js';

const AUDIT = Symbol('AuditClient');

@Injectable()
class ConsentConnections implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(MESSAGE_LOG) private readonly log: MessageLog,
    @Inject(DirectoryWatch) private readonly directory: DirectoryWatch,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(OutboxReconciler) private readonly reconciler: OutboxReconciler,
    @Inject(LoggedConsumer) private readonly logged: LoggedConsumer,
    @Inject(SET_ASIDE) private readonly setAside: SetAsideRecords,
    @Inject(LogReconciler) private readonly logReconciler: LogReconciler,
    @Inject(Sweeper) private readonly sweeper: Sweeper,
    @Inject(LogReplay) private readonly replay: LogReplay,
    @Inject(AUDIT) private readonly audit: GrpcClient<AuditServiceClient>,
    @Inject(Readiness) private readonly readiness: Readiness,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.readiness.require('database', () => this.database.ping());
    this.readiness.require('kafka', () => this.log.health().connected);
    this.readiness.require('directory', () => this.directory.fresh().ok);
    this.readiness.require('log-replayed', () => this.replay.caughtUp);
    this.directory.start();
    watchSetAside(this.readiness, () => this.setAside.count());
    watchOutbox(this.readiness, () => this.relay.heldBackMs());
    await this.log.connect();
    await this.log.assertTopics([topics.consentEvents, topics.auditEvents]);
    this.relay.start();
    this.reconciler.start();
    this.logged.start();
    this.logReconciler.start();
    this.replay.start();
    this.sweeper.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.sweeper.stop();
    await this.replay.stop();
    await this.logReconciler.stop();
    this.audit.close();
    this.directory.close();
    await this.logged.stop();
    await this.reconciler.stop();
    await this.relay.stop();
    await this.log.disconnect();
    await this.database.close();
  }
}

@Module({})
export class ConsentModule {
  static forConfig(config: ConsentConfig): DynamicModule {
    return {
      module: ConsentModule,
      controllers: [ConsentController, SetAsideController],
      providers: [
        { provide: Database, useFactory: () => new Database(config.DATABASE_URL) },
        ...messagingProviders({
          service: 'consent',
          brokers: config.KAFKA_BROKERS,
          topicPrefix: config.KAFKA_TOPIC_PREFIX,
          schema: SCHEMA,
          loggedTopics: [topics.consentEvents],
          database: Database,
        }),
        {
          provide: DirectoryWatch,
          inject: [CLOCK],
          useFactory: (clock: Clock) => new DirectoryWatch(config.DIRECTORY_GRPC, clock),
        },
        {
          provide: CatalogueView,
          inject: [DirectoryWatch],
          useFactory: (directory: DirectoryWatch) => new CatalogueView(directory),
        },
        {
          provide: LoggedConsumer,
          inject: [Database, OutboxReconciler],
          useFactory: ({ pool }: Database, reconciler: OutboxReconciler) =>
            new LoggedConsumer({ pool, schema: SCHEMA, reconciler }),
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
                topic: topics.consentEvents,
                type: 'consent-record-discarded',
                encode: (log) => ConsentEvent.encode({ log, state: '', parties: [] }).finish(),
                afterCommit: () => relay.wake(),
              },
            }),
        },
        {
          provide: AUDIT,
          inject: [PERMIT_KEY, CLOCK],
          useFactory: (key: SigningKey, clock: Clock) =>
            grpcClient(AuditServiceClient, config.AUDIT_GRPC, { signer: callSigner('consent', key, clock) }),
        },
        {
          provide: LogReconciler,
          inject: [Database, AUDIT, OutboxReconciler],
          useFactory: (database: Database, audit: GrpcClient<AuditServiceClient>, reconciler: OutboxReconciler) => {
            const topic = topics.consentEvents;
            const recordOf = (payload: Buffer) => ConsentEvent.decode(payload).log;
            const alarmAfterMs = config.RECONCILE_ALARM_MS;
            return new LogReconciler({
              pool: database.pool,
              schema: SCHEMA,
              topic,
              audit,
              recordOf,
              confirm: (client, entries) => reconciler.markLogged(client, entries),
              rows: [new ConsentRows({ database, audit, topic, recordOf, alarmAfterMs })],
              leastAgeMs: config.RECONCILE_LEAST_AGE_MS,
              alarmAfterMs,
              everyMs: config.RECONCILE_EVERY_MS,
            });
          },
        },
        {
          provide: LogReplay,
          inject: [Database, AUDIT, DirectoryWatch, LOGGER],
          useFactory: (
            database: Database,
            audit: GrpcClient<AuditServiceClient>,
            directory: DirectoryWatch,
            logger: Logger,
          ) => new LogReplay(database, audit, directory, logger),
        },
        {
          provide: Sweeper,
          inject: [Database, Outbox, OutboxRelay, CatalogueView, CLOCK, LOGGER],
          useFactory: (
            database: Database,
            outbox: Outbox,
            relay: OutboxRelay,
            catalogue: CatalogueView,
            clock: Clock,
            logger: Logger,
          ) => {
            const sweep = new Sweep({ database, outbox, catalogue, clock, afterCommit: () => relay.wake() });
            return new Sweeper(sweep, config.SWEEP_EVERY_MS, logger);
          },
        },
        {
          provide: ACCOUNT_HOSTS,
          useFactory: () => new Set((config.ACCOUNT_HOSTS ?? '').split(',').filter(isAgencyId)),
        },
        {
          provide: ASK_LIMITS,
          useFactory: (): AskLimits => ({
            perSubject: config.QUESTIONS_PER_SUBJECT,
            subjects: config.SUBJECTS_ASKED_ABOUT,
          }),
        },
        {
          provide: PERMIT_KEY,
          useFactory: async () =>
            importSigningKey(
              await loadOrCreateServiceKey(config.PERMIT_KEY_FILE, async () =>
                exportPrivateJwk(await generateSigningKey()),
              ),
            ),
        },
        {
          provide: KafkaTransport,
          inject: [MESSAGE_LOG],
          useFactory: (log: MessageLog) => new KafkaTransport({ log, groupId: 'consent', patient: true }),
        },
        RecordConsent,
        ProposeConsent,
        ActOnConsent,
        LinkSubject,
        ExcludeDecider,
        ShowAccount,
        ListConsents,
        AskBasis,
        CheckBasis,
        PermitRelease,
        ConsentConnections,
      ],
    };
  }
}

export const serviceOptions: ServiceOptions<ConsentConfig> = {
  name: 'consent',
  config: ConsentConfig,
  module: (config) => ConsentModule.forConfig(config),
  microservices: (app, config) => [
    grpcServer(config.GRPC_ADDRESS, {
      'kotovayla.consent.v1.ConsentService': ConsentServiceService,
      'kotovayla.operator.v1.SetAsideService': SetAsideServiceService,
    }),
    { strategy: app.get(KafkaTransport) },
  ],
};
