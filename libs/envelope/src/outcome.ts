import type { AgencyId, ErrorCode, ExchangeId, MessageId, Sha256 } from '#kernel';
import { agency, errorCode, exchangeId, hash, instant, messageId, numericDate, worker } from './fields.js';
import { type Receipt, receiptShape } from './receipt.js';
import { type Check, closed, integer, oneOf, optional, text } from './shape.js';

export const outcomeTypes = [
  'accepted',
  'rejected',
  'expired',
  'withdrawn',
  'undeliverable',
  'discarded',
  'release-refused',
  'answered',
  'closed',
] as const;
export type OutcomeType = (typeof outcomeTypes)[number];

/** What became of a message, signed by exchange. The sender's message is *accepted* once this holds the log receipt. */
export interface Outcome {
  type: OutcomeType;
  exchangeId: ExchangeId;
  messageId: MessageId;
  sender: AgencyId;
  manifestHash?: Sha256;
  code?: ErrorCode;
  /** For people; no personal data. */
  detail?: string;
  /** Of a quota: seconds after `at` before which another message meets the same refusal. */
  retryAfter?: number;
  at: string;
  receipt?: Receipt;
}

/** The recipient's signed word that what was inside differs from what was released. */
export interface Mismatch {
  manifestHash: Sha256;
  agency: AgencyId;
  code: ErrorCode;
  worker: string;
  iat: number;
}

export const outcome: Check<Outcome> = closed<Outcome>({
  type: oneOf(...outcomeTypes),
  exchangeId,
  messageId,
  sender: agency,
  manifestHash: optional(hash),
  code: optional(errorCode),
  detail: optional(text(/^[^\p{Cc}]{1,500}$/u)),
  retryAfter: optional(integer(1, 86_400)),
  at: instant,
  receipt: optional(receiptShape),
});

export const mismatch: Check<Mismatch> = closed<Mismatch>({
  manifestHash: hash,
  agency,
  code: errorCode,
  worker,
  iat: numericDate,
});
