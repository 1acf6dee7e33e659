import { Controller, Inject } from '@nestjs/common';
import { EventPattern, GrpcMethod, Payload } from '@nestjs/microservices';
import {
  type ActOnConsentRequest,
  type ActOnConsentResponse,
  type AskBasisRequest,
  type AskBasisResponse,
  type CheckBasisRequest,
  type CheckBasisResponse,
  type ExcludeDeciderRequest,
  type ExcludeDeciderResponse,
  type LinkSubjectRequest,
  type LinkSubjectResponse,
  type ListConsentsRequest,
  type ListConsentsResponse,
  type PermitRequest,
  type PermitResponse,
  type ProposeConsentRequest,
  type ProposeConsentResponse,
  type RecordConsentRequest,
  type RecordConsentResponse,
  type ShowAccountRequest,
  type ShowAccountResponse,
  topics,
} from '#contracts';
import { type AgencyId, AppError, isAgencyId, isPseudonym } from '#kernel';
import { type KafkaBatch, LoggedConsumer } from '#messaging';
import { ActOnConsent } from './act-on-consent/act-on-consent.handler.js';
import { AskBasis } from './ask-basis/ask-basis.handler.js';
import { CheckBasis } from './check-basis/check-basis.handler.js';
import { ExcludeDecider } from './exclude-decider/exclude-decider.handler.js';
import { LinkSubject } from './link-subject/link-subject.handler.js';
import { ListConsents } from './list-consents/list-consents.handler.js';
import { PermitRelease } from './permit-release/permit-release.handler.js';
import { ProposeConsent } from './propose-consent/propose-consent.handler.js';
import { RecordConsent } from './record-consent/record-consent.handler.js';
import { ShowAccount } from './show-account/show-account.handler.js';

const MAX_BATCH = 64;

/** kotovayla.consent.v1.ConsentService. */
@Controller()
export class ConsentController {
  constructor(
    @Inject(RecordConsent) private readonly recordConsents: RecordConsent,
    @Inject(ProposeConsent) private readonly proposals: ProposeConsent,
    @Inject(ActOnConsent) private readonly acts: ActOnConsent,
    @Inject(LinkSubject) private readonly links: LinkSubject,
    @Inject(ExcludeDecider) private readonly exclusions: ExcludeDecider,
    @Inject(ShowAccount) private readonly accounts: ShowAccount,
    @Inject(ListConsents) private readonly consents: ListConsents,
    @Inject(AskBasis) private readonly questions: AskBasis,
    @Inject(CheckBasis) private readonly checks: CheckBasis,
    @Inject(PermitRelease) private readonly permits: PermitRelease,
    @Inject(LoggedConsumer) private readonly logged: LoggedConsumer,
  ) {}

  @GrpcMethod('ConsentService', 'recordConsent')
  async recordConsent({ agency, record }: RecordConsentRequest): Promise<RecordConsentResponse> {
    return this.recordConsents.record(caller(agency), record);
  }

  @GrpcMethod('ConsentService', 'actOnConsent')
  async actOnConsent({ agency, act }: ActOnConsentRequest): Promise<ActOnConsentResponse> {
    const { uses, ...acted } = await this.acts.act(caller(agency), act);
    return { ...acted, uses: [...uses] };
  }

  @GrpcMethod('ConsentService', 'proposeConsent')
  async proposeConsent({ agency, proposal }: ProposeConsentRequest): Promise<ProposeConsentResponse> {
    return this.proposals.propose(caller(agency), proposal);
  }

  @GrpcMethod('ConsentService', 'linkSubject')
  async linkSubject({ agency, link }: LinkSubjectRequest): Promise<LinkSubjectResponse> {
    return this.links.link(caller(agency), link);
  }

  @GrpcMethod('ConsentService', 'excludeDecider')
  async excludeDecider({ agency, exclusion }: ExcludeDeciderRequest): Promise<ExcludeDeciderResponse> {
    return this.exclusions.exclude(caller(agency), exclusion);
  }

  @GrpcMethod('ConsentService', 'listConsents')
  async listConsents({ agency, subject }: ListConsentsRequest): Promise<ListConsentsResponse> {
    if (!isPseudonym(subject)) throw new AppError('MALFORMED');
    return this.consents.list(caller(agency), subject);
  }

  @GrpcMethod('ConsentService', 'showAccount')
  async showAccount({ agency, subject, identification }: ShowAccountRequest): Promise<ShowAccountResponse> {
    if (!isPseudonym(subject)) throw new AppError('MALFORMED');
    return this.accounts.show(caller(agency), subject, identification);
  }

  @GrpcMethod('ConsentService', 'askBasis')
  async askBasis({ agency, contextJson }: AskBasisRequest): Promise<AskBasisResponse> {
    const decision = await this.questions.ask(caller(agency), contextJson);
    return {
      allowed: decision.allowed,
      reasons: decision.allowed ? [] : [...decision.reasons],
      consentNeedless: decision.consentNeedless,
    };
  }

  @GrpcMethod('ConsentService', 'checkBasis')
  async checkBasis({ items }: CheckBasisRequest): Promise<CheckBasisResponse> {
    return { results: await this.checks.check(items.map(({ manifest }) => manifest)) };
  }

  @GrpcMethod('ConsentService', 'permit')
  async permit({ items }: PermitRequest): Promise<PermitResponse> {
    if (items.length > MAX_BATCH) throw new AppError('CONTENT_TOO_LARGE');
    return { results: await this.permits.permit(items) };
  }

  @EventPattern(topics.auditEvents)
  async auditEvents(@Payload() batch: KafkaBatch): Promise<void> {
    await this.logged.consumeBatch(batch);
  }
}

/** The agency of the access token, as the gateway says. */
function caller(agency: string): AgencyId {
  if (!isAgencyId(agency)) throw new AppError('MALFORMED', 'not an agency id');
  return agency;
}
