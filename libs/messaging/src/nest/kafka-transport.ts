import { BaseRpcContext, type CustomTransportStrategy, Server } from '@nestjs/microservices';
import { AppError } from '#kernel';
import { isObservable, lastValueFrom } from 'rxjs';
import type { LogBatch, MessageLog, Subscription } from '../log/message-log.js';
import { KafkaBatch } from './kafka-batch.js';

export interface KafkaTransportOptions {
  readonly log: MessageLog;
  readonly groupId: string;
  readonly concurrency?: number;
  /** As `SubscribeOptions`. */
  readonly patient?: boolean;
}

/** Second argument of a handler. */
export class KafkaContext extends BaseRpcContext<[topic: string, partition: number]> {
  get topic(): string {
    return this.args[0];
  }

  get partition(): number {
    return this.args[1];
  }
}

/**
 * NestJS transport over MessageLog, in place of NestJS's own ServerKafka, which commits events without a handler and lets
 * one bad event stop its partition (design 4). It subscribes exactly to the topics that have an `@EventPattern` handler.
 * A handler gets a whole `KafkaBatch`; when it throws, the batch comes again, so it gives the batch to an InboxConsumer,
 * which throws only where trying again helps. `log` must be connected before the application starts listening.
 * `app.close()` ends the batch under way and commits; disconnect the log and end the pool in `onApplicationShutdown`, which
 * comes after that.
 */
export class KafkaTransport extends Server implements CustomTransportStrategy {
  /** The log sees a rejected batch and says so. */
  override readonly propagatesEventHandlerErrors = true;
  private subscription: Subscription | undefined;

  constructor(private readonly options: KafkaTransportOptions) {
    super();
    this.setTransportId(Symbol.for('kotovayla.kafka'));
  }

  async listen(callback: (error?: unknown) => void): Promise<void> {
    try {
      this.refuseRequests();
      const { log, groupId, concurrency, patient } = this.options;
      const topics = [...this.messageHandlers.keys()];
      if (topics.length > 0)
        this.subscription = await log.subscribe({
          groupId,
          topics,
          ...(concurrency !== undefined && { concurrency }),
          ...(patient !== undefined && { patient }),
          onBatch: (batch) => this.deliver(batch),
        });
      callback();
    } catch (error) {
      callback(error);
    }
  }

  async close(): Promise<void> {
    await this.subscription?.stop();
    this.subscription = undefined;
  }

  on(): never {
    throw new Error('the Kafka transport has no events of its own');
  }

  unwrap<T>(): T {
    return this.options.log as T;
  }

  private async deliver(batch: LogBatch): Promise<void> {
    const handler = this.messageHandlers.get(batch.topic);
    if (!handler) throw new Error(`no handler for ${batch.topic}`);
    const { topic, partition, messages } = batch;
    const outcome: unknown = await handler(
      new KafkaBatch(topic, partition, messages),
      new KafkaContext([topic, partition]),
    );
    if (isObservable(outcome)) await lastValueFrom(outcome, { defaultValue: undefined });
  }

  /** Nobody waits for a reply on Kafka (design 1), so a `@MessagePattern` here is a mistake of the programmer. */
  private refuseRequests(): void {
    for (const [pattern, handler] of this.messageHandlers)
      if (!handler.isEventHandler)
        throw new AppError('CONFIG_INVALID', `${pattern} must be an @EventPattern: Kafka carries facts only`);
  }
}
