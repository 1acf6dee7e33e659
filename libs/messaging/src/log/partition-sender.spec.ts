import { describe, expect, it } from '@jest/globals';
import type { LogRecord } from './message-log.js';
import { PartitionSender } from './partition-sender.js';
import { until } from '../until.js';

const record = (text: string, bytes = 1): LogRecord => ({ key: text, value: Buffer.alloc(bytes) });

/** A broker whose answers the test gives. */
class Broker {
  readonly sends: { keys: string[]; succeed: () => void; fail: (error: Error) => void }[] = [];
  underWay = 0;
  mostUnderWay = 0;

  readonly send = (records: readonly LogRecord[]): Promise<void> => {
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    return new Promise<void>((resolve, reject) => {
      this.sends.push({ keys: records.map(({ key }) => key), succeed: resolve, fail: reject });
    }).finally(() => {
      this.underWay -= 1;
    });
  };

  async answer(index: number, error?: Error): Promise<void> {
    await until(() => this.sends.length > index);
    const send = this.sends[index];
    if (error) send?.fail(error);
    else send?.succeed();
  }
}

const senderTo = (broker: Broker, maxRecords = 100, maxBytes = 10_000) =>
  new PartitionSender(broker.send, { maxRecords, maxBytes });

describe('the queue before a partition', () => {
  it('sends a lone record at once', async () => {
    const broker = new Broker();
    const sent = senderTo(broker).submit([record('a')]);
    await broker.answer(0);
    await sent;
    expect(broker.sends.map(({ keys }) => keys)).toEqual([['a']]);
  });

  it('has one send under way, and what comes meanwhile goes together in the next', async () => {
    const broker = new Broker();
    const sender = senderTo(broker);
    const sent = ['a', 'b', 'c', 'd'].map((key) => sender.submit([record(key)]));
    await broker.answer(0);
    await broker.answer(1);
    await Promise.all(sent);
    expect(broker.sends.map(({ keys }) => keys)).toEqual([['a'], ['b', 'c', 'd']]);
    expect(broker.mostUnderWay).toBe(1);
  });

  it('divides what is too much for one send and resolves after the last part', async () => {
    const broker = new Broker();
    const sender = senderTo(broker, 2);
    let done = false;
    const sent = sender.submit(['a', 'b', 'c'].map((key) => record(key))).then(() => {
      done = true;
    });
    await broker.answer(0);
    await until(() => broker.sends.length === 2);
    expect(done).toBe(false);
    await broker.answer(1);
    await sent;
    expect(broker.sends.map(({ keys }) => keys)).toEqual([['a', 'b'], ['c']]);
  });

  it('keeps a send below the limit of bytes', async () => {
    const broker = new Broker();
    const sender = senderTo(broker, 100, 1_000);
    const sent = sender.submit([record('a', 600), record('b', 600), record('c', 100)]);
    await broker.answer(0);
    await broker.answer(1);
    await sent;
    expect(broker.sends.map(({ keys }) => keys)).toEqual([['a'], ['b', 'c']]);
  });

  it('drops the rest of a submission of which a part was refused, and sends the others', async () => {
    const broker = new Broker();
    const sender = senderTo(broker, 1);
    const refused = sender.submit([record('a'), record('b')]);
    const other = sender.submit([record('c')]);
    await broker.answer(0, new Error('refused'));
    await expect(refused).rejects.toThrow('refused');
    await broker.answer(1);
    await other;
    expect(broker.sends.map(({ keys }) => keys)).toEqual([['a'], ['c']]);
  });

  it('drops what was not under way when its time is over', async () => {
    const broker = new Broker();
    const sender = senderTo(broker);
    const first = sender.submit([record('a')]);
    await expect(sender.submit([record('late')], 5)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(sender.queuedBytes).toBe(0);
    await broker.answer(0);
    await first;
    await sender.drained();
    expect(broker.sends.map(({ keys }) => keys)).toEqual([['a']]);
  });

  it('is not disturbed when a send succeeds after its submission ran out of time', async () => {
    const broker = new Broker();
    const sender = senderTo(broker);
    await expect(sender.submit([record('slow')], 5)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await broker.answer(0);
    const next = sender.submit([record('next')]);
    await broker.answer(1);
    await next;
    expect(sender.queuedBytes).toBe(0);
  });

  it('is drained only when all is acknowledged', async () => {
    const broker = new Broker();
    const sender = senderTo(broker);
    const sent = [sender.submit([record('a')]), sender.submit([record('b')])];
    let drained = false;
    const draining = sender.drained().then(() => {
      drained = true;
    });
    await broker.answer(0);
    await until(() => broker.sends.length === 2);
    expect(drained).toBe(false);
    await broker.answer(1);
    await Promise.all([...sent, draining]);
  });
});
