import { describe, expect, it } from '@jest/globals';
import { type Sha256, agencyId } from '#kernel';
import {
  type ArrivingMessage,
  type Exchange,
  type RepliedMessage,
  eventOfOpeningMessage,
  eventOfPassedDeadline,
  exchangeStates,
  isLate,
  judgeArrival,
  nextExchangeState,
} from './exchange-state.js';
import { type ExchangeKind, type OpeningKind, exchangeKinds } from './message-kinds.js';

const asker = agencyId('K-235');
const holder = agencyId('H-07');
const stranger = agencyId('L-KELA');
const earlier = 'A'.repeat(43) as Sha256;
const now = new Date('2026-03-02T10:00:00Z');

const exchange = (openedBy: OpeningKind, members: Partial<Exchange> = {}): Exchange => ({
  state: 'open',
  openedBy,
  asker,
  holder,
  deadline: new Date('2026-03-09T21:59:59Z'),
  categories: [9, 11],
  ...members,
});

const byAsker = (kind: ExchangeKind, members: Partial<ArrivingMessage> = {}): ArrivingMessage => ({
  kind,
  sender: asker,
  recipient: holder,
  inReplyTo: undefined,
  categories: [],
  ...members,
});
const byHolder = (kind: ExchangeKind, members: Partial<ArrivingMessage> = {}): ArrivingMessage => ({
  kind,
  sender: holder,
  recipient: asker,
  inReplyTo: earlier,
  categories: [],
  ...members,
});

const toHolder = (kind: ExchangeKind): RepliedMessage => ({ kind, recipient: holder });
const toAsker = (kind: ExchangeKind): RepliedMessage => ({ kind, recipient: asker });

const judge = (...args: [Exchange | undefined, ArrivingMessage, RepliedMessage?]): string => {
  const result = judgeArrival(args[0], args[1], args[2], now);
  return result.ok ? result.value : result.error.code;
};

describe('opening an exchange', () => {
  it.each(['request', 'consultation', 'referral', 'transfer', 'notice'] as const)('a %s opens one', (kind) => {
    expect(judge(undefined, byAsker(kind))).toBe('continue');
  });

  it.each(['answer', 'refusal', 'clarification', 'withdrawal-notice'] as const)('a %s opens none', (kind) => {
    expect(judge(undefined, byAsker(kind))).toBe('EXCHANGE_ORDER');
  });

  it('does not begin with a reply', () => {
    expect(judge(undefined, byAsker('request', { inReplyTo: earlier }))).toBe('EXCHANGE_ORDER');
  });

  it('takes two parties', () => {
    expect(judge(undefined, byAsker('request', { recipient: asker }))).toBe('EXCHANGE_PARTIES_MISMATCH');
  });
});

describe('within an open exchange', () => {
  const question = exchange('request');

  it.each([
    ['the holder answers the request', question, byHolder('answer'), toHolder('request'), 'answer'],
    [
      'the holder answers with some of the categories',
      question,
      byHolder('answer', { categories: [9] }),
      toHolder('request'),
      'answer',
    ],
    ['the holder refuses the request', question, byHolder('refusal'), toHolder('request'), 'refuse'],
    ['the holder asks back', question, byHolder('clarification'), toHolder('request'), 'continue'],
    [
      'the asker makes its request clear',
      question,
      byAsker('request', { inReplyTo: earlier }),
      toAsker('clarification'),
      'continue',
    ],
    ['the asker takes its request back', question, byAsker('withdrawal-notice'), undefined, 'cancel'],
    ['either sends a notice', question, byHolder('notice', { inReplyTo: undefined }), undefined, 'continue'],
    ['the holder refuses a referral', exchange('referral'), byHolder('refusal'), toHolder('referral'), 'refuse'],
    [
      'the holder answers a consultation',
      exchange('consultation'),
      byHolder('answer'),
      toHolder('consultation'),
      'answer',
    ],
  ] as const)('%s', (_name, open, message, replied, event) => {
    expect(judge(open, message, replied)).toBe(event);
  });

  it.each([
    ['the asker answers its own request', question, byAsker('answer', { inReplyTo: earlier }), toAsker('request')],
    ['an answer to nothing', question, byHolder('answer', { inReplyTo: undefined }), undefined],
    ['an answer to a message of another exchange', question, byHolder('answer'), undefined],
    ['an answer to what the holder sent itself', question, byHolder('answer'), toAsker('clarification')],
    ['an answer to a notice', question, byHolder('answer'), toHolder('notice')],
    ['a second request that no question back asked for', question, byAsker('request'), undefined],
    [
      'a consultation in place of the clear request',
      question,
      byAsker('consultation', { inReplyTo: earlier }),
      toAsker('clarification'),
    ],
    ['a withdrawal by the holder', question, byHolder('withdrawal-notice', { inReplyTo: undefined }), undefined],
    ['a referral by the holder', question, byHolder('referral'), toHolder('request')],
    ['an answer to a referral', exchange('referral'), byHolder('answer'), toHolder('referral')],
    ['a refusal of a notice', exchange('notice'), byHolder('refusal'), toHolder('notice')],
  ] as const)('%s is out of order', (_name, open, message, replied) => {
    expect(judge(open, message, replied)).toBe('EXCHANGE_ORDER');
  });

  it('a third agency is no party, on either end', () => {
    expect(judge(question, byAsker('notice', { sender: stranger }))).toBe('EXCHANGE_PARTIES_MISMATCH');
    expect(judge(question, byHolder('answer', { recipient: stranger }), toHolder('request'))).toBe(
      'EXCHANGE_PARTIES_MISMATCH',
    );
  });

  it('an answer holds no category that was not asked for', () => {
    expect(judge(question, byHolder('answer', { categories: [9, 12] }), toHolder('request'))).toBe('CATEGORY_NOT_HELD');
  });

  it('an answer after the deadline is late, whether or not the exchange was marked so', () => {
    const late = { deadline: new Date(now.getTime() - 1) };
    expect(judge(exchange('request', late), byHolder('answer'), toHolder('request'))).toBe('DEADLINE_PASSED');
    expect(judge(exchange('request', { ...late, state: 'expired' }), byHolder('answer'), toHolder('request'))).toBe(
      'DEADLINE_PASSED',
    );
    expect(isLate(exchange('request', { ...late, state: 'answered' }), now)).toBe(false);
  });
});

describe('a closed exchange', () => {
  const closed = exchangeStates.filter((state) => state !== 'open' && state !== 'expired');

  it.each(closed)('takes nothing more once %s', (state) => {
    for (const kind of exchangeKinds)
      expect(judge(exchange('request', { state }), byHolder(kind), toHolder('request'))).toBe('EXCHANGE_CLOSED');
  });

  it.each(closed)('is left by no event once %s', (state) => {
    expect(nextExchangeState(state, 'answer').ok).toBe(false);
  });
});

describe('what the opening message’s fate does', () => {
  it('opening a notice closes its exchange; a referral may still be refused then', () => {
    expect(eventOfOpeningMessage('notice', 'release')).toBe('receive');
    expect(eventOfOpeningMessage('referral', 'release')).toBeUndefined();
    expect(eventOfOpeningMessage('request', 'release')).toBeUndefined();
  });

  it('silence lets a question expire and accepts what was handed over', () => {
    expect(eventOfPassedDeadline('request')).toBe('pass-deadline');
    expect(eventOfPassedDeadline('transfer')).toBe('receive');
  });
});
