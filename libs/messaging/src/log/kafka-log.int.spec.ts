import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { testStack, uniqueTopicPrefix } from '#testing';
import { until } from '../until.js';
import { PARTITIONS, createTopics } from './create-topics.js';
import { kafkaClient } from './kafka-client.js';
import { KafkaLog, type KafkaLogOptions } from './kafka-log.js';
import { messageLogContract } from './message-log.contract.js';

Logger.overrideLogger(false);

const brokers = testStack().kafkaBrokers;
const topicPrefix = uniqueTopicPrefix();

async function connected(options: Partial<KafkaLogOptions> = {}): Promise<KafkaLog> {
  const log = new KafkaLog({ brokers, clientId: 'spec', topicPrefix, ...options });
  await log.connect();
  return log;
}

messageLogContract('KafkaLog', {
  open: async (topic) => {
    await createTopics(brokers, [topic], { replication: 1, prefix: topicPrefix });
    return connected();
  },
  another: () => connected(),
});

describe('the prepare step', () => {
  it('makes topics as the design says, once', async () => {
    const name = `prepared-${randomUUID().slice(0, 8)}.v1`;
    expect(await createTopics(brokers, [name], { replication: 1, prefix: topicPrefix })).toEqual([topicPrefix + name]);
    expect(await createTopics(brokers, [name], { replication: 1, prefix: topicPrefix })).toEqual([]);
    const admin = kafkaClient({ brokers, clientId: 'spec' }).admin();
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: [topicPrefix + name] });
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: topicPrefix + name, configNames: ['retention.ms', 'cleanup.policy'] }],
    });
    await admin.disconnect();
    expect(topics[0]?.partitions).toHaveLength(PARTITIONS);
    const config = Object.fromEntries(
      resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]) ?? [],
    );
    expect(config).toMatchObject({ 'retention.ms': String(14 * 24 * 3_600_000), 'cleanup.policy': 'delete' });
  });
});

describe('Kafka', () => {
  const topic = 'shared.v1';
  let log: KafkaLog;

  beforeAll(async () => {
    await createTopics(brokers, [topic], { replication: 1, prefix: topicPrefix });
    log = await connected();
  });

  afterAll(() => log.disconnect());

  it('does not connect where nobody listens', async () => {
    await expect(connected({ brokers: ['127.0.0.1:1'], connectTimeoutMs: 1 })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
  });

  it('shares the partitions among the members of a group, and the rest takes over from one that leaves', async () => {
    const groupId = randomUUID();
    const seen = new Map<string, string>();
    const member = async (name: string) => {
      const own = await connected();
      await own.subscribe({
        groupId,
        topics: [topic],
        onBatch: async ({ messages }) => {
          for (const { value } of messages) seen.set(value.toString(), name);
        },
      });
      return own;
    };
    const [first, second] = await Promise.all([member('first'), member('second')]);
    const publish = async (run: string) => {
      const texts = Array.from({ length: 60 }, (_, index) => `${run}:${index}`);
      await log.publish(
        topic,
        texts.map((text) => ({ key: text, value: Buffer.from(text) })),
      );
      return texts;
    };
    await until(async () => {
      const texts = await publish(randomUUID());
      await until(() => texts.every((text) => seen.has(text)));
      return new Set(texts.map((text) => seen.get(text))).size === 2;
    });
    await first.disconnect();
    const after = await publish(randomUUID());
    await until(() => after.every((text) => seen.get(text) === 'second'));
    await second.disconnect();
  });

  it('is found ready while its consumers are members, and not after it was closed', async () => {
    const own = await connected();
    await own.subscribe({ groupId: randomUUID(), topics: [topic], onBatch: async () => undefined });
    await until(() => own.health().consuming);
    expect(own.health()).toEqual({ connected: true, consuming: true });
    await own.disconnect();
    expect(own.health().connected).toBe(false);
    await expect(own.publish(topic, [{ key: 'k', value: Buffer.from('v') }])).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
  });
});
