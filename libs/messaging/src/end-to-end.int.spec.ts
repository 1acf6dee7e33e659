import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, type INestMicroservice, Inject, Logger } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { type EventId, newEventId } from '#kernel';
import { type TestDatabase, createTestDatabase, testStack, uniqueTopicPrefix } from '#testing';
import pg, { type Pool } from 'pg';
import {
  InboxConsumer,
  KafkaBatch,
  KafkaLog,
  KafkaTransport,
  type OffsetJump,
  Outbox,
  OutboxRelay,
  TransientFailure,
  createTopics,
  inTransaction,
  inboxTable,
  setAsideRetries,
  outboxTable,
} from './index.js';
import { kafkaClient } from './log/kafka-client.js';
import { until } from './until.js';

Logger.overrideLogger(false);

const TOPIC = 'exchange.events.v1';
const { kafkaBrokers: brokers } = testStack();
const topicPrefix = uniqueTopicPrefix();

interface Fact {
  readonly id: EventId;
  readonly exchange: string;
  readonly number: number;
}

@Controller()
class RecordFacts {
  constructor(@Inject(InboxConsumer) private readonly inbox: InboxConsumer<Fact>) {}

  @EventPattern(TOPIC)
  async record(@Payload() batch: KafkaBatch): Promise<void> {
    await this.inbox.consumeBatch(batch);
  }
}

describe('from one service’s outbox over Kafka into another’s state', () => {
  const outbox = new Outbox('exchange');
  const jumps: OffsetJump[] = [];
  let database: TestDatabase;
  let pool: Pool;
  let log: KafkaLog;
  let relay: OutboxRelay;
  let app: INestMicroservice | undefined;
  /** Gives each handling of a fact the chance to fail. */
  let fault: (fact: Fact) => void = () => undefined;

  beforeAll(async () => {
    database = await createTestDatabase();
    pool = new pg.Pool({ connectionString: database.url, max: 12 });
    pool.on('error', () => undefined);
    await pool.query('CREATE SCHEMA exchange; CREATE SCHEMA audit');
    for (const statement of [...outboxTable('exchange'), ...inboxTable('audit'), ...setAsideRetries('audit').up])
      await pool.query(statement);
    await pool.query('CREATE TABLE audit.effect (id bigserial PRIMARY KEY, exchange text, number int)');
    await createTopics(brokers, [TOPIC], { replication: 1, prefix: topicPrefix });
    log = new KafkaLog({ brokers, clientId: 'exchange', topicPrefix });
    await log.connect();
    relay = new OutboxRelay({ pool, schema: 'exchange', log });
    relay.start();
  });

  afterEach(async () => {
    await stopReceiver();
  });

  afterAll(async () => {
    await relay.stop();
    await log.disconnect();
    await pool.end();
    await database.drop();
  });

  let inbox: InboxConsumer<Fact>;
  let receiving: KafkaLog;

  async function startReceiver(): Promise<void> {
    inbox = new InboxConsumer<Fact>({
      pool,
      schema: 'audit',
      consumer: 'events',
      decode: ({ value }) => JSON.parse(value.toString()) as Fact,
      idOf: ({ id }) => id,
      exchangeOf: ({ exchange }) => exchange,
      backoff: { firstMs: 1, maxMs: 5 },
      heldPollMs: 10,
      attemptsBeforeParking: 100,
      onOffsetJump: (jump) => jumps.push(jump),
      handle: async (client, messages) => {
        for (const { body } of messages) {
          await client.query('INSERT INTO audit.effect (exchange, number) VALUES ($1, $2)', [
            body.exchange,
            body.number,
          ]);
          fault(body);
        }
      },
    });
    inbox.start();
    receiving = new KafkaLog({ brokers, clientId: 'audit', topicPrefix });
    await receiving.connect();
    const module = await Test.createTestingModule({
      controllers: [RecordFacts],
      providers: [{ provide: InboxConsumer, useValue: inbox }],
    }).compile();
    app = module.createNestMicroservice({
      strategy: new KafkaTransport({ log: receiving, groupId: 'audit' }),
      logger: false,
    });
    await app.listen();
  }

  async function stopReceiver(): Promise<void> {
    if (!app) return;
    await app.close();
    app = undefined;
    await receiving.disconnect();
    await inbox.stop();
  }

  /** Commits so many facts for each of these exchanges, several writers at once, each exchange in order. */
  async function send(exchanges: readonly string[], count: number): Promise<void> {
    await Promise.all(
      exchanges.map(async (exchange) => {
        for (let number = 0; number < count; number++) {
          const fact: Fact = { id: newEventId(), exchange, number };
          await inTransaction(pool, (client) =>
            outbox.enqueue(client, [
              { eventId: fact.id, topic: TOPIC, key: exchange, payload: Buffer.from(JSON.stringify(fact)) },
            ]),
          );
          relay.wake();
        }
      }),
    );
  }

  async function numbersOf(exchange: string): Promise<number[]> {
    const { rows } = await pool.query<{ number: number }>(
      'SELECT number FROM audit.effect WHERE exchange = $1 ORDER BY id',
      [exchange],
    );
    return rows.map(({ number }) => number);
  }

  const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
  const namesOf = (run: string): string[] => Array.from({ length: 10 }, (_, index) => `${run}-${index}`);

  async function expectExactly(exchanges: readonly string[], count: number): Promise<void> {
    for (const exchange of exchanges) {
      await until(async () => (await numbersOf(exchange)).length >= count);
      expect(await numbersOf(exchange)).toEqual(upTo(count));
    }
  }

  it('each fact has one effect, in the order of its exchange', async () => {
    await startReceiver();
    await send(namesOf('plain'), 20);
    await expectExactly(namesOf('plain'), 20);
  });

  it('also while handling fails at random, with faults of messages and of others', async () => {
    let calls = 0;
    fault = () => {
      calls += 1;
      if (calls % 13 === 0) throw new Error('this message');
      if (calls % 29 === 0) throw new TransientFailure('not this message');
    };
    await startReceiver();
    await send(namesOf('faulty'), 20);
    await expectExactly(namesOf('faulty'), 20);
    fault = () => undefined;
  });

  it('also when the receiver stops and starts in between', async () => {
    await startReceiver();
    const sending = send(namesOf('restart'), 20);
    await until(async () => (await numbersOf('restart-0')).length > 2);
    await stopReceiver();
    await startReceiver();
    await sending;
    await expectExactly(namesOf('restart'), 20);
    expect(jumps.filter(({ kind }) => kind === 'gap')).toEqual([]);
  });

  it('and old offsets that are sent again change nothing', async () => {
    const admin = kafkaClient({ brokers, clientId: 'operator' }).admin();
    await admin.connect();
    await admin.resetOffsets({ groupId: `${topicPrefix}audit`, topic: topicPrefix + TOPIC, earliest: true });
    await admin.disconnect();
    const { rows: before } = await pool.query('SELECT count(*)::int AS effects FROM audit.effect');
    jumps.length = 0;
    await startReceiver();
    await until(async () => (await receiving.backlog('audit', [TOPIC])) === 0);
    const { rows: after } = await pool.query('SELECT count(*)::int AS effects FROM audit.effect');
    expect(after).toEqual(before);
    expect(new Set(jumps.map(({ kind }) => kind))).toEqual(new Set(['rewind']));
  });
});
