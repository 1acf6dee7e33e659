import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { GatewayRefusal, Submission, topics } from '#contracts';
import { AppError, FixedClock } from '#kernel';
import type { LogRecord, MessageLog } from '#messaging';
import { createLogger, type DirectoryWatch } from '#platform';
import { EdgePublisher } from '../infra/edge-publisher.js';
import { RefusalLog } from '../log-refusals/refusal-log.js';
import { NoticeSender, now, sender } from './sealed-notice.fixture.js';
import { SubmitMessages } from './submit-messages.handler.js';

describe('submitting messages', () => {
  const clock = new FixedClock(now);
  let agency: NoticeSender;
  let published: [topic: string, record: LogRecord][];
  let down: ReadonlySet<string>;
  let submit: SubmitMessages;

  beforeAll(async () => {
    agency = await NoticeSender.create();
  });
  beforeEach(() => {
    published = [];
    down = new Set();
    const log = {
      publish: async (topic: string, records: readonly LogRecord[]) => {
        if (down.has(topic)) throw new AppError('UNAVAILABLE');
        published.push(...records.map((record): [string, LogRecord] => [topic, record]));
      },
    } as Partial<MessageLog> as MessageLog;
    const publisher = new EdgePublisher(log);
    const refusals = new RefusalLog(publisher, clock, createLogger('gateway', 'silent'));
    submit = new SubmitMessages(agency.directory() as unknown as DirectoryWatch, publisher, refusals, clock);
  });

  const submissions = () =>
    published.flatMap(([topic, { value }]) => (topic === topics.submissions ? [Submission.decode(value)] : []));
  const refusals = () =>
    published.flatMap(([topic, { value }]) => (topic === topics.gatewayRefusals ? [GatewayRefusal.decode(value)] : []));

  it('puts them into Kafka under their exchange, in the name of the caller', async () => {
    const message = await agency.seal();
    const answer = await submit.submit(sender, [message]);
    expect(answer).toEqual([
      { messageId: message.context.messageId, manifestHash: message.manifestHash, status: 'submitted' },
    ]);
    expect(published[0]?.[1].key).toBe(message.context.exchangeId);
    const { manifest, capsule, outer } = message;
    expect(submissions()).toMatchObject([{ agency: sender, manifest, capsule, outer, receivedAt: now }]);
  });

  it('throws the refusal of an only message, with its names, and leaves the logging to who answers', async () => {
    const [message, other] = [await agency.seal(), await agency.seal()];
    const { exchangeId, messageId } = message.context;
    await expect(submit.submit(sender, [{ ...message, outer: other.outer }])).rejects.toMatchObject({
      code: 'HASH_MISMATCH',
      names: { exchangeId, messageId, manifestHash: message.manifestHash },
    });
    expect(published).toEqual([]);
  });

  it('of several takes the good ones and logs the bad ones for their notice', async () => {
    const [one, bad, two] = [await agency.seal(), await agency.seal(), await agency.seal()];
    const answer = await submit.submit(sender, [one, { ...bad, outer: one.outer }, two]);
    expect(answer.map(({ status, problem }) => problem?.code ?? status)).toEqual([
      'submitted',
      'HASH_MISMATCH',
      'submitted',
    ]);
    expect(submissions().map(({ manifest }) => manifest)).toEqual([one.manifest, two.manifest]);
    expect(refusals()).toMatchObject([
      {
        agency: sender,
        log: {
          type: 'edge-refused',
          sender,
          code: 'HASH_MISMATCH',
          exchangeId: bad.context.exchangeId,
          messageId: bad.context.messageId,
          manifestHash: bad.manifestHash,
          receiptFor: sender,
        },
      },
    ]);
  });

  it('says UNAVAILABLE when Kafka does not take them', async () => {
    down = new Set([topics.submissions]);
    await expect(submit.submit(sender, [await agency.seal()])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('stays with a refusal that cannot be logged', async () => {
    down = new Set([topics.gatewayRefusals]);
    const [one, bad] = [await agency.seal(), await agency.seal()];
    const answer = await submit.submit(sender, [one, { ...bad, outer: one.outer }]);
    expect(answer.map(({ status }) => status)).toEqual(['submitted', 'refused']);
  });

  it('does not let a flood of bad messages become a flood of log entries', async () => {
    const bad = { ...(await agency.seal()), manifest: 'x' };
    for (let post = 0; post < 3; post++)
      await submit.submit(
        sender,
        Array.from({ length: 64 }, () => bad),
      );
    expect(refusals()).toHaveLength(128);
  });
});
