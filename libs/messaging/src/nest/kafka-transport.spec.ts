import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, type INestMicroservice, Logger, type Type } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { InMemoryLog } from '../log/in-memory-log.js';
import { until } from '../until.js';
import { KafkaBatch } from './kafka-batch.js';
import { KafkaTransport } from './kafka-transport.js';

Logger.overrideLogger(false);

const batches: KafkaBatch[] = [];
let failures = 0;

@Controller()
class RecordFacts {
  @EventPattern('exchange.events.v1')
  async record(@Payload() batch: KafkaBatch): Promise<void> {
    if (failures > 0) {
      failures -= 1;
      throw new Error('database down');
    }
    batches.push(batch);
  }
}

@Controller()
class AnswerQuestions {
  @MessagePattern('exchange.events.v1')
  answer(): string {
    return 'a reply on Kafka';
  }
}

const record = (text: string) => ({ key: 'k', value: Buffer.from(text) });
const texts = (): string[] => batches.flatMap(({ messages }) => messages.map(({ value }) => value.toString()));

describe('the Kafka transport of NestJS', () => {
  let log: InMemoryLog;
  let app: INestMicroservice | undefined;

  beforeEach(async () => {
    batches.length = 0;
    failures = 0;
    log = new InMemoryLog(['exchange.events.v1', 'consent.events.v1']);
    await log.connect();
  });

  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  async function start(...controllers: Type[]): Promise<void> {
    const module = await Test.createTestingModule({ controllers }).compile();
    app = module.createNestMicroservice({ strategy: new KafkaTransport({ log, groupId: 'audit' }), logger: false });
    await app.listen();
  }

  it('gives an event handler a whole batch', async () => {
    await log.publish('exchange.events.v1', ['a', 'b', 'c'].map(record));
    await start(RecordFacts);
    await until(() => texts().length === 3);
    expect(batches).toHaveLength(1);
    expect(batches[0]).toBeInstanceOf(KafkaBatch);
    expect(texts()).toEqual(['a', 'b', 'c']);
  });

  it('brings the batch again when the handler throws', async () => {
    failures = 2;
    await start(RecordFacts);
    await log.publish('exchange.events.v1', [record('a')]);
    await until(() => texts().length === 1);
    expect(await log.backlog('audit', ['exchange.events.v1'])).toBe(0);
  });

  it('takes nothing of a topic that has no handler, so that nothing is committed unhandled', async () => {
    await start(RecordFacts);
    await log.publish('consent.events.v1', [record('x')]);
    await log.publish('exchange.events.v1', [record('a')]);
    await until(() => texts().length === 1);
    expect(await log.backlog('audit', ['consent.events.v1'])).toBe(1);
  });

  it('takes nothing after it was closed', async () => {
    await start(RecordFacts);
    await app?.close();
    await log.publish('exchange.events.v1', [record('late')]);
    expect(await log.backlog('audit', ['exchange.events.v1'])).toBe(1);
    expect(texts()).toEqual([]);
  });

  it('refuses a handler that would reply over Kafka', async () => {
    await expect(start(AnswerQuestions)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('fails the start when a topic is unknown', async () => {
    log = new InMemoryLog([]);
    await expect(start(RecordFacts)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
