import { describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { ConsumerConfig, ConsumerRunConfig, EachBatchPayload, Kafka } from 'kafkajs';
import { until } from '../until.js';
import { KafkaSubscription } from './kafka-subscription.js';
import type { LogBatch } from './message-log.js';

Logger.overrideLogger(false);

/** The consumer of kafkajs, as far as the subscription uses it. */
class FakeConsumer {
  readonly events = { GROUP_JOIN: 'join', HEARTBEAT: 'heartbeat', CRASH: 'crash' };
  readonly listeners = new Map<string, (event: { payload: unknown }) => void>();
  config: ConsumerConfig | undefined;
  runConfig: ConsumerRunConfig | undefined;
  subscribed: unknown;
  readonly paused: unknown[] = [];

  on(event: string, listener: (event: { payload: unknown }) => void): void {
    this.listeners.set(event, listener);
  }
  emit(event: string, payload: unknown = {}): void {
    this.listeners.get(event)?.({ payload });
  }
  async connect(): Promise<void> {}
  disconnected = false;
  async disconnect(): Promise<void> {
    this.disconnected = true;
  }
  async subscribe(subscription: unknown): Promise<void> {
    this.subscribed = subscription;
  }
  async run(config: ConsumerRunConfig): Promise<void> {
    this.runConfig = config;
  }
  pause(topics: unknown): void {
    this.paused.push(topics);
  }
  resume(): void {}
}

interface Delivery {
  readonly heartbeat?: () => Promise<void>;
  readonly isStale?: () => boolean;
  readonly count?: number;
}

async function subscriptionWith(onBatch: (batch: LogBatch) => Promise<void>, maxBatch?: number) {
  const consumers: FakeConsumer[] = [];
  const kafka = {
    consumer: (config: ConsumerConfig) => {
      const made = new FakeConsumer();
      made.config = config;
      consumers.push(made);
      return made;
    },
  } as unknown as Kafka;
  const crashes: Error[] = [];
  const subscription = new KafkaSubscription(
    kafka,
    { groupId: 'audit', topics: ['exchange.events.v1'], onBatch, ...(maxBatch !== undefined && { maxBatch }) },
    'test.',
    (error) => crashes.push(error),
    () => undefined,
  );
  await subscription.start();
  const consumer = consumers[0]!;
  consumer.emit('join');
  const resolved: string[] = [];
  const deliver = ({ heartbeat, isStale, count = 1 }: Delivery = {}): Promise<void> => {
    const messages = Array.from({ length: count }, (_, index) => ({
      key: Buffer.from('k'),
      value: Buffer.from('v'),
      timestamp: '0',
      attributes: 0,
      offset: String(7 + index),
      headers: {},
    }));
    const payload = {
      batch: {
        topic: 'test.exchange.events.v1',
        partition: 3,
        messages,
        lastOffset: () => String(6 + count),
        firstOffset: () => '7',
      },
      resolveOffset: (offset: string) => resolved.push(offset),
      heartbeat: heartbeat ?? (async () => undefined),
      isRunning: () => true,
      isStale: isStale ?? (() => false),
    };
    return consumer.runConfig?.eachBatch?.(payload as unknown as EachBatchPayload) ?? Promise.resolve();
  };
  return { consumer, consumers, subscription, crashes, resolved, deliver };
}

/** As kafkajs gives up: it takes the absence of a coordinator for final. */
const withoutCoordinator = {
  error: Object.assign(new Error('Failed to find group coordinator'), {
    name: 'KafkaJSGroupCoordinatorNotFound',
    retriable: false,
  }),
  restart: false,
};

describe('a subscription over kafkajs', () => {
  it('has the time-outs after which a killed consumer’s partitions move on within seconds', async () => {
    const { consumer } = await subscriptionWith(async () => undefined);
    expect(consumer.config).toMatchObject({
      groupId: 'test.audit',
      sessionTimeout: 6_000,
      rebalanceTimeout: 6_000,
      heartbeatInterval: 1_500,
    });
    expect(consumer.config?.maxWaitTimeInMs).toBeLessThan(1_500);
    expect(consumer.subscribed).toEqual({ topics: ['test.exchange.events.v1'], fromBeginning: true });
    expect(consumer.runConfig?.eachBatchAutoResolve).toBe(false);
  });

  it('resolves the offset only after the batch was taken', async () => {
    const order: string[] = [];
    const { deliver, resolved } = await subscriptionWith(async () => {
      order.push(`taken with ${resolved.length} resolved`);
    });
    await deliver();
    expect(order).toEqual(['taken with 0 resolved']);
    expect(resolved).toEqual(['7']);
  });

  it('names topics as the registry does', async () => {
    const topics: string[] = [];
    const { deliver } = await subscriptionWith(async ({ topic }) => {
      topics.push(topic);
    });
    await deliver();
    expect(topics).toEqual(['exchange.events.v1']);
  });

  it('hands out a long fetch in parts and resolves each', async () => {
    const sizes: number[] = [];
    const { deliver, resolved } = await subscriptionWith(async ({ messages }) => {
      sizes.push(messages.length);
    }, 2);
    await deliver({ count: 5 });
    expect(sizes).toEqual([2, 2, 1]);
    expect(resolved).toEqual(['8', '10', '11']);
  });

  it('offers a rejected batch again until it is taken', async () => {
    let failures = 2;
    const { deliver, resolved } = await subscriptionWith(async () => {
      if (failures-- > 0) throw new Error('database down');
    });
    await deliver();
    expect(resolved).toEqual(['7']);
  });

  it('rethrows what a heartbeat threw while the batch was worked on, so that the client joins again', async () => {
    const rebalance = Object.assign(new Error('rebalance'), { type: 'REBALANCE_IN_PROGRESS' });
    let beaten = false;
    const { deliver, resolved } = await subscriptionWith(() => until(() => beaten));
    const delivered = deliver({
      heartbeat: async () => {
        beaten = true;
        throw rebalance;
      },
    });
    await expect(delivered).rejects.toBe(rebalance);
    expect(resolved).toEqual(['7']);
  });

  it('leaves the offset alone when the partition has gone to another member', async () => {
    let stale = false;
    const { deliver, resolved } = await subscriptionWith(async () => {
      stale = true;
      throw new Error('fails, and then the batch is not ours any more');
    });
    await deliver({ isStale: () => stale });
    expect(resolved).toEqual([]);
  });

  it('hands out nothing that was fetched before a pause', async () => {
    let taken = 0;
    const { deliver, resolved, subscription } = await subscriptionWith(async () => {
      taken += 1;
    });
    await subscription.pause();
    await deliver();
    expect({ taken, resolved }).toEqual({ taken: 0, resolved: [] });
  });

  it('pauses again when the client has started its group membership afresh', async () => {
    const { consumer, subscription } = await subscriptionWith(async () => undefined);
    await subscription.pause();
    consumer.emit('join');
    expect(consumer.paused).toHaveLength(2);
  });

  it('reports an end for good, and not one after which the client starts again', async () => {
    const { consumer, crashes, subscription } = await subscriptionWith(async () => undefined);
    consumer.emit('crash', { error: new Error('broker away'), restart: true });
    expect(crashes).toEqual([]);
    expect(subscription.alive).toBe(false);
    const fatal = new Error('not implemented');
    consumer.emit('crash', { error: fatal, restart: false });
    expect(crashes).toEqual([fatal]);
  });

  it('joins its group again for as long as the brokers have no coordinator of it', async () => {
    const { consumer, consumers, crashes, subscription } = await subscriptionWith(async () => undefined);
    consumer.emit('crash', withoutCoordinator);
    await until(() => consumers.length === 2 && consumers[1]?.runConfig !== undefined);
    consumers[1]?.emit('crash', withoutCoordinator);
    await until(() => consumers.length === 3 && consumers[2]?.runConfig !== undefined);
    expect(subscription.alive).toBe(false);
    consumers[2]?.emit('join');
    expect(subscription.alive).toBe(true);
    expect(consumers[2]?.config).toEqual(consumer.config);
    expect(crashes).toEqual([]);
    await subscription.stop();
    expect(consumers[2]?.disconnected).toBe(true);
  });

  it('joins no group again once it is stopped', async () => {
    const { consumer, consumers, subscription } = await subscriptionWith(async () => undefined);
    consumer.emit('crash', withoutCoordinator);
    await subscription.stop();
    expect(consumers).toEqual([consumer]);
  });
});
