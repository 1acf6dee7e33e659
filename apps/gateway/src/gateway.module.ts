import { readFileSync } from 'node:fs';
import {
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import {
  AuditServiceClient,
  ConsentServiceClient,
  DirectoryServiceClient,
  ExchangeServiceClient,
  topics,
} from '#contracts';
import { exportPrivateJwk, generateSigningKey, importSigningKey } from '#envelope';
import type { Clock } from '#kernel';
import { KafkaLog, type MessageLog } from '#messaging';
import {
  callSigner,
  CLOCK,
  DirectoryWatch,
  grpcClient,
  loadOrCreateServiceKey,
  Readiness,
  type ServiceOptions,
} from '#platform';
import { AuditEntriesController } from './audit-entries/audit-entries.controller.js';
import { AlertsController } from './act-on-alerts/alerts.controller.js';
import { BreakGlassController } from './break-glass/break-glass.controller.js';
import { ReconciliationController } from './show-reconciliation/reconciliation.controller.js';
import { ErasuresController } from './erase-entries/erasures.controller.js';
import { HoldsController } from './hold-entries/holds.controller.js';
import { RetentionController } from './list-retention/retention.controller.js';
import { RecordReportController } from './record-report/record-report.controller.js';
import { ShowTransferController } from './show-transfer/show-transfer.controller.js';
import { AccessTokens } from './authenticate-caller/access-token.js';
import { AuthenticateCaller } from './authenticate-caller/authenticate-caller.js';
import { CallerGuard } from './authenticate-caller/caller.guard.js';
import { largeBodiesOfCallers } from './authenticate-caller/large-bodies.js';
import { DpopNonces } from './authenticate-caller/dpop-nonce.js';
import { DpopProofs } from './authenticate-caller/dpop-proof.js';
import { GatewayConfig } from './gateway.config.js';
import { EdgePublisher, MESSAGE_LOG } from './infra/edge-publisher.js';
import { MailboxHeads } from './infra/mailbox-heads.js';
import {
  AUDIT,
  CONSENT,
  DIRECTORY,
  EXCHANGE,
  type AuditClient,
  type ConsentClient,
  type DirectoryClient,
  type ExchangeClient,
} from './infra/peers.js';
import { RefusalInterceptor } from './log-refusals/refusal.interceptor.js';
import { RefusalLog } from './log-refusals/refusal-log.js';
import { AgencyRateLimit } from './limit-rate/agency-rate-limit.js';
import { AskBasisController } from './ask-basis/ask-basis.controller.js';
import { ShowAccountController } from './show-account/show-account.controller.js';
import { ManageConsentsController } from './manage-consents/manage-consents.controller.js';
import { ManageSubjectsController } from './manage-subjects/manage-subjects.controller.js';
import { OnboardAgencyController } from './onboard-agency/onboard-agency.controller.js';
import { describeGateway } from './describe-api/open-api.js';
import { OpenApiController } from './describe-api/open-api.controller.js';
import { LogFiles } from './publish-log/log-files.js';
import { PublishLogController } from './publish-log/publish-log.controller.js';
import { ReadDirectoryController } from './read-directory/read-directory.controller.js';
import { ReadExchangeController } from './read-exchange/read-exchange.controller.js';
import { ReadLogController } from './read-log/read-log.controller.js';
import { ReadMailboxController } from './read-mailbox/read-mailbox.controller.js';
import { MAX_RELEASE_BYTES, ReleaseMessagesController } from './release-messages/release-messages.controller.js';
import { SubmitMessagesController } from './submit-messages/submit-messages.controller.js';
import { MAX_BATCH, MAX_MESSAGE_BYTES } from './submit-messages/submit-messages.dto.js';
import { SubmitMessages } from './submit-messages/submit-messages.handler.js';

/** Opens what the edge talks to, and closes it after the last request. */
@Injectable()
class EdgeConnections implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  private busConnected = false;

  constructor(
    @Inject(MESSAGE_LOG) private readonly log: MessageLog,
    @Inject(DirectoryWatch) private readonly directory: DirectoryWatch,
    @Inject(MailboxHeads) private readonly heads: MailboxHeads,
    @Inject(EXCHANGE) private readonly exchange: ExchangeClient,
    @Inject(CONSENT) private readonly consent: ConsentClient,
    @Inject(AUDIT) private readonly audit: AuditClient,
    @Inject(DIRECTORY) private readonly directoryClient: DirectoryClient,
    @Inject(Readiness) private readonly readiness: Readiness,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.readiness.require('kafka', () => this.busConnected && this.log.health().connected);
    this.readiness.require('directory', () => this.directory.fresh().ok);
    this.readiness.require('mailbox heads', () => this.heads.connected);
    this.directory.start();
    this.heads.start();
    await this.log.connect();
    await this.log.assertTopics([topics.submissions, topics.gatewayRefusals]);
    this.busConnected = true;
  }

  /** Before the server waits for its requests: long polls end now instead of holding the stop for 25 s. */
  onModuleDestroy(): void {
    this.heads.close();
  }

  async onApplicationShutdown(): Promise<void> {
    this.directory.close();
    for (const client of [this.exchange, this.consent, this.audit, this.directoryClient]) client.close();
    await this.log.disconnect();
  }
}

@Module({})
export class GatewayModule {
  static forConfig(config: GatewayConfig): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [
        SubmitMessagesController,
        ReadMailboxController,
        ReleaseMessagesController,
        AskBasisController,
        ManageConsentsController,
        ManageSubjectsController,
        ShowAccountController,
        OnboardAgencyController,
        ReadDirectoryController,
        ReadLogController,
        PublishLogController,
        ReadExchangeController,
        AuditEntriesController,
        ShowTransferController,
        RecordReportController,
        AlertsController,
        ReconciliationController,
        HoldsController,
        RetentionController,
        ErasuresController,
        BreakGlassController,
        OpenApiController,
      ],
      providers: [
        { provide: EXCHANGE, useFactory: () => grpcClient(ExchangeServiceClient, config.EXCHANGE_GRPC) },
        { provide: CONSENT, useFactory: () => grpcClient(ConsentServiceClient, config.CONSENT_GRPC) },
        {
          provide: AUDIT,
          inject: [CLOCK],
          useFactory: async (clock: Clock) => {
            const made = async (): Promise<object> => exportPrivateJwk(await generateSigningKey());
            const key = await importSigningKey(await loadOrCreateServiceKey(config.GATEWAY_KEY_FILE, made));
            return grpcClient(AuditServiceClient, config.AUDIT_GRPC, { signer: callSigner('gateway', key, clock) });
          },
        },
        { provide: DIRECTORY, useFactory: () => grpcClient(DirectoryServiceClient, config.DIRECTORY_GRPC) },
        {
          provide: DirectoryWatch,
          inject: [CLOCK],
          useFactory: (clock: Clock) => new DirectoryWatch(config.DIRECTORY_GRPC, clock),
        },
        {
          provide: MailboxHeads,
          inject: [EXCHANGE],
          useFactory: (exchange: ExchangeClient) => new MailboxHeads(exchange),
        },
        {
          provide: MESSAGE_LOG,
          useFactory: () =>
            new KafkaLog({
              clientId: 'gateway',
              brokers: config.KAFKA_BROKERS.split(','),
              topicPrefix: config.KAFKA_TOPIC_PREFIX,
            }),
        },
        { provide: AgencyRateLimit, useFactory: () => new AgencyRateLimit(config.RATE_PER_SECOND) },
        { provide: DpopNonces, inject: [CLOCK], useFactory: (clock: Clock) => new DpopNonces(clock) },
        {
          provide: DpopProofs,
          inject: [DpopNonces, CLOCK],
          useFactory: (nonces: DpopNonces, clock: Clock) => new DpopProofs(nonces, clock),
        },
        {
          provide: AccessTokens,
          inject: [CLOCK],
          useFactory: (clock: Clock) =>
            new AccessTokens({ issuer: config.IDENTITY_ISSUER, audience: config.AUDIENCE }, clock),
        },
        { provide: APP_GUARD, useClass: CallerGuard },
        { provide: APP_INTERCEPTOR, useClass: RefusalInterceptor },
        EdgePublisher,
        AuthenticateCaller,
        LogFiles,
        RefusalLog,
        SubmitMessages,
        EdgeConnections,
      ],
    };
  }
}

const largeBodies = new Map([
  ['/v1/messages', MAX_BATCH * MAX_MESSAGE_BYTES],
  ['/v1/releases', MAX_BATCH * MAX_RELEASE_BYTES],
]);

export const serviceOptions: ServiceOptions<GatewayConfig> = {
  name: 'gateway',
  config: GatewayConfig,
  module: (config) => GatewayModule.forConfig(config),
  edge: true,
  beforeListen: async (app) => {
    largeBodiesOfCallers(app, largeBodies);
    app.get(OpenApiController).describe = () => describeGateway(app);
  },
  https: (config) =>
    config.TLS_CERT_FILE && config.TLS_KEY_FILE
      ? { cert: readFileSync(config.TLS_CERT_FILE), key: readFileSync(config.TLS_KEY_FILE) }
      : undefined,
};
