import type { ErrorCode, Result } from '#kernel';
import { ok } from '#kernel';
import type { ExchangeEvent } from './exchange-events.js';
import { type ExchangeState, eventOfOpeningMessage, nextExchangeState } from './exchange-state.js';
import type { OpeningKind } from './message-kinds.js';
import { type MessageEvent, type MessageState, nextMessageState } from './message-state.js';

/**
 * Types of log entries of which exchange is the source; audit's own releases are not among them, nor what audit refuses:
 * `message-release-refused` is what did not get as far.
 */
export type FactType =
  | 'message-accepted'
  | 'message-rejected'
  | 'message-delivered'
  | 'message-expired'
  | 'message-withdrawn'
  | 'message-undeliverable'
  | 'message-discarded'
  | 'message-parked'
  | 'message-release-refused'
  | 'exchange-answered'
  | 'exchange-refused'
  | 'exchange-expired'
  | 'exchange-withdrawn'
  | 'exchange-cancelled';

/** How a message that was accepted ends without having been opened. */
export type Ending = Extract<MessageEvent, 'expire' | 'withdraw' | 'revoke-key'>;

const endings = {
  expire: { fact: 'message-expired', notice: 'expired' },
  withdraw: { fact: 'message-withdrawn', notice: 'withdrawn' },
  'revoke-key': { fact: 'message-undeliverable', notice: 'undeliverable' },
} as const satisfies Record<Ending, { fact: FactType; notice: string }>;

/** The log entry and the notice of an ending. */
export const endingOf = (event: Ending): (typeof endings)[Ending] => endings[event];

const endingsByCode: Readonly<Partial<Record<ErrorCode, Ending>>> = {
  MESSAGE_EXPIRED: 'expire',
  EXP_TOO_LATE: 'expire',
  RELEASE_KEY_DESTROYED: 'expire',
  KEY_REVOKED: 'revoke-key',
  CAPSULE_MISMATCH: 'revoke-key',
  HASH_MISMATCH: 'revoke-key',
  RELEASE_KEY_UNKNOWN: 'revoke-key',
};

/** The ending that a final refusal gives a message: past its time, not openable, and otherwise its basis has ended. */
export const endingForCode = (code: ErrorCode): Ending => endingsByCode[code] ?? 'withdraw';

const closingFacts: Readonly<Record<ExchangeState, FactType | undefined>> = {
  open: undefined,
  answered: 'exchange-answered',
  refused: 'exchange-refused',
  expired: 'exchange-expired',
  withdrawn: 'exchange-withdrawn',
  cancelled: 'exchange-cancelled',
};

/** The entry that says that an exchange has reached this state; each end has one. */
export const factOfClosing = (state: ExchangeState): FactType | undefined => closingFacts[state];

export interface MovedMessage {
  readonly state: MessageState;
  /** What follows for the exchange; undefined when nothing does. */
  readonly exchangeEvent: ExchangeEvent | undefined;
}

/**
 * What an event does to a message and, where it is the opening message of an exchange that is still open, to the exchange.
 *
 * Errors: MESSAGE_FINAL, CONFLICT.
 */
export function moveMessage(
  message: { readonly state: MessageState; readonly opensExchange: boolean },
  exchange: { readonly state: ExchangeState; readonly openedBy: OpeningKind },
  event: MessageEvent,
): Result<MovedMessage> {
  const next = nextMessageState(message.state, event);
  if (!next.ok) return next;
  const follows =
    message.opensExchange && next.value !== message.state ? eventOfOpeningMessage(exchange.openedBy, event) : undefined;
  const possible = follows !== undefined && nextExchangeState(exchange.state, follows).ok;
  return ok({ state: next.value, exchangeEvent: possible ? follows : undefined });
}
