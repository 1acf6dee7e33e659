import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { topics } from '#contracts';
import type { LogBatch } from '#messaging';
import { AuditEventsConsumer } from '../confirm-logged/audit-events.consumer.js';
import { SubmissionsConsumer } from '../receive-submissions/submissions.consumer.js';
import { GatewayRefusalsConsumer } from '../refuse-at-edge/gateway-refusals.consumer.js';
import { ConsentEventsConsumer } from '../withdraw-consented/consent-events.consumer.js';

/** The topics that this service consumes. */
@Controller()
export class KafkaController {
  constructor(
    @Inject(SubmissionsConsumer) private readonly submissions: SubmissionsConsumer,
    @Inject(AuditEventsConsumer) private readonly auditEvents: AuditEventsConsumer,
    @Inject(ConsentEventsConsumer) private readonly consentEvents: ConsentEventsConsumer,
    @Inject(GatewayRefusalsConsumer) private readonly refusals: GatewayRefusalsConsumer,
  ) {}

  @EventPattern(topics.submissions)
  onSubmissions(@Payload() batch: LogBatch): Promise<void> {
    return this.submissions.consume(batch);
  }

  @EventPattern(topics.auditEvents)
  onAuditEvents(@Payload() batch: LogBatch): Promise<void> {
    return this.auditEvents.consumeBatch(batch);
  }

  @EventPattern(topics.consentEvents)
  onConsentEvents(@Payload() batch: LogBatch): Promise<void> {
    return this.consentEvents.consumeBatch(batch);
  }

  @EventPattern(topics.gatewayRefusals)
  onRefusals(@Payload() batch: LogBatch): Promise<void> {
    return this.refusals.consumeBatch(batch);
  }
}
