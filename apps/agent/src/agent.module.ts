import { type DynamicModule, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { importVerificationKey, type PublicJwk, thumbprintOf } from '#envelope';
import { AppError, type Clock, type Thumbprint } from '#kernel';
import { parseVerifierKey } from '#merkle';
import { CLOCK, Database, LOGGER, type Logger, readWitnessPolicy, type ServiceOptions } from '#platform';
import { APP_GUARD } from '@nestjs/core';
import { ActOnConsent } from './act-on-consent/act-on-consent.handler.js';
import { AnswerRequest } from './answer-request/answer-request.handler.js';
import { AskForConsent } from './ask-for-consent/ask-for-consent.handler.js';
import { AskForInformation } from './ask-for-information/ask-for-information.handler.js';
import { SystemGuard } from './authenticate-system/system.guard.js';
import { FindConsents } from './choose-basis/find-consents.js';
import { KnownConsents } from './choose-basis/known-consents.js';
import { apiControllers } from './describe-api/api-controllers.js';
import { OpenApiController } from './describe-api/open-api.controller.js';
import { describeAgent } from './describe-api/open-api.js';
import { AccountHosts } from './client-account/account-hosts.js';
import { ClientAccount } from './client-account/client-account.handler.js';
import { ExamineEvidence } from './examine-evidence/examine-evidence.js';
import { ExcludeDecider } from './exclude-decider/exclude-decider.handler.js';
import { ExportConsent } from './export-consent/export-consent.handler.js';
import { KeysInLog } from './follow-log/keys-in-log.js';
import { Notices } from './give-notice/notices.js';
import { LinkSubject } from './link-subject/link-subject.handler.js';
import { OnboardAgency } from './onboard-agency/onboard-agency.handler.js';
import { PrintPage } from './print-page/print-page.handler.js';
import { RecordConsent } from './record-consent/record-consent.handler.js';
import { ReferClient } from './refer-client/refer-client.handler.js';
import { ReportDisclosures } from './report-disclosures/report-disclosures.handler.js';
import { ReportRules } from './report-disclosures/report-rules.js';
import { SeeClient } from './see-client/see-client.handler.js';
import { SeeExchanges } from './see-exchanges/see-exchanges.handler.js';
import { AgentConfig } from './agent.config.js';
import { type AgencySettings, readAgencySettings } from './agency-settings.js';
import { Adapters } from './draft-answer/adapters.js';
import { Drafter } from './draft-answer/drafter.js';
import { SendReplies } from './draft-answer/send-replies.js';
import { SettleReply } from './draft-answer/settle-reply.js';
import { FOLLOWED_LOG, type FollowedLog, LogFollower } from './follow-log/log-follower.js';
import { PublicHub } from './hub-client/hub-client.js';
import { HubHttp } from './hub-client/hub-http.js';
import { ClientStore } from './infra/client-store.js';
import { AlertCallStore } from './infra/alert-call-store.js';
import { ConsentNoticeStore } from './infra/consent-notice-store.js';
import { ConsentStore } from './infra/consent-store.js';
import { DraftStore } from './infra/draft-store.js';
import { ExchangeStore } from './infra/exchange-store.js';
import { InboxStore } from './infra/inbox-store.js';
import { KeyStore } from './infra/key-store.js';
import { LogStore } from './infra/log-store.js';
import { KeyKeeper } from './keep-keys/key-keeper.js';
import { KeyRecords } from './keep-keys/key-records.js';
import { RecoveryKey } from './keep-keys/recovery-key.js';
import { ReplaceKeys } from './keep-keys/replace-keys.handler.js';
import { RotateKeys } from './keep-keys/rotate-keys.handler.js';
import { OutboxStore } from './infra/outbox-store.js';
import { LinkStore } from './infra/link-store.js';
import { ProposalStore } from './infra/proposal-store.js';
import { ProtectedClients } from './infra/protected-clients.js';
import { StatementStore } from './infra/statement-store.js';
import { WitnessedStore } from './infra/witnessed-store.js';
import { WitnessStore } from './infra/witness-store.js';
import { Directory } from './look-up-directory/directory.js';
import { ApplyOutcome } from './receive-mail/apply-outcome.js';
import { MailFetcher } from './receive-mail/mail-fetcher.js';
import { MailOpener } from './receive-mail/mail-opener.js';
import { ReportMismatches } from './receive-mail/report-mismatches.js';
import { ReSignConsents } from './re-sign-consents/re-sign-consents.js';
import { RestoreSent } from './receive-mail/restore-sent.js';
import { CallAboutAlerts } from './receive-mail/call-about-alerts.js';
import { TakeAlertNotices } from './receive-mail/take-alert-notices.js';
import { OUTCOME_KEY, TakeConsentNotices } from './receive-mail/take-consent-notices.js';
import { TakeNotices } from './receive-mail/take-notices.js';
import { TakeOpened } from './receive-mail/take-opened.js';
import { BackgroundWork, Pace } from './run-agent/background-work.js';
import { Wakeup } from './run-agent/wakeup.js';
import { OutboxSender } from './send-message/outbox-sender.js';
import { SealOutgoing } from './send-message/seal-outgoing.js';
import { WatchAlarms } from './watch-log/watch-alarms.js';
import { WITNESS_POLICY, WitnessedLog } from './watch-log/witnessed-log.js';
import { AddCheckpoint } from './witness-log/add-checkpoint.handler.js';
import { ServeWitness } from './witness-log/serve-witness.js';
import { WITNESS_KEY, witnessKey } from './witness-log/witness-key.js';
import { TellStatements } from './tell-consents/tell-statements.js';
import { openAgencies, ServedAgencies } from './serve-agencies/served-agencies.js';

const GATEWAY = Symbol('Gateway');
const IDENTITY = Symbol('Identity');

@Injectable()
class AgentConnections implements OnApplicationShutdown {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(GATEWAY) private readonly gateway: HubHttp,
    @Inject(IDENTITY) private readonly identity: HubHttp,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.gateway.close(), this.identity.close()]);
    await this.database.close();
  }
}

@Module({})
export class AgentModule {
  static forConfig(config: AgentConfig, settings: readonly AgencySettings[]): DynamicModule {
    return {
      module: AgentModule,
      controllers: [...apiControllers, OpenApiController],
      providers: [
        {
          provide: Database,
          inject: [LOGGER],
          useFactory: (logger: Logger) =>
            new Database(config.DATABASE_URL, {
              max: 16,
              onError: (error) => logger.warn({ err: error }, 'database connection lost'),
            }),
        },
        { provide: GATEWAY, useFactory: () => new HubHttp(config.GATEWAY_URL, 16 + 8 * settings.length) },
        { provide: IDENTITY, useFactory: () => new HubHttp(config.IDENTITY_ISSUER, 4) },
        { provide: PublicHub, inject: [GATEWAY], useFactory: (gateway: HubHttp) => new PublicHub(gateway) },
        {
          provide: ServedAgencies,
          inject: [GATEWAY, IDENTITY, LogStore, KeyStore, KeysInLog, CLOCK],
          useFactory: (
            gateway: HubHttp,
            identity: HubHttp,
            log: LogStore,
            keys: KeyStore,
            logged: KeysInLog,
            clock: Clock,
          ) =>
            openAgencies(
              settings,
              { gateway, identity, issuer: config.IDENTITY_ISSUER, audience: config.AUDIENCE },
              { log, keys },
              logged,
              clock,
            ),
        },
        {
          provide: FOLLOWED_LOG,
          inject: [ServedAgencies],
          useFactory: (agencies: ServedAgencies) => followedLog(config, agencies),
        },
        { provide: OUTCOME_KEY, useFactory: () => outcomeKey(config) },
        {
          provide: WITNESS_KEY,
          inject: [ServedAgencies, WitnessStore, CLOCK],
          useFactory: (agencies: ServedAgencies, store: WitnessStore, clock: Clock) =>
            witnessKey(config, agencies, store, clock),
        },
        {
          provide: WITNESS_POLICY,
          inject: [LOGGER],
          useFactory: (logger: Logger) =>
            config.WITNESS_POLICY_FILE === undefined
              ? undefined
              : readWitnessPolicy(config.WITNESS_POLICY_FILE, config.LOG_ORIGIN, logger),
        },
        AddCheckpoint,
        Adapters,
        ApplyOutcome,
        BackgroundWork,
        { provide: Pace, useValue: new Pace(config.FOLLOW_EVERY_MS, config.LOOK_AGAIN_EVERY_MS) },
        ClientStore,
        ConsentStore,
        Directory,
        Drafter,
        DraftStore,
        ExchangeStore,
        InboxStore,
        KeyKeeper,
        KeyRecords,
        KeysInLog,
        KeyStore,
        LogFollower,
        LogStore,
        { provide: APP_GUARD, useClass: SystemGuard },
        AnswerRequest,
        AskForInformation,
        FindConsents,
        KnownConsents,
        OnboardAgency,
        RecordConsent,
        RecoveryKey,
        {
          provide: AccountHosts,
          inject: [ServedAgencies, CLOCK],
          useFactory: (agencies: ServedAgencies, clock: Clock) => AccountHosts.open(agencies, clock),
        },
        ActOnConsent,
        ClientAccount,
        AskForConsent,
        ExcludeDecider,
        ExamineEvidence,
        ExportConsent,
        LinkSubject,
        PrintPage,
        { provide: Notices, useFactory: () => Notices.read(config.NOTICES) },
        { provide: ReportRules, useFactory: () => ReportRules.read(config.REPORT_RULES) },
        ReferClient,
        ReplaceKeys,
        ReSignConsents,
        RestoreSent,
        RotateKeys,
        SeeExchanges,
        MailFetcher,
        MailOpener,
        OutboxSender,
        OutboxStore,
        LinkStore,
        ProposalStore,
        ProtectedClients,
        SeeClient,
        ReportDisclosures,
        ReportMismatches,
        SealOutgoing,
        StatementStore,
        TellStatements,
        SendReplies,
        SettleReply,
        ServeWitness,
        ConsentNoticeStore,
        AlertCallStore,
        CallAboutAlerts,
        TakeAlertNotices,
        TakeConsentNotices,
        TakeNotices,
        TakeOpened,
        Wakeup,
        WatchAlarms,
        WitnessedLog,
        WitnessedStore,
        WitnessStore,
        AgentConnections,
      ],
    };
  }
}

async function followedLog(config: AgentConfig, agencies: ServedAgencies): Promise<FollowedLog> {
  const verifier = parseVerifierKey(config.LOG_VERIFIER_KEY);
  if (!verifier.ok || verifier.value.name !== config.LOG_ORIGIN)
    throw new AppError('CONFIG_INVALID', 'LOG_VERIFIER_KEY: is no verifier key of LOG_ORIGIN');
  const pinned = new Map<string, Thumbprint>([['exchange outcome', await pin('OUTCOME_PUBLIC_JWK', config)]]);
  if (config.PERMIT_PUBLIC_JWK !== undefined) pinned.set('consent permit', await pin('PERMIT_PUBLIC_JWK', config));
  return {
    verifierKey: config.LOG_VERIFIER_KEY,
    pinned,
    madeHere: (agency, kid) => agencies.madeHere(agency, kid),
    revokedHere: (agency, kid) => agencies.revokedHere(agency, kid),
  };
}

async function pin(name: 'OUTCOME_PUBLIC_JWK' | 'PERMIT_PUBLIC_JWK', config: AgentConfig): Promise<Thumbprint> {
  try {
    return await thumbprintOf(JSON.parse(config[name] ?? '') as PublicJwk);
  } catch {
    throw new AppError('CONFIG_INVALID', `${name}: is no public key of the profile`);
  }
}

async function outcomeKey(config: AgentConfig) {
  const key = await importVerificationKey(JSON.parse(config.OUTCOME_PUBLIC_JWK));
  if (!key.ok) throw new AppError('CONFIG_INVALID', 'OUTCOME_PUBLIC_JWK: is no signing key of the profile');
  return key.value;
}

export const serviceOptions: ServiceOptions<AgentConfig> = {
  name: 'agent',
  config: AgentConfig,
  module: (config) => AgentModule.forConfig(config, readAgencySettings(config.AGENT_CONFIG_FILE)),
  beforeListen: async (app) => {
    await app.get(ServeWitness).attach(app.getHttpAdapter().getInstance());
    app.get(OpenApiController).describe = () => describeAgent(app);
  },
};
