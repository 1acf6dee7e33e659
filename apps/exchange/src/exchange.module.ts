import { type DynamicModule, Module } from '@nestjs/common';
import { AuditServiceClient, ExchangeEvent, ExchangeServiceService, SetAsideServiceService, topics } from '#contracts';
import { type SigningKey, exportPrivateJwk, generateSigningKey, importSigningKey } from '#envelope';
import type { Clock } from '#kernel';
import {
  KafkaTransport,
  LogReconciler,
  MESSAGE_LOG,
  type MessageLog,
  messagingProviders,
  Outbox,
  OutboxReconciler,
  OutboxRelay,
  ParkedMessages,
  SET_ASIDE,
  SetAsideController,
  SetAsideRecords,
} from '#messaging';
import {
  CLOCK,
  Database,
  DirectoryWatch,
  LOGGER,
  type Logger,
  Readiness,
  type GrpcClient,
  type ServiceOptions,
  callSigner,
  grpcClient,
  grpcServer,
  loadOrCreateServiceKey,
  watchOutbox,
  watchSetAside,
} from '#platform';
import { AskForReceipts } from './confirm-logged/ask-for-receipts.js';
import { AuditEventsConsumer } from './confirm-logged/audit-events.consumer.js';
import { ConfirmLogged } from './confirm-logged/confirm-logged.handler.js';
import { ExchangeConfig } from './exchange.config.js';
import { Sweep } from './expire-messages/sweep.js';
import { Sweeper } from './expire-messages/sweeper.js';
import { Backpressure } from './infra/backpressure.js';
import { CurrentCatalogue } from './infra/current-catalogue.js';
import { SCHEMA } from './infra/database.js';
import type { LedgerParts } from './infra/exchange-ledger.js';
import { KafkaController } from './infra/kafka.controller.js';
import { Lifecycle } from './infra/lifecycle.js';
import { Peers } from './infra/peers.js';
import { ReleaseKeys } from './infra/release-keys.js';
import { ParkMessages } from './park-messages/park-messages.handler.js';
import { ParkedController } from './park-messages/parked.controller.js';
import { MailboxHeads } from './read-mailbox/mailbox-heads.js';
import { MailboxController } from './read-mailbox/mailbox.controller.js';
import { ReadMailbox } from './read-mailbox/read-mailbox.handler.js';
import { SubmissionJudge } from './receive-submissions/judge-submissions.js';
import { quotaAlarm } from './receive-submissions/quota-alarm.js';
import { ReceiveSubmissions } from './receive-submissions/receive-submissions.handler.js';
import { SubmissionQuotas } from './receive-submissions/submission-quotas.js';
import { SubmissionsConsumer } from './receive-submissions/submissions.consumer.js';
import { EdgeRefusals } from './reconcile-transfers/edge-refusals.js';
import { TransferRows } from './reconcile-transfers/transfer-rows.js';
import { GatewayRefusalsConsumer } from './refuse-at-edge/gateway-refusals.consumer.js';
import { ReleaseMessagesController } from './release-messages/release-messages.controller.js';
import { LogRefusals } from './release-messages/log-refusals.js';
import { ReleaseMessages } from './release-messages/release-messages.handler.js';
import { SettleReleases } from './release-messages/settle-releases.js';
import { ShowExchangeController } from './show-exchange/show-exchange.controller.js';
import { ShowExchange } from './show-exchange/show-exchange.query.js';
import { TellAlerts } from './tell-alerts/tell-alerts.js';
import { TellLateAuthorities } from './tell-alerts/tell-late-authorities.js';
import { ConsentEventsConsumer } from './withdraw-consented/consent-events.consumer.js';
import { ConsentNotices } from './withdraw-consented/consent-notices.js';
import { WithdrawConsented } from './withdraw-consented/withdraw-consented.handler.js';

const LEDGER_PARTS = Symbol('LedgerParts');
/** Wakes relay and mailbox watchers after a commit. */
const AFTER_COMMIT = Symbol('AfterCommit');
const INBOX_PARTS = Symbol('InboxParts');
/** Audit where it asks who calls; releases prove themselves. */
const AUDIT_SIGNED = Symbol('SignedAuditClient');

interface InboxParts {
  readonly pool: Database['pool'];
  readonly schema: string;
  readonly afterCommit: () => void;
  readonly onParked: NonNullable<ConstructorParameters<typeof ConsentEventsConsumer>[2]['onParked']>;
  readonly attemptsBeforeParking: number;
  readonly backoff: { readonly firstMs: number; readonly maxMs: number };
}

const LONGEST_BACKOFF_MS = 300_000;

const outcomeKeyOf = async (path: string): Promise<SigningKey> =>
  importSigningKey(await loadOrCreateServiceKey(path, async () => exportPrivateJwk(await generateSigningKey())));

@Module({})
export class ExchangeModule {
  static forConfig(config: ExchangeConfig): DynamicModule {
    return {
      module: ExchangeModule,
      controllers: [
        KafkaController,
        MailboxController,
        ReleaseMessagesController,
        ShowExchangeController,
        ParkedController,
        SetAsideController,
      ],
      providers: [
        {
          provide: Database,
          inject: [LOGGER],
          useFactory: (logger: Logger) =>
            new Database(config.DATABASE_URL, {
              max: 16,
              onError: (error) => logger.warn({ err: error }, 'a database connection was lost'),
            }),
        },
        ...messagingProviders({
          service: 'exchange',
          brokers: config.KAFKA_BROKERS,
          topicPrefix: config.KAFKA_TOPIC_PREFIX,
          schema: SCHEMA,
          loggedTopics: [topics.exchangeEvents],
          database: Database,
        }),
        {
          provide: DirectoryWatch,
          inject: [CLOCK],
          useFactory: (clock: Clock) => new DirectoryWatch(config.DIRECTORY_GRPC, clock),
        },
        {
          provide: Peers,
          useFactory: () => new Peers({ consent: config.CONSENT_GRPC, audit: config.AUDIT_GRPC }),
        },
        {
          provide: CurrentCatalogue,
          inject: [DirectoryWatch],
          useFactory: (directory: DirectoryWatch) => new CurrentCatalogue(directory),
        },
        {
          provide: ReleaseKeys,
          inject: [Database, Peers],
          useFactory: (database: Database, { audit }: Peers) => new ReleaseKeys(database, audit),
        },
        {
          provide: LEDGER_PARTS,
          useFactory: async (): Promise<LedgerParts> => ({ outcomeKey: await outcomeKeyOf(config.OUTCOME_KEY_FILE) }),
        },
        {
          provide: Backpressure,
          inject: [OutboxRelay],
          useFactory: (relay: OutboxRelay) => new Backpressure(relay, config.OUTBOX_LIMIT_MS),
        },
        {
          provide: MailboxHeads,
          inject: [Database, LOGGER],
          useFactory: (database: Database, logger: Logger) =>
            new MailboxHeads(database, (error) => logger.warn({ err: error }, 'mailbox heads are looked up again')),
        },
        {
          provide: AFTER_COMMIT,
          inject: [OutboxRelay, MailboxHeads],
          useFactory: (relay: OutboxRelay, heads: MailboxHeads) => () => {
            relay.wake();
            heads.wake();
          },
        },
        {
          provide: ParkMessages,
          inject: [LEDGER_PARTS, DirectoryWatch, CLOCK],
          useFactory: (parts: LedgerParts, directory: DirectoryWatch, clock: Clock) =>
            new ParkMessages(parts, directory, clock),
        },
        {
          provide: INBOX_PARTS,
          inject: [Database, AFTER_COMMIT, ParkMessages],
          useFactory: ({ pool }: Database, afterCommit: () => void, park: ParkMessages): InboxParts => ({
            pool,
            schema: SCHEMA,
            afterCommit,
            onParked: (client, message) => park.parked(client, message),
            attemptsBeforeParking: config.ATTEMPTS_BEFORE_PARKING,
            backoff: { firstMs: config.HELD_BACKOFF_MS, maxMs: LONGEST_BACKOFF_MS },
          }),
        },
        {
          provide: ParkedMessages,
          inject: [Database, AFTER_COMMIT, ParkMessages],
          useFactory: ({ pool }: Database, afterCommit: () => void, park: ParkMessages) =>
            new ParkedMessages({
              pool,
              schema: SCHEMA,
              afterCommit,
              onDiscarded: (client, message) => park.discarded(client, message),
            }),
        },
        {
          provide: SubmissionsConsumer,
          inject: [DirectoryWatch, CurrentCatalogue, ReleaseKeys, Peers, LEDGER_PARTS, INBOX_PARTS, CLOCK, LOGGER],
          useFactory: (
            directory: DirectoryWatch,
            catalogue: CurrentCatalogue,
            releaseKeys: ReleaseKeys,
            { consent }: Peers,
            parts: LedgerParts,
            inbox: InboxParts,
            clock: Clock,
            logger: Logger,
          ) =>
            new SubmissionsConsumer(
              new SubmissionJudge(directory, catalogue, releaseKeys, consent, clock),
              new ReceiveSubmissions(
                parts,
                new SubmissionQuotas({
                  agencyPerHour: config.QUOTA_AGENCY_PER_HOUR,
                  subjectPerDay: config.QUOTA_SUBJECT_PER_DAY,
                  subjectsPerDay: config.QUOTA_SUBJECTS_PER_DAY,
                }),
                quotaAlarm(logger),
                clock,
              ),
              inbox,
            ),
        },
        {
          provide: SettleReleases,
          inject: [LEDGER_PARTS, CurrentCatalogue, CLOCK, LOGGER],
          useFactory: (parts: LedgerParts, catalogue: CurrentCatalogue, clock: Clock, logger: Logger) =>
            new SettleReleases(parts, catalogue, clock, logger),
        },
        {
          provide: ConfirmLogged,
          inject: [LEDGER_PARTS, OutboxReconciler, CLOCK],
          useFactory: (parts: LedgerParts, reconciler: OutboxReconciler, clock: Clock) =>
            new ConfirmLogged(parts, reconciler, clock),
        },
        {
          provide: TellAlerts,
          inject: [LEDGER_PARTS, DirectoryWatch, CLOCK, LOGGER],
          useFactory: (parts: LedgerParts, directory: DirectoryWatch, clock: Clock, logger: Logger) =>
            new TellAlerts(parts, directory, clock, logger),
        },
        {
          provide: TellLateAuthorities,
          inject: [Database, TellAlerts, AFTER_COMMIT],
          useFactory: (database: Database, alerts: TellAlerts, afterCommit: () => void) =>
            new TellLateAuthorities(database, alerts, afterCommit),
        },
        {
          provide: AuditEventsConsumer,
          inject: [ConfirmLogged, SettleReleases, TellAlerts, INBOX_PARTS],
          useFactory: (confirm: ConfirmLogged, settle: SettleReleases, tell: TellAlerts, inbox: InboxParts) =>
            new AuditEventsConsumer(confirm, settle, tell, inbox),
        },
        {
          provide: ConsentEventsConsumer,
          inject: [LEDGER_PARTS, INBOX_PARTS, CLOCK],
          useFactory: (parts: LedgerParts, inbox: InboxParts, clock: Clock) =>
            new ConsentEventsConsumer(new WithdrawConsented(parts, clock), new ConsentNotices(parts.outcomeKey), inbox),
        },
        {
          provide: GatewayRefusalsConsumer,
          inject: [ConfirmLogged, INBOX_PARTS],
          useFactory: (confirm: ConfirmLogged, inbox: InboxParts) => new GatewayRefusalsConsumer(confirm, inbox),
        },
        {
          provide: SET_ASIDE,
          inject: [
            Database,
            SubmissionsConsumer,
            AuditEventsConsumer,
            ConsentEventsConsumer,
            GatewayRefusalsConsumer,
            Outbox,
            ParkMessages,
            AFTER_COMMIT,
          ],
          useFactory: (
            { pool }: Database,
            { inbox }: SubmissionsConsumer,
            auditEvents: AuditEventsConsumer,
            consentEvents: ConsentEventsConsumer,
            refusals: GatewayRefusalsConsumer,
            outbox: Outbox,
            park: ParkMessages,
            afterCommit: () => void,
          ) =>
            new SetAsideRecords({
              pool,
              schema: SCHEMA,
              inboxes: [inbox, auditEvents, consentEvents, refusals],
              told: {
                outbox,
                topic: topics.exchangeEvents,
                type: 'exchange-record-discarded',
                encode: (log) => ExchangeEvent.encode({ log }).finish(),
                onParkedDiscarded: (client, message) => park.discarded(client, message),
                afterCommit,
              },
            }),
        },
        {
          provide: ReadMailbox,
          inject: [Database, LEDGER_PARTS, CLOCK, AFTER_COMMIT],
          useFactory: (database: Database, parts: LedgerParts, clock: Clock, afterCommit: () => void) =>
            new ReadMailbox(database, parts, clock, afterCommit),
        },
        {
          provide: ReleaseMessages,
          inject: [Database, LEDGER_PARTS, DirectoryWatch, Peers, SettleReleases, CLOCK, AFTER_COMMIT],
          useFactory: (
            database: Database,
            ledger: LedgerParts,
            directory: DirectoryWatch,
            { consent, audit }: Peers,
            settle: SettleReleases,
            clock: Clock,
            afterCommit: () => void,
          ) =>
            new ReleaseMessages({
              database,
              ledger,
              directory,
              consent,
              audit,
              settle,
              refusals: new LogRefusals(database, ledger, clock, afterCommit),
              clock,
              afterCommit,
            }),
        },
        {
          provide: ShowExchange,
          inject: [Database],
          useFactory: (database: Database) => new ShowExchange(database),
        },
        {
          provide: Sweep,
          inject: [Database, LEDGER_PARTS, DirectoryWatch, CLOCK, AFTER_COMMIT],
          useFactory: (
            database: Database,
            ledger: LedgerParts,
            directory: DirectoryWatch,
            clock: Clock,
            afterCommit: () => void,
          ) => new Sweep({ database, ledger, directory, clock, afterCommit }),
        },
        {
          provide: AUDIT_SIGNED,
          inject: [LEDGER_PARTS, CLOCK],
          useFactory: ({ outcomeKey }: LedgerParts, clock: Clock) =>
            grpcClient(AuditServiceClient, config.AUDIT_GRPC, { signer: callSigner('exchange', outcomeKey, clock) }),
        },
        {
          provide: LogReconciler,
          inject: [Database, AUDIT_SIGNED, ConfirmLogged, AFTER_COMMIT, CLOCK],
          useFactory: (
            database: Database,
            audit: GrpcClient<AuditServiceClient>,
            confirm: ConfirmLogged,
            afterCommit: () => void,
            clock: Clock,
          ) => {
            const leastAgeMs = config.RECONCILE_LEAST_AGE_MS;
            const receipts = new AskForReceipts({ database, audit, confirm, afterCommit, leastAgeMs });
            return new LogReconciler({
              pool: database.pool,
              schema: SCHEMA,
              topic: topics.exchangeEvents,
              audit,
              recordOf: (payload) => ExchangeEvent.decode(payload).log,
              confirm: async (client, entries) => {
                await confirm.begin(client);
                await confirm.confirm(client, [{ entries: [...entries], checkpoint: '' }]);
              },
              afterCommit,
              rows: [
                new TransferRows({ database, audit, clock, alarmAfterMs: config.RECONCILE_ALARM_MS }),
                new EdgeRefusals({ database, audit, clock, alarmAfterMs: config.RECONCILE_ALARM_MS }),
              ],
              eachRound: () => receipts.round(),
              leastAgeMs,
              alarmAfterMs: config.RECONCILE_ALARM_MS,
              everyMs: config.RECONCILE_EVERY_MS,
            });
          },
        },
        {
          provide: Lifecycle,
          inject: [
            Database,
            MESSAGE_LOG,
            DirectoryWatch,
            Peers,
            OutboxRelay,
            OutboxReconciler,
            LogReconciler,
            AUDIT_SIGNED,
            MailboxHeads,
            SubmissionsConsumer,
            AuditEventsConsumer,
            ConsentEventsConsumer,
            GatewayRefusalsConsumer,
            Sweep,
            TellLateAuthorities,
            LOGGER,
          ],
          useFactory: (
            database: Database,
            log: MessageLog,
            directory: DirectoryWatch,
            peers: Peers,
            relay: OutboxRelay,
            reconciler: OutboxReconciler,
            logReconciler: LogReconciler,
            signedAudit: GrpcClient<AuditServiceClient>,
            heads: MailboxHeads,
            submissions: SubmissionsConsumer,
            auditEvents: AuditEventsConsumer,
            consentEvents: ConsentEventsConsumer,
            refusals: GatewayRefusalsConsumer,
            sweep: Sweep,
            late: TellLateAuthorities,
            logger: Logger,
          ) => {
            const inboxes = [submissions.inbox, auditEvents, consentEvents, refusals];
            const alsoDue = () => late.run();
            const sweeper = new Sweeper({ sweep, alsoDue, database, inboxes, everyMs: config.SWEEP_EVERY_MS, logger });
            return new Lifecycle([
              { stop: () => database.close() },
              { stop: () => log.disconnect() },
              { stop: () => peers.close() },
              { stop: () => signedAudit.close() },
              { start: () => directory.start(), stop: () => directory.close() },
              relay,
              reconciler,
              logReconciler,
              heads,
              ...inboxes,
              sweeper,
            ]);
          },
        },
      ],
    };
  }
}

export const serviceOptions: ServiceOptions<ExchangeConfig> = {
  name: 'exchange',
  config: ExchangeConfig,
  module: (config) => ExchangeModule.forConfig(config),
  microservices: (app, config) => [
    grpcServer(config.GRPC_ADDRESS, {
      'kotovayla.exchange.v1.ExchangeService': ExchangeServiceService,
      'kotovayla.operator.v1.SetAsideService': SetAsideServiceService,
    }),
    { strategy: new KafkaTransport({ log: app.get<MessageLog>(MESSAGE_LOG), groupId: 'exchange' }) },
  ],
  beforeListen: async (app) => {
    const database = app.get(Database);
    const log = app.get<MessageLog>(MESSAGE_LOG);
    const directory = app.get(DirectoryWatch);
    const backpressure = app.get(Backpressure);
    const readiness = app.get(Readiness);
    readiness.require('database', () => database.ping());
    readiness.require('kafka', () => log.health().connected);
    readiness.require('directory', () => directory.fresh().ok);
    readiness.require('outbox', () => backpressure.isOpen());
    const setAside = app.get<SetAsideRecords>(SET_ASIDE);
    watchSetAside(readiness, () => setAside.count());
    const relay = app.get(OutboxRelay);
    watchOutbox(readiness, () => relay.heldBackMs());
    await log.connect();
  },
};
