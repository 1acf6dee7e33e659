import { Controller, Inject } from '@nestjs/common';
import { EventPattern, GrpcMethod, Payload } from '@nestjs/microservices';
import {
  type ActOnConsentRequest,
  type ActOnConsentResponse,
  type CheckBasisRequest,
  type CheckBasisResponse,
  type ListConsentsRequest,
  type ListConsentsResponse,
  type PermitRequest,
  type PermitResponse,
  type RecordConsentRequest,
  type RecordConsentResponse,
  topics,
} from '#contracts';
import { type AgencyId, AppError, isAgencyId, isPseudonym } from '#kernel';
import { type KafkaBatch, LoggedConsumer } from '#messaging';
import { CheckBasis } from './check-basis/check-basis.handler.js';
import { ListConsents } from './list-consents/list-consents.handler.js';
import { PermitRelease } from './permit-release/permit-release.handler.js';
import { RecordConsent } from './record-consent/record-consent.handler.js';
import { WithdrawConsent } from './withdraw-consent/withdraw-consent.handler.js';

const MAX_BATCH = 64;

/** kotovayla.consent.v1.ConsentService. */
@Controller()
export class ConsentController {
  constructor(
    @Inject(RecordConsent) private readonly recordConsents: RecordConsent,
    @Inject(WithdrawConsent) private readonly withdrawals: WithdrawConsent,
    @Inject(ListConsents) private readonly consents: ListConsents,
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
    return { ...(await this.withdrawals.withdraw(caller(agency), act)), state: 'withdrawn', uses: [] };
  }

  @GrpcMethod('ConsentService', 'listConsents')
  async listConsents({ agency, subject }: ListConsentsRequest): Promise<ListConsentsResponse> {
    if (!isPseudonym(subject)) throw new AppError('MALFORMED');
    return { consents: await this.consents.list(caller(agency), subject) };
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
