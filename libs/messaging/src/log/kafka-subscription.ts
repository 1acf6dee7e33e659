import { Logger } from '@nestjs/common';
import { AppError } from '#kernel';
import type { Consumer, EachBatchPayload, IHeaders, Kafka, KafkaMessage } from 'kafkajs';
import { type Backoff, delayAfter } from '../inbox/backoff.js';
import { PARTITIONS } from './create-topics.js';
import { errorNamesOf, isRetriable } from './kafka-client.js';
import type { LogBatch, LogMessage, SubscribeOptions, Subscription } from './message-log.js';
import { topicName } from './topic-name.js';

const HEARTBEAT_MS = 1_500;
const SILENT_MS = 15_000;
const MAX_BATCH = 500;
/** More than comes in half a second; the brokers answer then, or when there is so much. */
const PATIENT_BYTES = 256 * 1024;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
const REJOIN: Backoff = { firstMs: 250, maxMs: LAST_RETRY_MS };

/** One consumer of one group. The messages of a partition reach `onBatch` in order, each batch until it is taken. */
export class KafkaSubscription implements Subscription {
  private readonly logger = new Logger(KafkaSubscription.name);
  private consumer: Consumer;
  private readonly names: ReadonlyMap<string, string>;
  private readonly underWay = new Set<Promise<void>>();
  private paused = false;
  private stopping = false;
  private member = false;
  private lastSign = 0;
  /** Ends of consumers since one was last a member of the group. */
  private ends = 0;
  private rejoining: Promise<void> = Promise.resolve();

  constructor(
    private readonly kafka: Kafka,
    private readonly options: SubscribeOptions,
    private readonly prefix: string,
    private readonly onCrash: (error: Error) => void,
    private readonly onEnd: (subscription: KafkaSubscription) => void,
  ) {
    this.names = new Map(options.topics.map((name) => [topicName(name, prefix), name]));
    this.consumer = this.newConsumer();
  }

  /** A member of its group that has lately told so to the coordinator. kafkajs can stop fetching without an error. */
  get alive(): boolean {
    return this.member && Date.now() - this.lastSign < SILENT_MS;
  }

  async start(): Promise<void> {
    const { consumer } = this;
    consumer.on(consumer.events.GROUP_JOIN, () => {
      this.member = true;
      this.ends = 0;
      this.lastSign = Date.now();
      // A restart inside the client makes a new group member that knows nothing of the pause.
      if (this.paused) consumer.pause(this.topicsOnBroker());
    });
    consumer.on(consumer.events.HEARTBEAT, () => {
      this.lastSign = Date.now();
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.member = false;
      if (!payload.restart && !this.stopping) this.afterEnd(payload.error);
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [...this.names.keys()], fromBeginning: true });
    await consumer.run({
      // The offset is resolved below, only after onBatch, and committed right after that.
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: this.options.concurrency ?? PARTITIONS,
      eachBatch: (payload) => this.take(payload),
    });
  }

  async pause(): Promise<void> {
    if (!this.paused) {
      this.paused = true;
      if (this.member) this.consumer.pause(this.topicsOnBroker());
    }
    await Promise.allSettled(this.underWay);
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.member) this.consumer.resume(this.topicsOnBroker());
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.rejoining;
    await Promise.allSettled(this.underWay);
    // kafkajs commits the resolved offsets of a batch before it leaves the group.
    await this.consumer.disconnect();
    this.member = false;
    this.onEnd(this);
  }

  private newConsumer(): Consumer {
    return this.kafka.consumer({
      groupId: topicName(this.options.groupId, this.prefix),
      // Rule 5: with the defaults a killed consumer's partitions stood still for 27 s, with these for 2.7 s.
      sessionTimeout: 6_000,
      rebalanceTimeout: 6_000,
      heartbeatInterval: HEARTBEAT_MS,
      // kafkajs sends its heartbeat between fetches only, so an idle fetch must end well before the session does.
      maxWaitTimeInMs: 500,
      // Every fetch names each partition and costs both sides as much as a batch does.
      minBytes: this.options.patient ? PATIENT_BYTES : 1,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 },
    });
  }

  /** kafkajs has disconnected its consumer and will not start it again. */
  private afterEnd(error: Error): void {
    if (isRetriable(error)) this.rejoining = this.rejoin(error);
    else this.onCrash(error);
  }

  /**
   * Brokers that are young or electing have no coordinator for a while, longer than the client asks. Until a consumer is a
   * member again, {@link alive} says that nothing is consumed.
   */
  private async rejoin(cause: Error): Promise<void> {
    this.ends += 1;
    const waitMs = delayAfter(this.ends, REJOIN);
    this.logger.warn(`${this.options.groupId} joins its group again in ${waitMs} ms after ${errorNamesOf(cause)[0]}`);
    await whileTrue(() => !this.stopping, waitMs);
    if (this.stopping) return;
    this.consumer = this.newConsumer();
    try {
      await this.start();
    } catch (error) {
      await this.consumer.disconnect().catch(() => undefined);
      if (!this.stopping) this.afterEnd(error instanceof Error ? error : new Error('a rejection', { cause: error }));
    }
  }

  private topicsOnBroker(): { topic: string }[] {
    return [...this.names.keys()].map((topic) => ({ topic }));
  }

  private async take(payload: EachBatchPayload): Promise<void> {
    const work = this.handOut(payload);
    this.underWay.add(work);
    try {
      await work;
    } finally {
      this.underWay.delete(work);
    }
  }

  /**
   * Returns without resolving the offset when the batch is not ours any more or we pause: the client then fetches from the
   * same offset again. Errors of a heartbeat are rethrown (rule 5), or the client would go on in a group that it has left.
   */
  private async handOut(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const heart = new Heart(() => payload.heartbeat());
    const ours = (): boolean =>
      payload.isRunning() && !payload.isStale() && !heart.failed && !this.paused && !this.stopping;
    try {
      for (const messages of slicesOf(batch.messages, this.options.maxBatch ?? MAX_BATCH)) {
        if (!(await this.untilTaken(this.batchOf(batch.topic, batch.partition, messages), ours))) return;
        payload.resolveOffset(messages.at(-1)?.offset ?? batch.lastOffset());
      }
    } finally {
      await heart.stop();
    }
  }

  /** False when it was not taken and need not be any more. */
  private async untilTaken(batch: LogBatch, ours: () => boolean): Promise<boolean> {
    for (let retryMs = FIRST_RETRY_MS; ours(); retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)) {
      try {
        await this.options.onBatch(batch);
        return true;
      } catch (error) {
        const cause = error instanceof AppError ? error.code : (errorNamesOf(error)[0] ?? 'a rejection');
        this.logger.warn(`${batch.topic}/${batch.partition} from ${batch.messages[0]?.offset} again after ${cause}`);
        await whileTrue(ours, retryMs);
      }
    }
    return false;
  }

  private batchOf(name: string, partition: number, messages: readonly KafkaMessage[]): LogBatch {
    const topic = this.names.get(name);
    if (topic === undefined) throw new Error(`a batch of a topic that was not asked for: ${name}`);
    return { topic, partition, messages: messages.map(messageOf) };
  }
}

const messageOf = ({ key, value, headers, offset, timestamp }: KafkaMessage): LogMessage => ({
  key: key?.toString('utf8') ?? '',
  value: value ?? Buffer.alloc(0),
  headers: headersOf(headers),
  offset: BigInt(offset),
  timestamp: new Date(Number(timestamp)),
});

function headersOf(headers: IHeaders | undefined): Record<string, string> {
  const read: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) read[name] = first.toString('utf8');
  }
  return read;
}

function* slicesOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}

/** Heartbeats while a batch is worked on. */
class Heart {
  private failure: { readonly error: unknown } | undefined;
  private last: Promise<void> = Promise.resolve();
  private readonly timer: NodeJS.Timeout;

  constructor(beat: () => Promise<void>) {
    this.timer = setInterval(() => {
      this.last = beat().catch((error: unknown) => {
        this.failure ??= { error };
      });
    }, HEARTBEAT_MS);
  }

  get failed(): boolean {
    return this.failure !== undefined;
  }

  /** Throws the first failure. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.last;
    if (this.failure) throw this.failure.error;
  }
}

/** Waits so many milliseconds, or less when the condition ends. */
async function whileTrue(condition: () => boolean, milliseconds: number): Promise<void> {
  const end = Date.now() + milliseconds;
  while (condition() && Date.now() < end)
    await new Promise((resolve) => setTimeout(resolve, Math.min(50, end - Date.now())));
}
