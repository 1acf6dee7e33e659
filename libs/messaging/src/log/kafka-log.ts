import { Logger } from '@nestjs/common';
import { AppError } from '#kernel';
import { type Admin, CompressionTypes, type Kafka, Partitioners, type Producer } from 'kafkajs';
import { type KafkaConnection, errorNamesOf, kafkaClient, protocolErrorOf } from './kafka-client.js';
import { KafkaSubscription } from './kafka-subscription.js';
import type {
  LogHealth,
  LogRecord,
  MessageLog,
  PublishOptions,
  SubscribeOptions,
  Subscription,
} from './message-log.js';
import { byPartition } from './partition.js';
import { PartitionSender, sizeOf } from './partition-sender.js';
import { topicName } from './topic-name.js';

export interface KafkaLogOptions extends KafkaConnection {
  /** Before every topic and group name, so that tests sharing a Kafka do not meet. */
  readonly topicPrefix?: string;
  /** How long `connect` tries. Default 60 000 ms. */
  readonly connectTimeoutMs?: number;
  /** A consumer has ended for good. Default: log and exit with 1, so that the supervisor starts the process afresh. */
  readonly onCrash?: (error: Error) => void;
  /** Records of one send; the defaults stay below the brokers' 1 MiB. */
  readonly maxSendRecords?: number;
  readonly maxSendBytes?: number;
  /** More than this queued and `publish` answers UNAVAILABLE at once. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
}

/** One idempotent producer. It is replaced as a whole, because its sequence numbers cannot be repaired. */
interface ProducerGeneration {
  readonly client: Producer;
  inFlight: number;
  retired: boolean;
}

/** Protocol errors by which a broker says that it has not written the records and never will. */
const REFUSALS: ReadonlySet<string> = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'INVALID_TOPIC_EXCEPTION',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_TIMESTAMP',
  'INVALID_RECORD',
  'POLICY_VIOLATION',
]);

const RETRY_PAUSE_MS = 250;
const DRAIN_LIMIT_MS = 10_000;
/** A send waiting longer than this means that the brokers are away; a leader election takes less. */
const STUCK_MS = 5_000;

/** kafkajs over its own rules (design 4): see `publish` and `KafkaSubscription` for what each is against. */
export class KafkaLog implements MessageLog {
  private readonly logger = new Logger(KafkaLog.name);
  private readonly kafka: Kafka;
  private readonly producing: Kafka;
  private readonly subscriptions = new Set<KafkaSubscription>();
  private readonly senders = new Map<string, PartitionSender>();
  private readonly partitionCounts = new Map<string, Promise<number>>();
  private admin: Admin | undefined;
  private producer: ProducerGeneration | undefined;
  private replacing: Promise<void> | undefined;
  /** Nothing new is taken. */
  private closing = false;
  /** Nothing is sent any more. */
  private closed = false;

  /** @param kafka another client than kafkajs over the network: for tests */
  constructor(
    private readonly options: KafkaLogOptions,
    kafka?: Kafka,
  ) {
    this.kafka = kafka ?? kafkaClient(options);
    // Rule 3. A producer reconnects with the client's own limit, and giving up there ends a send that must go on.
    this.producing = kafka ?? kafkaClient(options, Number.MAX_SAFE_INTEGER);
  }

  async connect(): Promise<void> {
    const deadline = Date.now() + (this.options.connectTimeoutMs ?? 60_000);
    for (;;) {
      if (this.closing) throw new AppError('UNAVAILABLE', 'the log is closed');
      const admin = this.kafka.admin();
      try {
        await admin.connect();
        this.producer = await within(Math.max(5_000, deadline - Date.now()), this.newProducer());
        this.admin = admin;
        return;
      } catch (error) {
        await admin.disconnect().catch(() => undefined);
        if (errorNamesOf(error).includes('KafkaJSSASLAuthenticationError'))
          throw new AppError('CONFIG_INVALID', 'Kafka refuses the user name or password', {}, { cause: error });
        if (Date.now() > deadline) throw new AppError('UNAVAILABLE', 'Kafka does not answer', {}, { cause: error });
        this.logger.warn(`Kafka does not answer yet (${errorNamesOf(error)[0]})`);
        await pauseFor(RETRY_PAUSE_MS);
      }
    }
  }

  async publish(topic: string, records: readonly LogRecord[], options: PublishOptions = {}): Promise<void> {
    if (records.length === 0) return;
    if (this.closing || !this.producer) throw new AppError('UNAVAILABLE', 'the log is not connected');
    const maxBytes = this.options.maxSendBytes ?? 512 * 1024;
    if (records.some((record) => sizeOf(record) > maxBytes)) throw new AppError('CONTENT_TOO_LARGE');
    const queued = [...this.senders.values()].reduce((sum, sender) => sum + sender.queuedBytes, 0);
    if (queued > (this.options.maxQueuedBytes ?? 64 * 1024 * 1024))
      throw new AppError('UNAVAILABLE', 'too much is waiting for Kafka');

    const partitions = await within(options.timeoutMs, this.partitionsOf(topic));
    const sends = [...byPartition(records, partitions)].map(([partition, group]) =>
      this.senderOf(topic, partition).submit(group, options.timeoutMs),
    );
    const failed = (await Promise.allSettled(sends)).find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    await this.assertTopics(options.topics);
    const subscription = new KafkaSubscription(
      this.kafka,
      options,
      this.options.topicPrefix ?? '',
      (error) => this.crash(error),
      (ended) => this.subscriptions.delete(ended),
    );
    this.subscriptions.add(subscription);
    try {
      await subscription.start();
    } catch (error) {
      await subscription.stop().catch(() => undefined);
      throw unavailable(error);
    }
    return subscription;
  }

  async pause(): Promise<void> {
    await Promise.all([...this.subscriptions].map((subscription) => subscription.pause()));
  }

  resume(): void {
    for (const subscription of this.subscriptions) subscription.resume();
  }

  async assertTopics(names: readonly string[]): Promise<void> {
    const present = new Set(await this.ask((admin) => admin.listTopics()));
    const missing = names.map((name) => this.onBroker(name)).filter((name) => !present.has(name));
    if (missing.length > 0)
      throw new AppError('CONFIG_INVALID', `Kafka has no topic ${missing.join(', ')}: run the prepare step`, {
        topics: missing,
      });
  }

  async backlog(groupId: string, topics: readonly string[]): Promise<number> {
    const names = topics.map((name) => this.onBroker(name));
    const committed = await this.ask((admin) => admin.fetchOffsets({ groupId: this.onBroker(groupId), topics: names }));
    let waiting = 0n;
    for (const { topic, partitions } of committed) {
      const ends = new Map(
        (await this.ask((admin) => admin.fetchTopicOffsets(topic))).map((end) => [end.partition, end]),
      );
      for (const { partition, offset } of partitions) {
        const end = ends.get(partition);
        if (!end) continue;
        // A group that never committed a partition begins at the oldest message that is still there.
        const next = BigInt(offset) < 0n ? BigInt(end.low) : BigInt(offset);
        waiting += BigInt(end.high) - next;
      }
    }
    return Number(waiting);
  }

  health(): LogHealth {
    return {
      connected:
        this.producer !== undefined &&
        this.replacing === undefined &&
        !this.closing &&
        [...this.senders.values()].every((sender) => sender.waitingMs < STUCK_MS),
      consuming: [...this.subscriptions].every((subscription) => subscription.alive),
    };
  }

  async disconnect(): Promise<void> {
    await Promise.all([...this.subscriptions].map((subscription) => subscription.stop()));
    this.closing = true;
    const drained = Promise.all([...this.senders.values()].map((sender) => sender.drained()));
    // A broker that is away must not hold up the stop; outboxes send again what was not acknowledged.
    await within(DRAIN_LIMIT_MS, drained).catch(() => undefined);
    this.closed = true;
    await this.producer?.client.disconnect();
    this.producer = undefined;
    await this.admin?.disconnect();
    this.admin = undefined;
  }

  private onBroker(name: string): string {
    return topicName(name, this.options.topicPrefix);
  }

  private async ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    if (!this.admin) throw new AppError('UNAVAILABLE', 'the log is not connected');
    try {
      return await question(this.admin);
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** The number never changes for a keyed topic (design 4), so one look is enough. */
  private partitionsOf(topic: string): Promise<number> {
    const known = this.partitionCounts.get(topic);
    if (known) return known;
    const asked = this.askPartitions(topic);
    this.partitionCounts.set(topic, asked);
    asked.catch(() => this.partitionCounts.delete(topic));
    return asked;
  }

  private async askPartitions(topic: string): Promise<number> {
    await this.assertTopics([topic]);
    const { topics } = await this.ask((admin) => admin.fetchTopicMetadata({ topics: [this.onBroker(topic)] }));
    const count = topics[0]?.partitions.length ?? 0;
    if (count === 0) throw new AppError('UNAVAILABLE', 'Kafka does not name the partitions of a topic');
    return count;
  }

  private senderOf(topic: string, partition: number): PartitionSender {
    const name = `${topic}/${partition}`;
    let sender = this.senders.get(name);
    if (!sender) {
      sender = new PartitionSender((records) => this.sendTo(topic, partition, records), {
        maxRecords: this.options.maxSendRecords ?? 1_000,
        maxBytes: this.options.maxSendBytes ?? 512 * 1024,
      });
      this.senders.set(name, sender);
    }
    return sender;
  }

  private async sendTo(topic: string, partition: number, records: readonly LogRecord[]): Promise<void> {
    for (;;) {
      await this.replacing;
      const generation = this.producer;
      if (!generation) throw new AppError('UNAVAILABLE', 'the log is not connected');
      generation.inFlight += 1;
      try {
        await generation.client.send({
          topic: this.onBroker(topic),
          acks: -1,
          compression: CompressionTypes.None,
          messages: records.map(({ key, value, headers }) => ({
            key,
            value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
            partition,
            ...(headers && { headers }),
          })),
        });
        return;
      } catch (error) {
        if (isRefusal(error)) throw publishFailure(error);
        // Whether the brokers have these records is unknown, and kafkajs has taken back their sequence numbers: with this
        // producer the next records would pass for repetitions of these and be dropped. So the same records go again under
        // a new producer id, and receivers dedupe.
        this.logger.warn(`new producer after ${describe(error)} on ${topic}/${partition}`);
        this.replaceProducer(generation);
        await pauseFor(RETRY_PAUSE_MS);
      } finally {
        generation.inFlight -= 1;
        this.closeRetired(generation);
      }
    }
  }

  private replaceProducer(failed: ProducerGeneration): void {
    if (this.producer !== failed || this.replacing) return;
    failed.retired = true;
    this.replacing = this.newProducerForSure()
      .then(async (fresh) => {
        if (this.closed) await fresh?.client.disconnect();
        else this.producer = fresh;
      })
      .finally(() => {
        this.replacing = undefined;
      });
  }

  private closeRetired(generation: ProducerGeneration): void {
    if (generation.retired && generation.inFlight === 0) void generation.client.disconnect().catch(() => undefined);
  }

  /** Undefined when the log was closed meanwhile. */
  private async newProducerForSure(): Promise<ProducerGeneration | undefined> {
    while (!this.closed) {
      try {
        return await this.newProducer();
      } catch (error) {
        this.logger.warn(`no new producer yet (${errorNamesOf(error)[0]})`);
        await pauseFor(RETRY_PAUSE_MS);
      }
    }
    return undefined;
  }

  private async newProducer(): Promise<ProducerGeneration> {
    const client = this.producing.producer({
      idempotent: true,
      // Never asked, because each record names its partition; given, because without one kafkajs prints a notice.
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
      // Rule 3. Callers have a deadline of their own.
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: Number.MAX_SAFE_INTEGER },
    });
    try {
      await client.connect();
    } catch (error) {
      await client.disconnect().catch(() => undefined);
      throw error;
    }
    return { client, inFlight: 0, retired: false };
  }

  private crash(error: Error): void {
    this.logger.error(`a consumer ended for good: ${errorNamesOf(error).join(', caused by ')}`);
    (this.options.onCrash ?? (() => process.exit(1)))(error);
  }
}

const isRefusal = (error: unknown): boolean =>
  REFUSALS.has(protocolErrorOf(error) ?? '') || errorNamesOf(error).includes('KafkaJSSASLAuthenticationError');

const describe = (error: unknown): string => protocolErrorOf(error) ?? errorNamesOf(error).join(', caused by ');

function publishFailure(error: unknown): AppError {
  const type = protocolErrorOf(error);
  if (type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE')
    return new AppError('CONTENT_TOO_LARGE', undefined, {}, { cause: error });
  return new AppError(
    'UNAVAILABLE',
    `Kafka did not take the records (${type ?? errorNamesOf(error)[0]})`,
    {},
    { cause: error },
  );
}

const unavailable = (error: unknown): AppError =>
  error instanceof AppError
    ? error
    : new AppError('UNAVAILABLE', `Kafka did not answer (${errorNamesOf(error)[0]})`, {}, { cause: error });

const pauseFor = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The outcome, or UNAVAILABLE after so many milliseconds. Without a limit it waits as long as it takes. */
async function within<T>(milliseconds: number | undefined, outcome: Promise<T>): Promise<T> {
  if (milliseconds === undefined) return outcome;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new AppError('UNAVAILABLE', 'Kafka did not answer in time')), milliseconds);
  });
  return Promise.race([outcome, limit]).finally(() => clearTimeout(timer));
}
