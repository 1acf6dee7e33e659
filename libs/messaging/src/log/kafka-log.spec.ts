import { describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type Kafka, KafkaJSProtocolError, type ProducerRecord } from 'kafkajs';
import { KafkaLog } from './kafka-log.js';
import { partitionOf } from './partition.js';

Logger.overrideLogger(false);

const TOPIC = 'exchange.events.v1';

interface FakeProducer {
  readonly sends: ProducerRecord[];
  disconnected: boolean;
}

/** kafkajs with producers that do as they are told; every other call fails because nobody stubbed it. */
class FakeKafka {
  readonly producers: FakeProducer[] = [];
  readonly config: unknown[] = [];
  underWay = new Map<number, number>();
  sharedPartition = false;

  constructor(private readonly answer: (producer: number, send: ProducerRecord) => Promise<void>) {}

  admin() {
    return {
      connect: async () => undefined,
      disconnect: async () => undefined,
      listTopics: async () => [TOPIC],
      fetchTopicMetadata: async () => ({ topics: [{ partitions: Array.from({ length: 12 }, () => ({})) }] }),
    };
  }

  producer(config: unknown) {
    this.config.push(config);
    const index = this.producers.length;
    const producer: FakeProducer = { sends: [], disconnected: false };
    this.producers.push(producer);
    return {
      connect: async () => undefined,
      disconnect: async () => {
        producer.disconnected = true;
      },
      send: async (send: ProducerRecord) => {
        producer.sends.push(send);
        const partition = send.messages[0]?.partition ?? -1;
        const now = (this.underWay.get(partition) ?? 0) + 1;
        this.underWay.set(partition, now);
        if (now > 1) this.sharedPartition = true;
        await new Promise((resolve) => setImmediate(resolve));
        this.underWay.set(partition, now - 1);
        await this.answer(index, send);
      },
    };
  }
}

const protocolError = (type: string) => {
  const error = new KafkaJSProtocolError(new Error(type));
  Object.assign(error, { type });
  return error;
};

async function logOver(kafka: FakeKafka): Promise<KafkaLog> {
  const log = new KafkaLog({ brokers: ['none:1'], clientId: 'spec' }, kafka as unknown as Kafka);
  await log.connect();
  return log;
}

const records = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ key: `key-${index}`, value: Buffer.from(String(index)) }));

describe('publishing over kafkajs', () => {
  it('makes an idempotent producer that never gives up', async () => {
    const kafka = new FakeKafka(async () => undefined);
    await logOver(kafka);
    expect(kafka.config).toEqual([
      expect.objectContaining({
        idempotent: true,
        retry: expect.objectContaining({ retries: Number.MAX_SAFE_INTEGER }) as unknown,
      }),
    ]);
  });

  it('sends one partition at a time per send and per partition, to all in-sync replicas', async () => {
    const kafka = new FakeKafka(async () => undefined);
    const log = await logOver(kafka);
    await Promise.all(Array.from({ length: 10 }, () => log.publish(TOPIC, records(40))));
    const sends = kafka.producers[0]?.sends ?? [];
    for (const { acks, messages } of sends) {
      expect(acks).toBe(-1);
      expect(new Set(messages.map(({ partition }) => partition)).size).toBe(1);
      for (const { key, partition } of messages) expect(partition).toBe(partitionOf(String(key), 12));
    }
    expect(sends.flatMap(({ messages }) => messages)).toHaveLength(400);
    expect(kafka.sharedPartition).toBe(false);
  });

  it.each(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH'])(
    'goes on with a new producer after %s and sends the same records again',
    async (type) => {
      const kafka = new FakeKafka(async (producer) => {
        if (producer === 0) throw protocolError(type);
      });
      const log = await logOver(kafka);
      await log.publish(TOPIC, records(30));
      expect(kafka.producers).toHaveLength(2);
      expect(kafka.producers[1]?.sends.flatMap(({ messages }) => messages)).toHaveLength(30);
      expect(kafka.producers[0]?.disconnected).toBe(true);
    },
  );

  it('does not let the next records pass for repetitions of a send that the client gave up', async () => {
    // The brokers dedupe by producer and sequence number; kafkajs takes the numbers of a failed send back, also when the
    // records had been written and only the acknowledgement was lost.
    const written: string[] = [];
    const known = new Set<string>();
    const next = new Map<number, number>();
    let lostAcknowledgements = 1;
    const kafka = new FakeKafka(async (producer, { messages }) => {
      const first = next.get(producer) ?? 0;
      const batch = `${producer}/${first}`;
      if (!known.has(batch)) written.push(...messages.map(({ value }) => String(value)));
      known.add(batch);
      if (lostAcknowledgements-- > 0) throw new Error('retries exceeded');
      next.set(producer, first + messages.length);
    });
    const log = await logOver(kafka);
    const publish = (text: string) => log.publish(TOPIC, [{ key: 'same', value: Buffer.from(text) }]);
    await publish('first').catch(() => undefined);
    await publish('second');
    expect(new Set(written)).toEqual(new Set(['first', 'second']));
  });

  it('tells the caller of a refusal that no new producer would mend', async () => {
    const kafka = new FakeKafka(async () => {
      throw protocolError('TOPIC_AUTHORIZATION_FAILED');
    });
    const log = await logOver(kafka);
    await expect(log.publish(TOPIC, records(3))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(kafka.producers).toHaveLength(1);
  });

  it('refuses a record that no broker would take, before it spoils a batch', async () => {
    const log = await logOver(new FakeKafka(async () => undefined));
    await expect(log.publish(TOPIC, [{ key: 'k', value: Buffer.alloc(600 * 1024) }])).rejects.toMatchObject({
      code: 'CONTENT_TOO_LARGE',
    });
  });

  it('answers UNAVAILABLE when it is not connected', async () => {
    const log = new KafkaLog({ brokers: ['none:1'], clientId: 'spec' }, new FakeKafka(async () => undefined) as never);
    await expect(log.publish(TOPIC, records(1))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('answers UNAVAILABLE when too much is waiting', async () => {
    const kafka = new FakeKafka(() => new Promise(() => undefined));
    const log = new KafkaLog(
      { brokers: ['none:1'], clientId: 'spec', maxQueuedBytes: 1_000 },
      kafka as unknown as Kafka,
    );
    await log.connect();
    const big = [{ key: 'same', value: Buffer.alloc(2_000) }];
    log.publish(TOPIC, big).catch(() => undefined);
    log.publish(TOPIC, big).catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    await expect(log.publish(TOPIC, big)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
