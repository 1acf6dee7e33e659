import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ExchangeEvent, type LogRecord, topics } from '#contracts';
import { AppError, newEventId, sha256 } from '#kernel';
import { type TestDatabase, createTestDatabase } from '#testing';
import pg, { type Pool, type PoolClient } from 'pg';
import { InMemoryLog } from '../log/in-memory-log.js';
import type { LogBatch } from '../log/message-log.js';
import { Outbox } from '../outbox/outbox.js';
import { outboxTable } from '../outbox/outbox-table.js';
import { inTransaction } from '../sql/transaction.js';
import { TransientFailure } from '../sql/transient-failure.js';
import { until } from '../until.js';
import { InboxConsumer } from './inbox-consumer.js';
import type { InboxConsumerOptions, InboxMessage, OffsetJump } from './inbox-handler.js';
import { inboxTable, setAsideDiscards, setAsideRetries } from './inbox-table.js';
import { ParkedMessages } from './parked-messages.js';
import { SetAsideRecords } from './set-aside-records.js';

Logger.overrideLogger(false);

const TOPIC = 'exchange.submissions.v1';

interface Fact {
  readonly id: string;
  readonly exchange: string;
  readonly text: string;
}

const fact = (exchange: string, text: string): Fact => ({ id: newEventId(), exchange, text });
const bytesOf = (body: Fact): Buffer => Buffer.from(JSON.stringify(body));

const batchOf = (offset: number, ...values: (Fact | Buffer)[]): LogBatch => ({
  topic: TOPIC,
  partition: 4,
  messages: values.map((value, index) => ({
    key: Buffer.isBuffer(value) ? 'k' : value.exchange,
    value: Buffer.isBuffer(value) ? value : bytesOf(value),
    headers: {},
    offset: BigInt(offset + index),
    timestamp: new Date(),
  })),
});

describe('the inbox', () => {
  const outbox = new Outbox('exchange');
  let database: TestDatabase;
  let pool: Pool;
  /** Texts whose handling fails, with what it throws. */
  let failing: Map<string, () => Error>;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  beforeEach(async () => {
    failing = new Map();
    pool = new pg.Pool({ connectionString: database.url, max: 10 });
    pool.on('error', () => undefined);
    await pool.query('CREATE SCHEMA exchange');
    for (const statement of [
      ...inboxTable('exchange'),
      ...setAsideRetries('exchange').up,
      ...setAsideDiscards('exchange').up,
      ...outboxTable('exchange'),
    ])
      await pool.query(statement);
    await pool.query('CREATE TABLE exchange.effect (id bigserial PRIMARY KEY, exchange text, text text)');
  });

  afterEach(async () => {
    await pool.query('DROP SCHEMA exchange CASCADE');
    await pool.end();
  });

  async function apply(client: PoolClient, messages: readonly InboxMessage<Fact>[]): Promise<void> {
    for (const { body } of messages) {
      await client.query('INSERT INTO exchange.effect (exchange, text) VALUES ($1, $2)', [body.exchange, body.text]);
      const failure = failing.get(body.text);
      if (failure) throw failure();
    }
    await outbox.enqueue(
      client,
      messages.map(({ body }) => ({
        eventId: newEventId(),
        topic: 'exchange.events.v1',
        key: body.exchange,
        payload: Buffer.from(body.text),
      })),
    );
  }

  const consumer = (options: Partial<InboxConsumerOptions<Fact>> = {}): InboxConsumer<Fact> =>
    new InboxConsumer<Fact>({
      pool,
      schema: 'exchange',
      consumer: 'submissions',
      decode: ({ value }) => JSON.parse(value.toString()) as Fact,
      idOf: ({ id }) => id,
      exchangeOf: ({ exchange }) => exchange,
      handle: apply,
      backoff: { firstMs: 0, maxMs: 0 },
      ...options,
    });

  const setAsideBy = (...inboxes: InboxConsumer<Fact>[]) =>
    new SetAsideRecords({
      pool,
      schema: 'exchange',
      inboxes,
      told: {
        outbox,
        topic: topics.exchangeEvents,
        type: 'exchange-record-discarded',
        encode: (log) => ExchangeEvent.encode({ log }).finish(),
      },
    });

  const parked = (options: Partial<ConstructorParameters<typeof ParkedMessages>[0]> = {}) =>
    new ParkedMessages({ pool, schema: 'exchange', ...options });

  async function column(sql: string): Promise<unknown[]> {
    const { rows } = await pool.query<unknown[]>({ text: sql, rowMode: 'array' });
    return rows.map((values) => values[0]);
  }
  /** What the log is told of. */
  async function discards(): Promise<LogRecord[]> {
    const { rows } = await pool.query<{ payload: Buffer }>(
      `SELECT payload FROM exchange.outbox WHERE payload LIKE convert_to('%record-discarded%', 'UTF8') ORDER BY id`,
    );
    return rows.flatMap(({ payload }) => ExchangeEvent.decode(payload).log ?? []);
  }
  const effects = () => column('SELECT text FROM exchange.effect ORDER BY id');
  const heldTexts = () => column(`SELECT convert_from(value, 'UTF8')::json ->> 'text' FROM exchange.held ORDER BY id`);

  const poison = () => Object.assign(new Error('violates'), { code: '23514' });

  it('takes a batch with effect, own outbox rows and offset in one transaction', async () => {
    const batch = batchOf(10, fact('e1', 'a'), fact('e2', 'b'));
    await consumer().consumeBatch(batch);
    expect(await effects()).toEqual(['a', 'b']);
    expect(await column('SELECT next_offset::int FROM exchange.inbox_offset')).toEqual([12]);
    const written = await pool.query<{ transactions: number }>(
      `SELECT count(DISTINCT xmin::text)::int AS transactions
       FROM (SELECT xmin FROM exchange.effect UNION ALL SELECT xmin FROM exchange.inbox
             UNION ALL SELECT xmin FROM exchange.outbox UNION ALL SELECT xmin FROM exchange.inbox_offset) AS written`,
    );
    expect(written.rows).toEqual([{ transactions: 1 }]);
  });

  describe('batches of several partitions', () => {
    const onPartition = (partition: number, batch: LogBatch): LogBatch => ({ ...batch, partition });

    /** The first batch is under way while the others come. */
    const together = (inbox: InboxConsumer<Fact>, ...batches: LogBatch[]) =>
      Promise.all(batches.map((batch, partition) => inbox.consumeBatch(onPartition(partition, batch))));

    it('that came during one transaction share the next, each with its own offset', async () => {
      const [a, b, c] = [fact('e1', 'a'), fact('e2', 'b'), fact('e3', 'c')];
      await together(consumer(), batchOf(10, a), batchOf(20, b), batchOf(30, c));
      expect(await column('SELECT count(DISTINCT xmin::text)::int FROM exchange.effect')).toEqual([2]);
      expect(await column('SELECT next_offset::int FROM exchange.inbox_offset ORDER BY partition')).toEqual([
        11, 21, 31,
      ]);
    });

    it('do not suffer from the poison of one among them', async () => {
      failing.set('poison', poison);
      const inbox = consumer();
      await together(inbox, batchOf(0, fact('e1', 'a')), batchOf(0, fact('e2', 'poison')), batchOf(0, fact('e3', 'c')));
      expect(await effects()).toEqual(['a', 'c']);
      expect(await heldTexts()).toEqual(['poison']);
    });

    it('come again together when the reason passes', async () => {
      const inbox = consumer();
      await inbox.consumeBatch(onPartition(9, batchOf(0, fact('e9', 'first'))));
      failing.set('b', () => new TransientFailure('consent is away'));
      const batches = [batchOf(0, fact('e1', 'a')), batchOf(0, fact('e2', 'b')), batchOf(0, fact('e3', 'c'))];
      const outcomes = await Promise.allSettled(
        batches.map((batch, partition) => inbox.consumeBatch(onPartition(partition, batch))),
      );
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
      expect(await effects()).toEqual(['first', 'a']);
      failing.clear();
      await together(inbox, ...batches);
      expect((await effects()).sort()).toEqual(['a', 'b', 'c', 'first']);
    });
  });

  it('gives an event one effect, however often it comes', async () => {
    const [a, b] = [fact('e1', 'a'), fact('e1', 'b')];
    await consumer().consumeBatch(batchOf(0, a, a, b));
    await consumer().consumeBatch(batchOf(3, b, a));
    expect(await effects()).toEqual(['a', 'b']);
  });

  it('keeps the ids of one consumer from another', async () => {
    const a = fact('e1', 'a');
    await consumer().consumeBatch(batchOf(0, a));
    await consumer({ consumer: 'statistics' }).consumeBatch(batchOf(0, a));
    expect(await effects()).toEqual(['a', 'a']);
  });

  it('gives old offsets that come again no second effect, and tells of the rewind once', async () => {
    const jumps: OffsetJump[] = [];
    const subject = consumer({ onOffsetJump: (jump) => jumps.push(jump) });
    const facts = Array.from({ length: 6 }, (_, index) => fact('e1', String(index)));
    await subject.consumeBatch(batchOf(0, ...facts));
    await subject.consumeBatch(batchOf(2, ...facts.slice(2, 4)));
    await subject.consumeBatch(batchOf(4, ...facts.slice(4), fact('e1', 'new')));
    expect(await effects()).toEqual(['0', '1', '2', '3', '4', '5', 'new']);
    expect(jumps).toEqual([{ topic: TOPIC, partition: 4, kind: 'rewind', expected: 6n, found: 2n }]);
  });

  it('tells of messages that were never seen', async () => {
    const jumps: OffsetJump[] = [];
    const subject = consumer({ onOffsetJump: (jump) => jumps.push(jump) });
    await subject.consumeBatch(batchOf(5, fact('e1', 'a')));
    await subject.consumeBatch(batchOf(9, fact('e1', 'b')));
    expect(jumps).toEqual([{ topic: TOPIC, partition: 4, kind: 'gap', expected: 6n, found: 9n }]);
    expect(await effects()).toEqual(['a', 'b']);
  });

  describe('with messages that have no effect here', () => {
    const passes = ({ text }: Fact): boolean => text === 'of others';

    it('passes over a batch of such alone, without a transaction', async () => {
      let commits = 0;
      const subject = consumer({ passes, afterCommit: () => (commits += 1) });
      await subject.consumeBatch(batchOf(0, fact('e1', 'of others'), fact('e2', 'of others')));
      expect(commits).toBe(0);
      expect(await column('SELECT event_id FROM exchange.inbox')).toEqual([]);
    });

    it('takes a batch whole in which one has an effect, and sees no gap in what was passed over', async () => {
      const jumps: OffsetJump[] = [];
      const subject = consumer({ passes, onOffsetJump: (jump) => jumps.push(jump) });
      await subject.consumeBatch(batchOf(0, fact('e1', 'a')));
      await subject.consumeBatch(batchOf(1, fact('e1', 'of others')));
      await subject.consumeBatch(batchOf(2, fact('e1', 'of others'), fact('e1', 'b')));
      expect(await effects()).toEqual(['a', 'of others', 'b']);
      expect(jumps).toEqual([]);
    });

    it('still keeps raw what cannot be parsed', async () => {
      await consumer({ passes }).consumeBatch(batchOf(0, fact('e1', 'of others'), Buffer.from('no JSON')));
      expect(await column('SELECT kafka_offset::int FROM exchange.quarantine')).toEqual([1]);
    });
  });

  it('wakes the relay after the commit, and not after a rollback', async () => {
    let commits = 0;
    const subject = consumer({ afterCommit: () => (commits += 1) });
    failing.set('later', () => new TransientFailure('consent is down'));
    await expect(subject.consumeBatch(batchOf(0, fact('e1', 'later')))).rejects.toThrow();
    expect(commits).toBe(0);
    failing.clear();
    await subject.consumeBatch(batchOf(0, fact('e1', 'later')));
    expect(commits).toBe(1);
  });

  describe('with a record that is to be set aside and that PostgreSQL would not take as it is', () => {
    const odd = (value: Buffer): LogBatch => {
      const batch = batchOf(0, value, fact('e2', 'behind'));
      const [first, behind] = batch.messages;
      const poisoned = { ...first!, key: 'k\0', headers: { 'a\0': 'b\0' }, timestamp: new Date(NaN) };
      return { ...batch, messages: [poisoned, behind!] };
    };

    it('keeps what cannot be parsed, and takes what comes behind it', async () => {
      await consumer().consumeBatch(odd(Buffer.from('no JSON')));
      expect(await effects()).toEqual(['behind']);
      expect(await column(`SELECT convert_from(value, 'UTF8') FROM exchange.quarantine`)).toEqual(['no JSON']);
    });

    it('holds what fails, and takes what comes behind it', async () => {
      failing.set('poison', poison);
      await consumer().consumeBatch(odd(bytesOf(fact('e1', 'poison'))));
      expect(await effects()).toEqual(['behind']);
      expect(await heldTexts()).toEqual(['poison']);
    });
  });

  it('counts what it has set aside, by consumer and place', async () => {
    failing.set('poison', poison);
    const subject = consumer({ attemptsBeforeParking: 2 });
    await subject.consumeBatch(batchOf(0, fact('e1', 'poison'), Buffer.from('no JSON'), fact('e2', 'a')));
    const setAside = setAsideBy(subject);
    expect(await setAside.count()).toEqual([{ consumer: 'submissions', place: 'quarantine', count: 1, lately: 1 }]);
    await subject.held.retryDue();
    expect(await setAside.count()).toEqual([
      { consumer: 'submissions', place: 'parked', count: 1, lately: 1 },
      { consumer: 'submissions', place: 'quarantine', count: 1, lately: 1 },
    ]);
  });

  describe('with a record that could not be read', () => {
    const strict = ({ value }: { readonly value: Buffer }): Fact => {
      if (value.includes('poison')) throw new TypeError('not yet understood');
      return JSON.parse(value.toString()) as Fact;
    };
    const poisoned = fact('e1', 'poison');
    const stray = async (): Promise<{ id: string; mended: InboxConsumer<Fact> }> => {
      await consumer({ decode: strict }).consumeBatch(batchOf(7, poisoned, fact('e2', 'behind')));
      const [record] = await setAsideBy().list({ taken: false, limit: 10 });
      return { id: record!.id, mended: consumer() };
    };

    it('lists it by place, time, code and hash, and not by what it says', async () => {
      await stray();
      expect(await setAsideBy().list({ taken: false, limit: 10 })).toEqual([
        {
          place: 'quarantine',
          id: expect.any(String),
          consumer: 'submissions',
          topic: TOPIC,
          partition: 4,
          offset: '7',
          setAsideAt: expect.any(Date),
          code: 'TypeError',
          hash: sha256(bytesOf(poisoned)),
          retries: 0,
          takenAt: null,
          discardedAt: null,
          discardedBy: '',
          reason: '',
        },
      ]);
    });

    it('stays there when it is tried before the mend, and says so', async () => {
      const { id } = await stray();
      const subject = setAsideBy(consumer({ decode: strict }));
      expect(await subject.retry('quarantine', id)).toEqual({ result: 'refused', code: 'TypeError' });
      expect(await subject.list({ taken: false, limit: 10 })).toMatchObject([{ id, retries: 1, takenAt: null }]);
      expect(await effects()).toEqual(['behind']);
    });

    it('has its effect once after the mend, however often it is tried, and is counted no more', async () => {
      const { id, mended } = await stray();
      const subject = setAsideBy(mended);
      const tried = await Promise.all([1, 2, 3].map(() => subject.retry('quarantine', id)));
      tried.push(await subject.retry('quarantine', id));
      expect(tried.map(({ result }) => result)).toContain('taken');
      expect(tried.at(-1)).toEqual({ result: 'taken', code: '' });
      expect(await effects()).toEqual(['behind', 'poison']);
      expect(await subject.count()).toEqual([]);
      expect(await subject.list({ taken: false, limit: 10 })).toEqual([]);
      expect(await subject.list({ taken: true, limit: 10 })).toMatchObject([{ id, takenAt: expect.any(Date) }]);
      await mended.consumeBatch(batchOf(7, poisoned));
      expect(await effects()).toEqual(['behind', 'poison']);
    });

    it('has no second effect where its event came again meanwhile', async () => {
      const { id, mended } = await stray();
      await mended.consumeBatch(batchOf(9, poisoned));
      expect(await setAsideBy(mended).retry('quarantine', id)).toEqual({ result: 'known', code: '' });
      expect(await setAsideBy(mended).retry('quarantine', id)).toEqual({ result: 'known', code: '' });
      expect(await effects()).toEqual(['behind', 'poison']);
    });

    it('waits behind those of its exchange that are held, and is tried by itself after them', async () => {
      const { id, mended } = await stray();
      failing.set('before', poison);
      await mended.consumeBatch(batchOf(9, fact('e1', 'before')));
      expect(await setAsideBy(mended).retry('quarantine', id)).toEqual({ result: 'waits', code: '' });
      failing.clear();
      expect(await mended.held.retryDue()).toBe(2);
      expect(await effects()).toEqual(['behind', 'before', 'poison']);
      expect(await setAsideBy(mended).retry('quarantine', id)).toEqual({ result: 'taken', code: '' });
    });

    it('waits with the reason where handling it fails', async () => {
      const { id, mended } = await stray();
      failing.set('poison', poison);
      expect(await setAsideBy(mended).retry('quarantine', id)).toEqual({ result: 'waits', code: '23514' });
    });

    it('is refused once nobody knows whether its event was taken meanwhile', async () => {
      const { id, mended } = await stray();
      await pool.query(`UPDATE exchange.quarantine SET quarantined_at = now() - interval '20 days'`);
      expect(await setAsideBy(mended).retry('quarantine', id)).toEqual({ result: 'late', code: '' });
      expect(await effects()).toEqual(['behind']);
    });

    describe('ended by an operator', () => {
      const why = { operator: 'Olli Operaattori', reason: 'sent by a load test' };
      const hash = sha256(bytesOf(poisoned));

      it('is counted no more and stays, with who and why, in the row and in an entry of the log, but not what it says', async () => {
        const { id, mended } = await stray();
        await pool.query(`UPDATE exchange.quarantine SET quarantined_at = now() - interval '20 days'`);
        const { result, eventId } = await setAsideBy(mended).discard('quarantine', id, { hash, ...why });
        expect(result).toBe('discarded');
        expect(await setAsideBy(mended).count()).toEqual([]);
        expect(await setAsideBy(mended).list({ taken: false, limit: 10 })).toEqual([]);
        expect(await setAsideBy(mended).list({ taken: true, limit: 10 })).toMatchObject([
          { id, hash, discardedAt: expect.any(Date), discardedBy: why.operator, reason: why.reason },
        ]);
        const [log, ...others] = await discards();
        expect(others).toEqual([]);
        expect(log).toMatchObject({ eventId, type: 'exchange-record-discarded', evidence: [{ kind: 'discard' }] });
        const said = Buffer.from(log!.evidence[0]!.token, 'base64url').toString();
        expect(JSON.parse(said)).toMatchObject({
          place: 'quarantine',
          consumer: 'submissions',
          topic: TOPIC,
          partition: 4,
          offset: '7',
          code: 'TypeError',
          hash,
          ...why,
        });
        expect(said).not.toContain('poison');
      });

      it('is ended once, under its first reason, and tried no more', async () => {
        const { id, mended } = await stray();
        const subject = setAsideBy(mended);
        await subject.discard('quarantine', id, { hash, ...why });
        expect(await subject.discard('quarantine', id, { hash, operator: 'B', reason: 'another' })).toEqual({
          result: 'discarded',
          eventId: '',
        });
        expect(await subject.retry('quarantine', id)).toEqual({ result: 'discarded', code: '' });
        expect(await effects()).toEqual(['behind']);
        expect(await subject.list({ taken: true, limit: 10 })).toMatchObject([{ reason: why.reason }]);
        expect(await discards()).toHaveLength(1);
      });

      it('is not ended where it has had its effect', async () => {
        const { id, mended } = await stray();
        await setAsideBy(mended).retry('quarantine', id);
        expect(await setAsideBy(mended).discard('quarantine', id, { hash, ...why })).toEqual({
          result: 'taken',
          eventId: '',
        });
        expect(await discards()).toEqual([]);
      });

      it('gets out of the way of its exchange where it was parked', async () => {
        failing.set('poison', poison);
        const subject = consumer({ attemptsBeforeParking: 2 });
        await subject.consumeBatch(batchOf(0, poisoned, fact('e1', 'after')));
        await subject.held.retryDue();
        const [{ id } = { id: '' }] = await setAsideBy(subject).list({ taken: false, limit: 10 });
        expect(await setAsideBy(subject).discard('parked', id, { hash, ...why })).toMatchObject({
          result: 'discarded',
        });
        expect(await setAsideBy(subject).discard('parked', id, { hash, ...why })).toEqual({
          result: 'discarded',
          eventId: '',
        });
        await subject.held.retryDue();
        expect(await effects()).toEqual(['after']);
        expect(await setAsideBy(subject).count()).toEqual([]);
        expect(await setAsideBy(subject).list({ taken: true, limit: 10 })).toMatchObject([
          { place: 'parked', id, partition: 4, offset: '0', discardedBy: why.operator, reason: why.reason },
        ]);
        expect(await discards()).toHaveLength(1);
      });

      it.each([
        ['CONFLICT', 'the hash of another record', { hash: sha256('another'), ...why }],
        ['MALFORMED', 'no operator', { hash, ...why, operator: ' ' }],
        ['MALFORMED', 'no reason', { hash, ...why, reason: '' }],
        ['MALFORMED', 'a reason of several lines', { hash, ...why, reason: 'a\nb' }],
      ])('is refused as %s with %s, and goes on being set aside', async (code, _what, discard) => {
        const { id, mended } = await stray();
        await expect(setAsideBy(mended).discard('quarantine', id, discard)).rejects.toMatchObject({ code });
        expect(await setAsideBy(mended).count()).toMatchObject([{ place: 'quarantine', count: 1 }]);
        expect(await discards()).toEqual([]);
      });
    });

    it.each([['999999'], ['no id']])('is not found by %s', async (id) => {
      const { mended } = await stray();
      const discard = { hash: sha256('x'), operator: 'A', reason: 'b' };
      for (const place of ['quarantine', 'parked'] as const) {
        await expect(setAsideBy(mended).retry(place, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
        await expect(setAsideBy(mended).discard(place, id, discard)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      }
    });
  });

  it('tries a parked message again at once, and says what became of it', async () => {
    failing.set('poison', poison);
    const subject = consumer({ attemptsBeforeParking: 2 });
    const setAside = setAsideBy(subject);
    await subject.consumeBatch(batchOf(0, fact('e1', 'poison'), fact('e1', 'behind')));
    await subject.held.retryDue();
    const [record] = await setAside.list({ taken: false, limit: 10 });
    expect(record).toMatchObject({ place: 'parked', code: '23514', retries: 2 });
    expect(await setAside.retry('parked', record!.id)).toEqual({ result: 'waits', code: '23514' });
    failing.clear();
    expect(await setAside.retry('parked', record!.id)).toEqual({ result: 'taken', code: '' });
    expect(await effects()).toEqual(['poison', 'behind']);
  });

  describe('with a message that cannot be processed', () => {
    beforeEach(() => {
      failing.set('poison', poison);
    });

    it('goes on with everything but its exchange, whose later messages queue behind it', async () => {
      const subject = consumer();
      await subject.consumeBatch(
        batchOf(
          0,
          fact('sick', 'before'),
          fact('well', '1'),
          fact('sick', 'poison'),
          fact('well', '2'),
          fact('sick', 'x'),
        ),
      );
      await subject.consumeBatch(batchOf(5, fact('sick', 'y'), fact('well', '3')));
      expect(await effects()).toEqual(['before', '1', '2', '3']);
      expect(await heldTexts()).toEqual(['poison', 'x', 'y']);
      expect(await column('SELECT next_offset::int FROM exchange.inbox_offset')).toEqual([7]);
      expect(await subject.held.size()).toBe(3);
    });

    it('leaves no trace of the attempt that failed', async () => {
      await consumer().consumeBatch(batchOf(0, fact('sick', 'poison')));
      expect(await effects()).toEqual([]);
      expect(await column('SELECT count(*)::int FROM exchange.outbox')).toEqual([0]);
    });

    it('takes the queue in order once the first one succeeds', async () => {
      const subject = consumer();
      await subject.consumeBatch(batchOf(0, fact('sick', 'poison'), fact('sick', 'x'), fact('sick', 'y')));
      expect(await subject.held.retryDue()).toBe(0);
      expect(await effects()).toEqual([]);
      failing.clear();
      expect(await subject.held.retryDue()).toBe(3);
      expect(await effects()).toEqual(['poison', 'x', 'y']);
      await subject.consumeBatch(batchOf(3, fact('sick', 'z')));
      expect(await effects()).toEqual(['poison', 'x', 'y', 'z']);
    });

    it('does not hold the same event twice', async () => {
      const bad = fact('sick', 'poison');
      await consumer().consumeBatch(batchOf(0, bad));
      await consumer().consumeBatch(batchOf(0, bad, bad));
      expect(await heldTexts()).toEqual(['poison']);
    });

    it('lets nothing queue behind a message without an exchange', async () => {
      const subject = consumer({ exchangeOf: () => undefined });
      await subject.consumeBatch(batchOf(0, fact('', 'poison'), fact('', 'x')));
      expect(await effects()).toEqual(['x']);
      expect(await heldTexts()).toEqual(['poison']);
    });

    it('waits longer before each attempt', async () => {
      const subject = consumer({ backoff: { firstMs: 60_000, maxMs: 100_000 } });
      await subject.consumeBatch(batchOf(0, fact('sick', 'poison')));
      const wait = `SELECT round(extract(epoch FROM next_attempt_at - clock_timestamp()) / 10)::int FROM exchange.held`;
      expect(await column(wait)).toEqual([6]);
      expect(await subject.held.retryDue()).toBe(0);
      expect(await column('SELECT attempts FROM exchange.held')).toEqual([1]);
      await pool.query('UPDATE exchange.held SET next_attempt_at = now()');
      await subject.held.retryDue();
      expect(await column('SELECT attempts FROM exchange.held')).toEqual([2]);
      expect(await column(wait)).toEqual([10]);
    });

    it('keeps the order when two workers try the same queue', async () => {
      const facts = Array.from({ length: 20 }, (_, index) => fact('sick', `x${index}`));
      const subject = consumer();
      await subject.consumeBatch(batchOf(0, fact('sick', 'poison'), ...facts));
      failing.clear();
      await Promise.all(Array.from({ length: 4 }, () => consumer().held.retryDue()));
      await subject.held.retryDue();
      expect(await effects()).toEqual(['poison', ...facts.map(({ text }) => text)]);
    });

    it('tries held messages by itself once it was started', async () => {
      const subject = consumer({ heldPollMs: 5 });
      subject.start();
      await subject.consumeBatch(batchOf(0, fact('sick', 'poison')));
      failing.clear();
      await until(async () => (await effects()).length === 1);
      await subject.stop();
      expect(await subject.held.size()).toBe(0);
    });

    it('is looked for seldom while nothing is, and soon when something was', async () => {
      const subject = consumer({ heldPollMs: 20 });
      const looks: number[] = [];
      const size = subject.held.size.bind(subject.held);
      subject.held.size = () => {
        looks.push(Date.now());
        return size();
      };
      subject.start();
      await until(() => looks.length === 2);
      expect(looks[1]! - looks[0]!).toBeGreaterThanOrEqual(10 * 20 - 20);
      failing.set('poison', poison);
      await subject.consumeBatch(batchOf(0, fact('sick', 'poison')));
      failing.clear();
      await until(async () => (await effects()).length === 1);
      await subject.stop();
    });

    it('pauses consuming while too much is held, and resumes', async () => {
      const log = new InMemoryLog([TOPIC]);
      const calls: string[] = [];
      log.pause = async () => void calls.push('pause');
      log.resume = () => void calls.push('resume');
      const subject = consumer({ heldPollMs: 5, attemptsBeforeParking: 1_000, backpressure: { log, limit: 1 } });
      await subject.consumeBatch(batchOf(0, fact('sick', 'poison'), fact('sick', 'x')));
      subject.start();
      await until(() => calls.length === 1);
      failing.clear();
      await until(() => calls.length === 2);
      await subject.stop();
      expect(calls).toEqual(['pause', 'resume']);
    });
  });

  describe('parking', () => {
    const parkedFacts: string[] = [];
    let subject: InboxConsumer<Fact>;

    beforeEach(async () => {
      parkedFacts.length = 0;
      failing.set('poison', poison);
      subject = consumer({
        attemptsBeforeParking: 3,
        onParked: async (client, message) => {
          parkedFacts.push(message.failure);
          await outbox.enqueue(client, [
            {
              eventId: newEventId(),
              topic: 'exchange.events.v1',
              key: message.exchangeId,
              payload: Buffer.from('parked'),
            },
          ]);
        },
      });
      await subject.consumeBatch(batchOf(0, fact('sick', 'poison'), fact('sick', 'x'), fact('well', '1')));
      for (let round = 0; round < 5; round++) await subject.held.retryDue();
    });

    it('comes after the last attempt, with the app’s own outbox row, once', async () => {
      expect(parkedFacts).toEqual(['23514']);
      const listed = await parked().listParked();
      expect(listed).toEqual([
        expect.objectContaining({
          exchangeId: 'sick',
          attempts: 3,
          failure: '23514',
          behind: 1,
          consumer: 'submissions',
        }),
      ]);
      expect(await column(`SELECT count(*)::int FROM exchange.outbox WHERE payload = 'parked'`)).toEqual([1]);
    });

    it('does not happen without the app’s audit row', async () => {
      await pool.query('TRUNCATE exchange.held');
      const strict = consumer({
        attemptsBeforeParking: 1,
        onParked: async () => {
          throw new Error('audit row refused');
        },
      });
      await strict.consumeBatch(batchOf(3, fact('other', 'poison')));
      await expect(strict.held.retryDue()).rejects.toThrow('audit row refused');
      expect(await parked().listParked()).toEqual([]);
      expect(await heldTexts()).toEqual(['poison']);
    });

    it('ends when an operator lets it be tried again', async () => {
      failing.clear();
      expect(await subject.held.retryDue()).toBe(0);
      const [message] = await parked().listParked();
      expect(await parked().retryParked(message?.id ?? '')).toEqual({ ok: true, value: undefined });
      expect(await subject.held.retryDue()).toBe(2);
      expect(await effects()).toEqual(['1', 'poison', 'x']);
    });

    it('ends when an operator gives it up with a reason, and the exchange goes on', async () => {
      const discarded: string[] = [];
      const [message] = await parked().listParked();
      const operator = parked({
        onDiscarded: async (_client, { value }, reason) => {
          discarded.push(`${(JSON.parse(value.toString()) as Fact).text}: ${reason}`);
        },
      });
      expect((await operator.discardParked(message?.id ?? '', 'sender asked')).ok).toBe(true);
      expect(discarded).toEqual(['poison: sender asked']);
      await subject.held.retryDue();
      expect(await effects()).toEqual(['1', 'x']);
      expect(await column('SELECT reason FROM exchange.discarded')).toEqual(['sender asked']);
      expect(await parked().listParked()).toEqual([]);
    });

    it('gives a discarded message no effect when it comes again', async () => {
      const [message] = await parked().listParked();
      await parked().discardParked(message?.id ?? '', 'sender asked');
      failing.clear();
      await subject.consumeBatch(batchOf(0, { ...fact('sick', 'poison'), id: message?.eventId ?? '' }));
      expect(await effects()).toEqual(['1']);
    });

    it.each([
      ['an unknown id', '999999', 'r', 'NOT_FOUND'],
      ['what is no id', "1' OR 1=1", 'r', 'NOT_FOUND'],
      ['no reason', '1', ' ', 'MALFORMED'],
    ])('refuses to discard with %s', async (_what, id, reason, code) => {
      expect(await parked().discardParked(id, reason)).toMatchObject({ ok: false, error: { code } });
    });

    it('refuses to retry a message that is held but not parked', async () => {
      const [behind] = await column('SELECT max(id)::text FROM exchange.held');
      expect(await parked().retryParked(String(behind))).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } });
    });
  });

  describe('with a failure that is not the message’s', () => {
    it.each([
      ['a handler that asks for later', () => new TransientFailure('later')],
      ['a service that is down', () => new AppError('UNAVAILABLE')],
      ['a lock time-out', () => Object.assign(new Error('lock'), { code: '55P03' })],
      ['a deadlock', () => Object.assign(new Error('deadlock'), { code: '40P01' })],
    ])('rejects the batch and holds nothing: %s', async (_what, failure) => {
      failing.set('b', failure);
      const batch = batchOf(0, fact('e1', 'a'), fact('e2', 'b'));
      await expect(consumer().consumeBatch(batch)).rejects.toThrow();
      expect(await effects()).toEqual([]);
      expect(await heldTexts()).toEqual([]);
      failing.clear();
      await consumer().consumeBatch(batch);
      expect(await effects()).toEqual(['a', 'b']);
    });

    it('does not count as an attempt of a held message', async () => {
      const subject = consumer({ attemptsBeforeParking: 2 });
      failing.set('m', poison);
      await subject.consumeBatch(batchOf(0, fact('sick', 'm')));
      failing.set('m', () => new TransientFailure('consent is down'));
      for (let round = 0; round < 3; round++) expect(await subject.held.retryDue()).toBe(0);
      expect(await parked().listParked()).toEqual([]);
      failing.clear();
      expect(await subject.held.retryDue()).toBe(1);
    });

    it('puts off its own held message, longer each time, and holds back no other', async () => {
      const subject = consumer({ backoff: { firstMs: 60_000, maxMs: 1_000_000 } });
      for (const text of ['a', 'm', 'z']) failing.set(text, poison);
      await subject.consumeBatch(batchOf(0, fact('e1', 'a'), fact('e2', 'm'), fact('e3', 'z')));
      failing.clear();
      failing.set('a', () => new TransientFailure('consent is down'));
      const due = `UPDATE exchange.held SET next_attempt_at = now() - interval '1 s' * (100 - id)`;
      await pool.query(due);
      expect(await subject.held.retryDue()).toBe(2);
      expect((await effects()).sort()).toEqual(['m', 'z']);
      await pool.query(due);
      await subject.held.retryDue();
      const pause =
        'SELECT round(extract(epoch FROM next_attempt_at - clock_timestamp()) / 10)::int FROM exchange.held';
      expect(await column(pause)).toEqual([12]);
      expect(await column('SELECT attempts FROM exchange.held')).toEqual([1]);
    });

    it('holds back no other where an attempt never ends, and nothing of that attempt counts', async () => {
      for (const text of ['hangs', 'm', 'z']) failing.set(text, poison);
      let goOn: (() => void) | undefined;
      let late: Promise<unknown> | undefined;
      const subject = consumer({
        attemptLimitMs: 200,
        backoff: { firstMs: 60_000, maxMs: 60_000 },
        handle: async (client, messages) => {
          await apply(client, messages);
          if (messages[0]?.body.text !== 'hangs') return;
          await new Promise<void>((resolve) => (goOn = resolve));
          late = apply(client, messages);
          await late;
        },
      });
      await subject.consumeBatch(batchOf(0, fact('e1', 'hangs'), fact('e2', 'm'), fact('e3', 'z')));
      failing.clear();
      await pool.query(`UPDATE exchange.held SET next_attempt_at = now() - interval '1 s' * (100 - id)`);
      expect(await subject.held.retryDue()).toBe(2);
      goOn?.();
      await until(() => late !== undefined);
      await expect(late).rejects.toThrow();
      expect((await effects()).sort()).toEqual(['m', 'z']);
      expect(await column('SELECT last_failure FROM exchange.held')).toEqual(['TIMEOUT']);
    });

    it('rejects with UNAVAILABLE when the database is not there', async () => {
      const nowhere = new pg.Pool({ connectionString: 'postgresql://nobody@127.0.0.1:1/none', max: 1 });
      await expect(consumer({ pool: nowhere }).consumeBatch(batchOf(0, fact('e1', 'a')))).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      });
      await nowhere.end();
    });

    it('has one effect when the connection is cut in the middle and the batch comes again', async () => {
      let cuts = 1;
      const subject = consumer({
        handle: async (client, messages) => {
          await apply(client, messages);
          if (cuts-- > 0) {
            const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
            await pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
          }
        },
      });
      const batch = batchOf(0, fact('e1', 'a'), fact('e2', 'b'));
      await expect(subject.consumeBatch(batch)).rejects.toThrow();
      await subject.consumeBatch(batch);
      expect(await effects()).toEqual(['a', 'b']);
      expect(await heldTexts()).toEqual([]);
    });
  });

  it('does not take a batch for done whose handler swallowed a failed statement', async () => {
    const subject = consumer({
      handle: async (client, messages) => {
        await apply(client, messages);
        await client.query('SELECT 1/0').catch(() => undefined);
      },
    });
    await subject.consumeBatch(batchOf(0, fact('e1', 'a')));
    expect(await effects()).toEqual([]);
    expect(await heldTexts()).toEqual(['a']);
  });

  describe('with what cannot be parsed', () => {
    it('keeps it raw in quarantine, once, and takes the rest', async () => {
      const garbage = Buffer.from([0xff, 0x00, 0x7b]);
      const quarantined: bigint[] = [];
      const subject = consumer({
        onQuarantined: async (_client, { offset }) => {
          quarantined.push(offset);
        },
      });
      const batch = batchOf(0, fact('e1', 'a'), garbage, fact('e1', 'b'));
      await subject.consumeBatch(batch);
      await subject.consumeBatch(batch);
      expect(await effects()).toEqual(['a', 'b']);
      expect(await column('SELECT value FROM exchange.quarantine')).toEqual([garbage]);
      expect(quarantined).toEqual([1n]);
      expect(await column('SELECT failure FROM exchange.quarantine')).toEqual(['SyntaxError']);
    });

    it.each([
      ['an empty id', { ...fact('e', 'x'), id: '' }],
      ['an id that is no text', { ...fact('e', 'x'), id: 7 as unknown as string }],
      ['an id that PostgreSQL cannot hold', { ...fact('e', 'x'), id: 'a\0b' }],
      ['an exchange without end', { ...fact('x'.repeat(5_000), 'x') }],
    ])('counts %s as such', async (_what, value) => {
      await consumer().consumeBatch(batchOf(0, value));
      expect(await column('SELECT count(*)::int FROM exchange.quarantine')).toEqual([1]);
      expect(await effects()).toEqual([]);
    });

    it('takes it also when the messages must be taken singly', async () => {
      failing.set('poison', poison);
      await consumer().consumeBatch(batchOf(0, Buffer.from('{'), fact('sick', 'poison'), fact('well', 'a')));
      expect(await effects()).toEqual(['a']);
      expect(await column('SELECT count(*)::int FROM exchange.quarantine')).toEqual([1]);
      expect(await column('SELECT next_offset::int FROM exchange.inbox_offset')).toEqual([3]);
    });
  });

  it('forgets old ids in batches, and never those of held messages', async () => {
    failing.set('poison', poison);
    await consumer().consumeBatch(
      batchOf(0, fact('sick', 'poison'), ...Array.from({ length: 5 }, () => fact('e', 'x'))),
    );
    expect(await consumer().purge(3_600_000)).toBe(0);
    expect(await consumer().purge(0, 2)).toBe(5);
    expect(await column('SELECT count(*)::int FROM exchange.inbox')).toEqual([1]);
  });

  it('serializes a consumer that lost its partition with its successor', async () => {
    const [a, b] = [fact('e1', 'a'), fact('e1', 'b')];
    let entered = false;
    let letGo = false;
    const old = consumer({
      handle: async (client, messages) => {
        entered = true;
        await until(() => letGo);
        await apply(client, messages);
      },
    });
    const late = old.consumeBatch(batchOf(0, a, b));
    await until(() => entered);
    const successor = consumer().consumeBatch(batchOf(0, a, b, fact('e1', randomUUID())));
    await until(async () => {
      const waiting = await pool.query(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
      );
      return waiting.rowCount === 1;
    });
    letGo = true;
    await Promise.all([late, successor]);
    expect((await effects()).slice(0, 2)).toEqual(['a', 'b']);
    expect(await effects()).toHaveLength(3);
  });

  it('gives up the transaction’s connection whatever happens', async () => {
    const single = new pg.Pool({ connectionString: database.url, max: 1 });
    const failed = inTransaction(single, async () => {
      throw new Error('policy');
    });
    await expect(failed).rejects.toThrow('policy');
    expect(await inTransaction(single, async () => 'free')).toBe('free');
    await single.end();
  });
});
