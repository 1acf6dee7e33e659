import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { topics } from '#contracts';
import type { KafkaBatch } from '#messaging';
import { FactConsumer } from './fact-consumer.js';

/** One handler a topic; what each service may assert is decided by the topic that it can write to. */
@Controller()
export class FactsController {
  constructor(@Inject(FactConsumer) private readonly consumer: FactConsumer) {}

  @EventPattern(topics.exchangeEvents)
  exchangeEvents(@Payload() batch: KafkaBatch): Promise<void> {
    return this.consumer.consumeBatch(batch);
  }

  @EventPattern(topics.consentEvents)
  consentEvents(@Payload() batch: KafkaBatch): Promise<void> {
    return this.consumer.consumeBatch(batch);
  }

  @EventPattern(topics.directoryEvents)
  directoryEvents(@Payload() batch: KafkaBatch): Promise<void> {
    return this.consumer.consumeBatch(batch);
  }

  @EventPattern(topics.gatewayRefusals)
  gatewayRefusals(@Payload() batch: KafkaBatch): Promise<void> {
    return this.consumer.consumeBatch(batch);
  }
}
