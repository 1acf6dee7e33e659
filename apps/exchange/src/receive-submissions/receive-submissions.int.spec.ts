import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { topics } from '#contracts';
import { generateReceivingKey, generateSigningKey } from '#envelope';
import { newEventId, newExchangeId, newMessageId, numericDate } from '#kernel';
import { Kafka, logLevel } from 'kafkajs';
import type { MessageWish, Sent } from '../testing/network.fixture.js';
import { ExchangeStack, eventually } from '../testing/stack.fixture.js';

const DAY_S = 86_400;

describe('receiving submissions', () => {
  let stack: ExchangeStack;
  beforeAll(async () => {
    stack = await ExchangeStack.start();
  });
  afterAll(() => stack.stop());

  const asking = (wish: Partial<MessageWish> = {}): Promise<Sent> =>
    stack.network.seal({ from: stack.network.municipality, to: stack.network.kela, kind: 'request', ...wish });

  /** A later message of the sender, accepted: whatever was posted before it has been dealt with. */
  const settled = async (): Promise<void> => {
    const last = await asking();
    await stack.post(last);
    await stack.notice(stack.network.municipality, 'accepted', last.manifestHash);
  };

  it('puts a sound message into the recipient’s mailbox and, once logged, the receipt into the sender’s', async () => {
    const { municipality, kela } = stack.network;
    const request = await asking();
    await stack.post(request);

    const accepted = await stack.notice(municipality, 'accepted', request.manifestHash);
    expect(accepted.receipt?.leafIndex).toBeGreaterThan(0);
    await stack.delivered(kela, request);
    expect(await stack.stateOf(request)).toBe('delivered');
    expect(await stack.release(kela, request)).toEqual({ released: true, code: '' });
    await eventually(async () => (await stack.stateOf(request)) === 'released', 'released');
  });

  it('has one effect of a message that is posted twice', async () => {
    const request = await asking();
    await stack.post(request, { ...request, submission: { ...request.submission, submissionId: newEventId() } });
    await stack.notice(stack.network.municipality, 'accepted', request.manifestHash);
    await settled();
    await stack.allLogged();

    const records = stack.doubles.records.filter(({ manifestHash }) => manifestHash === request.manifestHash);
    expect(records.map(({ type }) => type)).toEqual(['message-accepted']);
    const mail = await stack.mail(stack.network.kela);
    expect(mail.messages.filter((manifest) => manifest === request.manifest)).toHaveLength(1);
  });

  it('refuses a message id that the sender used for another message, and leaves the first as it is', async () => {
    const first = await asking();
    const second = await asking({ messageId: first.context.messageId });
    await stack.post(first);
    await stack.notice(stack.network.municipality, 'accepted', first.manifestHash);
    await stack.post(second);

    const rejected = await stack.notice(stack.network.municipality, 'rejected', second.manifestHash);
    expect(rejected.code).toBe('MESSAGE_ID_REUSED');
    expect(await stack.stateOf(first)).toBe('available');
  });

  it('gives each of two agencies its own outcome when one posts the other’s message id first', async () => {
    const { municipality, county, kela } = stack.network;
    const messageId = newMessageId();
    const foreign = await asking({ from: county, to: kela, messageId });
    const own = await asking({ messageId });
    await stack.post(foreign);
    await stack.notice(county, 'accepted', foreign.manifestHash);
    await stack.post(own);

    await stack.notice(municipality, 'accepted', own.manifestHash);
    expect(await stack.stateOf(foreign)).toBe('available');
  });

  describe('a submission forged straight into Kafka under an agency’s name', () => {
    const forgeries: readonly (readonly [string, (real: Sent) => Promise<Sent['submission']>])[] = [
      [
        'signed by another key under the same message id',
        async (real) => {
          const forged = await asking({
            messageId: real.context.messageId,
            exchangeId: real.context.exchangeId,
            signWith: await generateSigningKey(),
          });
          return forged.submission;
        },
      ],
      [
        'with the agency’s own manifest and other ciphertext',
        async (real) => ({ ...real.submission, submissionId: newEventId(), outer: (await asking()).outer }),
      ],
      ['under the same submission id', async (real) => ({ ...real.submission, outer: (await asking()).outer })],
      [
        'with another signature over the same manifest',
        async (real) => {
          const signature = (await asking()).manifest.split('.')[2] ?? '';
          const manifest = [...real.manifest.split('.').slice(0, 2), signature].join('.');
          return { ...real.submission, submissionId: newEventId(), manifest };
        },
      ],
      [
        'posted by another agency',
        async (real) => ({ ...real.submission, submissionId: newEventId(), agency: stack.network.county.id }),
      ],
      [
        'that is no manifest at all',
        async (real) => ({ ...real.submission, submissionId: newEventId(), manifest: 'x' }),
      ],
    ];

    it.each(forgeries)('%s harms it in nothing', async (_name, forge) => {
      const real = await asking();
      await stack.post({ submission: await forge(real), context: real.context });
      await stack.post(real);

      await stack.notice(stack.network.municipality, 'accepted', real.manifestHash);
      await stack.allLogged();
      const notices = (await stack.mail(stack.network.municipality)).notices.filter(
        ({ messageId }) => messageId === real.context.messageId,
      );
      expect(notices.map(({ type }) => type)).toEqual(['accepted']);
      const named = stack.doubles.records.filter(({ messageId }) => messageId === real.context.messageId);
      expect(named.map(({ type }) => type)).toEqual(['message-accepted']);
    });
  });

  it('ends an exchange with an entry of its own when the holder refuses', async () => {
    const { municipality, kela } = stack.network;
    const exchangeId = newExchangeId();
    const request = await asking({ exchangeId });
    await stack.post(request);
    await stack.delivered(kela, request);
    const back = { exchangeId, from: kela, to: municipality, inReplyTo: request.manifestHash };
    await stack.post(await asking({ ...back, kind: 'refusal' }));
    await eventually(
      () => stack.doubles.records.some((one) => one.exchangeId === exchangeId && one.type === 'exchange-refused'),
      'the entry',
    );
    expect(await stack.exchangeState(exchangeId)).toBe('refused');
  });

  it('numbers the entries of a conversation in order and without gaps', async () => {
    const { municipality, kela } = stack.network;
    const exchangeId = newExchangeId();
    const send = async (wish: Partial<MessageWish>): Promise<Sent> => {
      const sent = await asking({ exchangeId, ...wish });
      await stack.post(sent);
      await stack.delivered(sent.context.recipient === kela.id ? kela : municipality, sent);
      return sent;
    };
    const request = await send({});
    const back = { from: kela, to: municipality };
    const question = await send({ ...back, kind: 'clarification', inReplyTo: request.manifestHash });
    const clear = await send({ inReplyTo: question.manifestHash });
    const answer = await send({ ...back, kind: 'answer', inReplyTo: clear.manifestHash });
    await stack.release(municipality, answer);

    // Each of the four accepted and delivered, and the exchange answered.
    expect(await stack.numbersOf(exchangeId)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await stack.exchangeState(exchangeId)).toBe('answered');
    const late = await asking({ exchangeId, ...back, kind: 'answer', inReplyTo: clear.manifestHash });
    await stack.post(late);
    expect((await stack.notice(kela, 'rejected', late.manifestHash)).code).toBe('EXCHANGE_CLOSED');
  });

  it('keeps a stranger out of an exchange and out of its numbers', async () => {
    const { county, kela } = stack.network;
    const request = await asking();
    await stack.post(request);
    await stack.notice(stack.network.municipality, 'accepted', request.manifestHash);
    const strange = await asking({ from: county, to: kela, exchangeId: request.context.exchangeId });
    await stack.post(strange);

    expect((await stack.notice(county, 'rejected', strange.manifestHash)).code).toBe('EXCHANGE_PARTIES_MISMATCH');
    expect(await stack.numbersOf(request.context.exchangeId)).toEqual([1]);
  });

  it('does not let a refused first message fix the parties of an exchange', async () => {
    const { county, kela, municipality } = stack.network;
    const exchangeId = newExchangeId();
    const refused = await asking({ from: county, to: kela, exchangeId, purpose: 'no-such-purpose' });
    await stack.post(refused);
    await stack.notice(county, 'rejected', refused.manifestHash);
    const request = await asking({ exchangeId });
    await stack.post(request);

    await stack.notice(municipality, 'accepted', request.manifestHash);
  });

  it('waits a moment for the directory before it refuses a key that the log already shows', async () => {
    const { municipality, county } = stack.network;
    const fresh = await generateReceivingKey();
    const sent = await asking({ to: county, sealTo: fresh, kind: 'notice' });
    await stack.post(sent);
    stack.network.further.push({ agency: county.id, use: 'receiving', key: fresh });
    stack.doubles.publishDirectory();
    await stack.notice(municipality, 'accepted', sent.manifestHash);
  });

  describe('a message that fails the rules comes back with its code', () => {
    const now = (): number => numericDate(stack.clock.now());
    const cases: readonly (readonly [string, () => Promise<Sent>])[] = [
      ['RECIPIENT_KEY_UNKNOWN', async () => asking({ sealTo: await generateReceivingKey() })],
      ['CATEGORY_NOT_HELD', () => asking({ categories: [12] })],
      ['CATEGORY_UNKNOWN', () => asking({ categories: [99] })],
      ['PURPOSE_UNKNOWN', () => asking({ purpose: 'curiosity' })],
      ['EXP_TOO_LATE', () => asking({ exp: now() + 365 * DAY_S })],
      ['MESSAGE_EXPIRED', () => asking({ iat: now() - 100, exp: now() - 10 })],
      ['MESSAGE_EXPIRED', () => asking({ iat: now() - 8 * DAY_S })],
      ['IAT_IN_FUTURE', () => asking({ iat: now() + 75 })],
      ['DEADLINE_PASSED', () => asking({ deadline: '2020-01-07' })],
      ['DEADLINE_INVALID', () => asking({ deadline: '2099-01-07' })],
      ['EXCHANGE_ORDER', () => asking({ kind: 'refusal', inReplyTo: 'A'.repeat(43) as Sent['manifestHash'] })],
    ];

    it.each(cases)('%s', async (code, make) => {
      const sent = await make();
      await stack.post(sent);
      const rejected = await stack.notice(stack.network.municipality, 'rejected', sent.manifestHash);
      expect(rejected.code).toBe(code);
      expect(rejected.receipt).toBeDefined();
    });

    it('or does not, by a clock that is a minute ahead', async () => {
      const sent = await asking({ iat: now() + 55 });
      await stack.post(sent);
      await stack.notice(stack.network.municipality, 'accepted', sent.manifestHash);
    });

    it('NO_BASIS, asked of consent with one call for the batch', async () => {
      const sent = await asking();
      stack.doubles.noBasis.set(sent.manifest, 'NO_BASIS');
      await stack.post(sent);
      const rejected = await stack.notice(stack.network.municipality, 'rejected', sent.manifestHash);
      expect(rejected.code).toBe('NO_BASIS');
    });
  });

  it('rejects nothing because consent is down, and goes on when it is back', async () => {
    stack.doubles.consentDown = true;
    const request = await asking();
    await stack.post(request);
    await eventually(() => stack.doubles.refusedCalls > 1, 'consent asked in vain');
    expect(await stack.stateOf(request)).toBeUndefined();
    stack.doubles.consentDown = false;

    await stack.notice(stack.network.municipality, 'accepted', request.manifestHash);
  });

  it('has one effect of submissions that Kafka brings again after a restart', async () => {
    const exchangeId = newExchangeId();
    const request = await asking({ exchangeId });
    await stack.post(request);
    await stack.notice(stack.network.municipality, 'accepted', request.manifestHash);
    await stack.allLogged();
    const before = stack.doubles.records.length;
    const boxes = await stack.mail(stack.network.municipality);

    await stack.stopService();
    const admin = new Kafka({ brokers: stack.config.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const prefix = stack.config.KAFKA_TOPIC_PREFIX ?? '';
    for (const topic of [topics.submissions, topics.auditEvents])
      await admin.resetOffsets({ groupId: `${prefix}exchange`, topic: `${prefix}${topic}`, earliest: true });
    await admin.disconnect();
    await stack.startService();
    await settled();
    await stack.allLogged();

    expect(stack.doubles.records.length).toBe(before + 1);
    expect((await stack.mail(stack.network.municipality)).head).toBe(boxes.head + 1n);
  });
});
