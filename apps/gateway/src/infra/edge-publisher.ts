import { Inject, Injectable } from '@nestjs/common';
import type { Topic } from '#contracts';
import type { LogRecord, MessageLog } from '#messaging';

/** A caller waits this long for Kafka; then it is told to come again, which is harmless. */
const PUBLISH_LIMIT_MS = 5_000;

export const MESSAGE_LOG = Symbol('MessageLog');

/** The edge's only way inwards that outlives a request. */
@Injectable()
export class EdgePublisher {
  constructor(@Inject(MESSAGE_LOG) private readonly log: MessageLog) {}

  /** Durable (`acks=all`) when it resolves. @throws AppError UNAVAILABLE */
  async publish(topic: Topic, records: readonly LogRecord[]): Promise<void> {
    if (records.length > 0) await this.log.publish(topic, records, { timeoutMs: PUBLISH_LIMIT_MS });
  }
}
