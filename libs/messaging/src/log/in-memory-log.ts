import { AppError } from '#kernel';
import type {
  LogHealth,
  LogMessage,
  LogRecord,
  MessageLog,
  PublishOptions,
  SubscribeOptions,
  Subscription,
} from './message-log.js';
import { PARTITIONS } from './create-topics.js';
import { partitionOf } from './partition.js';

const RETRY_MS = 2;
const MAX_BATCH = 500;

/** Kafka's semantics in memory, for unit tests: partitions, groups, committed offsets, the same batch again after a failure. */
export class InMemoryLog implements MessageLog {
  private readonly partitions = new Map<string, LogMessage[][]>();
  private readonly groups = new Map<string, Group>();
  private connected = false;
  private paused = false;

  /** @param topics those that exist, as after the prepare step */
  constructor(topics: readonly string[], options: { readonly partitions?: number } = {}) {
    const count = options.partitions ?? PARTITIONS;
    for (const topic of topics)
      this.partitions.set(
        topic,
        Array.from({ length: count }, () => []),
      );
  }

  async connect(): Promise<void> {
    this.connected = true;
  }

  async publish(topic: string, records: readonly LogRecord[], _options?: PublishOptions): Promise<void> {
    if (!this.connected) throw new AppError('UNAVAILABLE', 'the log is not connected');
    const partitions = this.partitionsOf(topic);
    for (const { key, value, headers } of records) {
      const partition = partitions[partitionOf(key, partitions.length)];
      partition?.push({
        key,
        value: Buffer.from(value),
        headers: { ...headers },
        offset: BigInt(partition.length),
        timestamp: new Date(),
      });
    }
    this.wake();
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    await this.assertTopics(options.topics);
    let group = this.groups.get(options.groupId);
    if (!group) {
      group = new Group();
      this.groups.set(options.groupId, group);
    }
    const member: Member = { ...options };
    for (const topic of options.topics) group.follow(topic, this.partitionsOf(topic));
    group.members.push(member);
    if (!this.paused) group.wake();
    return { stop: () => this.leave(options.groupId, member) };
  }

  async pause(): Promise<void> {
    this.paused = true;
    for (const group of this.groups.values()) group.paused = true;
    await Promise.all([...this.groups.values()].map((group) => group.quiet()));
  }

  resume(): void {
    this.paused = false;
    for (const group of this.groups.values()) group.paused = false;
    this.wake();
  }

  async assertTopics(names: readonly string[]): Promise<void> {
    const missing = names.filter((name) => !this.partitions.has(name));
    if (missing.length > 0) throw new AppError('CONFIG_INVALID', `no topic ${missing.join(', ')}`, { topics: missing });
  }

  async backlog(groupId: string, topics: readonly string[]): Promise<number> {
    const group = this.groups.get(groupId);
    let waiting = 0;
    for (const topic of topics)
      for (const [partition, messages] of this.partitionsOf(topic).entries())
        waiting += messages.length - (group?.committed(topic, partition) ?? 0);
    return waiting;
  }

  health(): LogHealth {
    return { connected: this.connected, consuming: true };
  }

  async disconnect(): Promise<void> {
    for (const [groupId, group] of this.groups)
      for (const member of [...group.members]) await this.leave(groupId, member);
    this.connected = false;
  }

  /** Everything published to a topic, partition by partition. */
  messages(topic: string): readonly LogMessage[] {
    return this.partitionsOf(topic).flat();
  }

  /** Moves a group's committed offset, as an operator or a lost commit would. */
  rewind(groupId: string, topic: string, partition: number, offset: number): void {
    this.groups.get(groupId)?.commit(topic, partition, offset);
    this.wake();
  }

  /** Resolves when every group has taken everything. */
  async idle(): Promise<void> {
    for (const group of this.groups.values()) await group.caughtUp();
  }

  private partitionsOf(topic: string): LogMessage[][] {
    const partitions = this.partitions.get(topic);
    if (!partitions) throw new AppError('CONFIG_INVALID', `no topic ${topic}`, { topics: [topic] });
    return partitions;
  }

  private wake(): void {
    if (this.paused) return;
    for (const group of this.groups.values()) group.wake();
  }

  private async leave(groupId: string, member: Member): Promise<void> {
    const group = this.groups.get(groupId);
    if (!group) return;
    group.members = group.members.filter((one) => one !== member);
    await group.quiet();
  }
}

type Member = SubscribeOptions;

interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly LogMessage[];
  next: number;
  pump: Promise<void> | undefined;
}

/** A consumer group. Each partition is worked on by one pump, so never by two members at once. */
class Group {
  members: Member[] = [];
  paused = false;
  private readonly positions = new Map<string, Position>();

  follow(topic: string, partitions: readonly (readonly LogMessage[])[]): void {
    for (const [partition, messages] of partitions.entries()) {
      const name = `${topic}/${partition}`;
      if (!this.positions.has(name)) this.positions.set(name, { topic, partition, messages, next: 0, pump: undefined });
    }
  }

  committed(topic: string, partition: number): number {
    return this.positions.get(`${topic}/${partition}`)?.next ?? 0;
  }

  commit(topic: string, partition: number, offset: number): void {
    const position = this.positions.get(`${topic}/${partition}`);
    if (position) position.next = offset;
  }

  wake(): void {
    for (const position of this.positions.values()) this.wakeOne(position);
  }

  /** Resolves when no batch is under way. */
  async quiet(): Promise<void> {
    for (const position of this.positions.values()) while (position.pump) await position.pump;
  }

  async caughtUp(): Promise<void> {
    for (const position of this.positions.values())
      while (position.next < position.messages.length && this.memberFor(position)) await waitFor(RETRY_MS);
    await this.quiet();
  }

  private wakeOne(position: Position): void {
    position.pump ??= this.pump(position).finally(() => {
      position.pump = undefined;
      // What was published between the last look and now found a pump that was about to end.
      if (this.canTake(position)) this.wakeOne(position);
    });
  }

  private canTake(position: Position): boolean {
    return !this.paused && position.next < position.messages.length && this.memberFor(position) !== undefined;
  }

  private memberFor(position: Position): Member | undefined {
    const interested = this.members.filter(({ topics }) => topics.includes(position.topic));
    return interested[position.partition % Math.max(1, interested.length)];
  }

  private async pump(position: Position): Promise<void> {
    // A turn of the event loop, so that publishing never runs a consumer on its own stack.
    await Promise.resolve();
    while (!this.paused && position.next < position.messages.length) {
      const member = this.memberFor(position);
      if (!member) return;
      const from = position.next;
      const messages = position.messages.slice(from, from + (member.maxBatch ?? MAX_BATCH));
      try {
        await member.onBatch({ topic: position.topic, partition: position.partition, messages });
        // Unless the test has moved it meanwhile.
        if (position.next === from) position.next = from + messages.length;
      } catch {
        await waitFor(RETRY_MS);
      }
    }
  }
}

const waitFor = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
