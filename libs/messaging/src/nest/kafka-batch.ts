import type { LogBatch, LogMessage } from '../log/message-log.js';

/** Payload of an `@EventPattern(topic)` handler: consecutive messages of one partition. */
export class KafkaBatch implements LogBatch {
  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly messages: readonly LogMessage[],
  ) {}
}
