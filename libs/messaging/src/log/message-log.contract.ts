import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError } from '#kernel';
import type { LogBatch, LogMessage, MessageLog } from './message-log.js';
import { partitionOf } from './partition.js';
import { until } from '../until.js';

export interface ContractSubject {
  /** A connected log on which this topic exists, empty. */
  open(topic: string): Promise<MessageLog>;
  /** A second process on the same brokers. */
  another(log: MessageLog): Promise<MessageLog>;
}

const record = (key: string, text: string) => ({ key, value: Buffer.from(text) });
const textOf = (message: LogMessage): string => message.value.toString('utf8');

/** What every MessageLog promises. */
export function messageLogContract(name: string, subject: ContractSubject): void {
  describe(`${name} as a message log`, () => {
    const topic = `contract-${randomUUID().slice(0, 8)}.v1`;
    const group = (): string => `g-${randomUUID()}`;
    let log: MessageLog;

    beforeAll(async () => {
      log = await subject.open(topic);
    });

    afterAll(async () => {
      await log.disconnect();
    });

    /** Consumes until the texts of this run are all there. */
    async function collect(groupId: string, wanted: ReadonlySet<string>): Promise<LogMessage[]> {
      const seen: LogMessage[] = [];
      const subscription = await log.subscribe({
        groupId,
        topics: [topic],
        onBatch: async ({ messages }) => {
          seen.push(...messages.filter((message) => wanted.has(textOf(message))));
        },
      });
      await until(() => new Set(seen.map(textOf)).size === wanted.size);
      await subscription.stop();
      return seen;
    }

    it('hands out key, value, headers, offset and time as they were published', async () => {
      const text = randomUUID();
      await log.publish(topic, [{ ...record('K-235', text), headers: { trace: 'abc' } }]);
      const [message] = await collect(group(), new Set([text]));
      expect(message).toMatchObject({ key: 'K-235', headers: { trace: 'abc' } });
      expect(textOf(message as LogMessage)).toBe(text);
      expect(typeof message?.offset).toBe('bigint');
      expect(Math.abs(Date.now() - (message?.timestamp.getTime() ?? 0))).toBeLessThan(60_000);
    });

    it('keeps the order of one key over concurrent publishes', async () => {
      const key = randomUUID();
      const texts = Array.from({ length: 200 }, (_, index) => `${key}:${index}`);
      await Promise.all(texts.map((text) => log.publish(topic, [record(key, text)])));
      expect((await collect(group(), new Set(texts))).map(textOf)).toEqual(texts);
    });

    it('puts a key into the partition that every Kafka client would choose', async () => {
      const texts = Array.from({ length: 30 }, () => randomUUID());
      await log.publish(
        topic,
        texts.map((text) => record(text, text)),
      );
      const partitions = new Map<string, number>();
      const subscription = await log.subscribe({
        groupId: group(),
        topics: [topic],
        onBatch: async ({ partition, messages }) => {
          for (const message of messages) partitions.set(textOf(message), partition);
        },
      });
      await until(() => texts.every((text) => partitions.has(text)));
      await subscription.stop();
      for (const text of texts) expect(partitions.get(text)).toBe(partitionOf(text, 12));
    });

    it('gives every group every message', async () => {
      const texts = [randomUUID(), randomUUID()];
      await log.publish(
        topic,
        texts.map((text) => record(text, text)),
      );
      for (const groupId of [group(), group()])
        expect(new Set((await collect(groupId, new Set(texts))).map(textOf))).toEqual(new Set(texts));
    });

    it('brings a rejected batch again and nothing behind it before', async () => {
      const key = randomUUID();
      const groupId = group();
      const texts = Array.from({ length: 20 }, (_, index) => `${key}:${index}`);
      const taken: string[] = [];
      let failures = 3;
      const subscription = await log.subscribe({
        groupId,
        topics: [topic],
        onBatch: async ({ messages }) => {
          const own = messages.filter((message) => message.key === key).map(textOf);
          if (own.length > 0 && failures > 0) {
            failures -= 1;
            throw new Error('not now');
          }
          taken.push(...own);
        },
      });
      for (const text of texts) await log.publish(topic, [record(key, text)]);
      await until(() => taken.length >= texts.length);
      await subscription.stop();
      expect(failures).toBe(0);
      expect(taken).toEqual(texts);
    });

    it('goes on from the committed offset in a later subscription', async () => {
      const groupId = group();
      const first = randomUUID();
      await log.publish(topic, [record('same', first)]);
      await collect(groupId, new Set([first]));
      const second = randomUUID();
      await log.publish(topic, [record('same', second)]);
      const seen: string[] = [];
      const subscription = await log.subscribe({
        groupId,
        topics: [topic],
        onBatch: async ({ messages }) => {
          seen.push(...messages.map(textOf));
        },
      });
      await until(() => seen.includes(second));
      await subscription.stop();
      expect(seen).not.toContain(first);
    });

    it('does not commit a batch that was under way unfinished when the subscription ended', async () => {
      const groupId = group();
      const text = randomUUID();
      await log.publish(topic, [record(text, text)]);
      let attempts = 0;
      const failing = await log.subscribe({
        groupId,
        topics: [topic],
        onBatch: async ({ messages }) => {
          if (!messages.some((message) => textOf(message) === text)) return;
          attempts += 1;
          throw new Error('database down');
        },
      });
      await until(() => attempts > 0);
      await failing.stop();
      expect((await collect(groupId, new Set([text]))).map(textOf)).toContain(text);
    });

    it('hands out nothing while paused and everything after', async () => {
      const seen: string[] = [];
      const marker = randomUUID();
      const subscription = await log.subscribe({
        groupId: group(),
        topics: [topic],
        onBatch: async ({ messages }) => {
          seen.push(...messages.map(textOf));
        },
      });
      await log.publish(topic, [record('x', marker)]);
      await until(() => seen.includes(marker));
      await log.pause();
      const late = randomUUID();
      await log.publish(topic, [record('x', late)]);
      // What is there can be seen by another process, which is not paused, and still not by this one.
      const other = await subject.another(log);
      const seenByOther: string[] = [];
      const witness = await other.subscribe({
        groupId: group(),
        topics: [topic],
        onBatch: async ({ messages }) => {
          seenByOther.push(...messages.map(textOf));
        },
      });
      if (other !== log) await until(() => seenByOther.includes(late));
      expect(seen).not.toContain(late);
      log.resume();
      await until(() => seen.includes(late));
      await Promise.all([subscription.stop(), witness.stop()]);
      if (other !== log) await other.disconnect();
    });

    it('ends a pause only after the batch under way', async () => {
      let finish: () => void = () => undefined;
      let working = false;
      const marker = randomUUID();
      const subscription = await log.subscribe({
        groupId: group(),
        topics: [topic],
        onBatch: async ({ messages }: LogBatch) => {
          if (!messages.some((message) => textOf(message) === marker)) return;
          working = true;
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
          working = false;
        },
      });
      await log.publish(topic, [record('y', marker)]);
      await until(() => working);
      const paused = log.pause().then(() => working);
      finish();
      expect(await paused).toBe(false);
      log.resume();
      await subscription.stop();
    });

    it('counts what a group has not committed', async () => {
      const groupId = group();
      const before = await log.backlog(groupId, [topic]);
      const text = randomUUID();
      await log.publish(topic, [record(text, text)]);
      expect(await log.backlog(groupId, [topic])).toBe(before + 1);
      const subscription = await log.subscribe({ groupId, topics: [topic], onBatch: async () => undefined });
      await until(async () => (await log.backlog(groupId, [topic])) === 0);
      await subscription.stop();
    });

    it.each([
      ['publishing', () => log.publish('unknown.v1', [record('a', 'a')])],
      ['subscribing', () => log.subscribe({ groupId: 'g', topics: ['unknown.v1'], onBatch: async () => undefined })],
      ['asserting', () => log.assertTopics([topic, 'unknown.v1'])],
    ])('refuses an unknown topic when %s', async (_what, act) => {
      const error = await act().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(AppError);
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    });
  });
}
