import type { ExchangeEvent } from './exchange-events.js';

/** The kinds of message of design 2, "Which gate for which kind". */
export const exchangeKinds = [
  'request',
  'consultation',
  'answer',
  'referral',
  'transfer',
  'refusal',
  'clarification',
  'withdrawal-notice',
  'notice',
] as const;
export type ExchangeKind = (typeof exchangeKinds)[number];

export type OpeningKind = 'request' | 'consultation' | 'referral' | 'transfer' | 'notice';

/** When a kind may be sent within an open exchange, and what it does to it. */
export interface KindWithin {
  /** Kinds of opening message with whose exchanges this row is about. */
  readonly openedBy: readonly OpeningKind[];
  /** The asker sent the opening message, the holder received it. */
  readonly from: 'asker' | 'holder' | 'either';
  /** Kinds that it may reply to; any, where left out. What it replies to was always sent to its sender. */
  readonly repliesTo?: readonly ExchangeKind[];
  readonly mustReply: boolean;
  readonly event: ExchangeEvent;
}

export interface KindOrder {
  /**
   * `asks`: open until answered, refused or late. `hands-over`: wants no answer, but may be refused or asked back, until
   * a while after it was opened. `informs`: closes when it has been opened.
   */
  readonly opens: 'asks' | 'hands-over' | 'informs' | 'never';
  readonly within: readonly KindWithin[];
}

const asking = ['request', 'consultation'] as const satisfies OpeningKind[];
const handingOver = ['referral', 'transfer'] as const satisfies OpeningKind[];
const answerable: readonly OpeningKind[] = [...asking, ...handingOver];
const all: readonly OpeningKind[] = [...answerable, 'notice'];

// The asker repeats its opening kind, made clear, in reply to a question back.
const clarified = (kind: OpeningKind): KindWithin => ({
  openedBy: [kind],
  from: 'asker',
  repliesTo: ['clarification'],
  mustReply: true,
  event: 'continue',
});

/** Who may send which kind when. A kind without a row for an exchange's opening kind cannot be sent in it. */
export const kindOrder: Readonly<Record<ExchangeKind, KindOrder>> = {
  request: { opens: 'asks', within: [clarified('request')] },
  consultation: { opens: 'asks', within: [clarified('consultation')] },
  referral: { opens: 'hands-over', within: [clarified('referral')] },
  transfer: { opens: 'hands-over', within: [clarified('transfer')] },
  notice: { opens: 'informs', within: [{ openedBy: all, from: 'either', mustReply: false, event: 'continue' }] },
  answer: {
    opens: 'never',
    within: [{ openedBy: asking, from: 'holder', repliesTo: asking, mustReply: true, event: 'answer' }],
  },
  refusal: {
    opens: 'never',
    within: [{ openedBy: answerable, from: 'holder', repliesTo: answerable, mustReply: true, event: 'refuse' }],
  },
  clarification: {
    opens: 'never',
    within: [{ openedBy: answerable, from: 'holder', repliesTo: answerable, mustReply: true, event: 'continue' }],
  },
  'withdrawal-notice': {
    opens: 'never',
    within: [{ openedBy: all, from: 'asker', mustReply: false, event: 'cancel' }],
  },
};

export const isOpeningKind = (kind: ExchangeKind): kind is OpeningKind => kindOrder[kind].opens !== 'never';
