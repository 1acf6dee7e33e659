/** What is published: the key decides the partition, so records of one key keep their order. */
export interface LogRecord {
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is consumed. A record without key or value, which none of our producers writes, has an empty one here. */
export interface LogMessage {
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly offset: bigint;
  readonly timestamp: Date;
}

/** Consecutive messages of one partition, in order, never none. */
export interface LogBatch {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly LogMessage[];
}

export interface SubscribeOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  /**
   * Called for one batch of a partition at a time. When it resolves, the batch's offset is committed; when it rejects, the
   * same messages come again after a pause, and nothing behind them comes before. The same messages can also come again
   * after a restart or a rebalance: the receiver dedupes.
   */
  readonly onBatch: (batch: LogBatch) => Promise<void>;
  /** How many partitions may be worked on at once. Default: all of a topic, so that a receiver can take them together. */
  readonly concurrency?: number;
  /** Messages of one batch, so that a transaction stays short. Default 500. */
  readonly maxBatch?: number;
  /** Nobody waits for these messages: they may lie half a second at the brokers, to come together. */
  readonly patient?: boolean;
}

export interface Subscription {
  /** Ends after the batch under way. Its committed offset stays, so that a later subscription goes on from there. */
  stop(): Promise<void>;
}

export interface PublishOptions {
  /**
   * After so many milliseconds reject with UNAVAILABLE. What was not yet on its way is dropped; what was may still arrive,
   * so the caller repeats with the same id.
   */
  readonly timeoutMs?: number;
}

export interface LogHealth {
  /** Records can be published. */
  readonly connected: boolean;
  /** Every subscription is a member of its group. True when there is none. */
  readonly consuming: boolean;
}

/**
 * The narrow port to Kafka (design 4): everything that the services may do with it. Implemented by KafkaLog and, for
 * tests, InMemoryLog; one contract suite runs over both. Topic names are those of the registry, without a test's prefix.
 */
export interface MessageLog {
  /** Keeps trying until the brokers answer. Throws UNAVAILABLE after the configured time, CONFIG_INVALID when refused. */
  connect(): Promise<void>;

  /**
   * Resolves when all in-sync replicas have every record. Records of one key arrive in the order given, and in the order
   * of the calls. Throws UNAVAILABLE when that is not certain, CONTENT_TOO_LARGE, CONFIG_INVALID for an unknown topic.
   */
  publish(topic: string, records: readonly LogRecord[], options?: PublishOptions): Promise<void>;

  /** Begins at the group's committed offset, without one at the beginning. Throws CONFIG_INVALID for an unknown topic. */
  subscribe(options: SubscribeOptions): Promise<Subscription>;

  /** No further batch is handed out by any subscription until `resume`; resolves when those under way have ended. */
  pause(): Promise<void>;
  resume(): void;

  /** Throws CONFIG_INVALID naming every topic that is not there: nothing creates topics but the prepare step. */
  assertTopics(names: readonly string[]): Promise<void>;

  /** Messages that the group has not yet committed. */
  backlog(groupId: string, topics: readonly string[]): Promise<number>;

  health(): LogHealth;

  /** Stops consuming after the batches under way, commits, sends what is queued, closes. */
  disconnect(): Promise<void>;
}
