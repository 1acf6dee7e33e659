import { type AgencyId, AppError, type Result, type Sha256, err, ok } from '#kernel';
import type { ExchangeEvent } from './exchange-events.js';
import type { MessageEvent } from './message-state.js';
import { type ExchangeKind, type OpeningKind, isOpeningKind, kindOrder } from './message-kinds.js';

/** Design 1, "States". All but `open` are final. */
export const exchangeStates = ['open', 'answered', 'refused', 'expired', 'withdrawn', 'cancelled'] as const;
export type ExchangeState = (typeof exchangeStates)[number];

const transitions: Readonly<Record<ExchangeEvent, Readonly<Partial<Record<ExchangeState, ExchangeState>>>>> = {
  continue: { open: 'open' },
  answer: { open: 'answered' },
  refuse: { open: 'refused' },
  cancel: { open: 'cancelled' },
  receive: { open: 'answered' },
  'pass-deadline': { open: 'expired' },
  'end-basis': { open: 'withdrawn' },
  'fail-delivery': { open: 'cancelled' },
};

/** Errors: EXCHANGE_CLOSED. */
export function nextExchangeState(state: ExchangeState, event: ExchangeEvent): Result<ExchangeState> {
  const next = transitions[event][state];
  return next === undefined ? err(new AppError('EXCHANGE_CLOSED', undefined, { state })) : ok(next);
}

/** An exchange as far as its rules need it. The first message fixed parties and kind. */
export interface Exchange {
  readonly state: ExchangeState;
  readonly openedBy: OpeningKind;
  readonly asker: AgencyId;
  readonly holder: AgencyId;
  /** Until when the holder may answer or, for what was handed over, object. Undefined while neither is counted. */
  readonly deadline: Date | undefined;
  /** Categories that were asked for, in the opening message or a clarified one. */
  readonly categories: readonly number[];
}

/** An arriving message as far as the rules of exchanges need it. */
export interface ArrivingMessage {
  readonly kind: ExchangeKind;
  readonly sender: AgencyId;
  readonly recipient: AgencyId;
  readonly inReplyTo: Sha256 | undefined;
  readonly categories: readonly number[];
}

/** The message that `inReplyTo` names, if it is in the same exchange and was accepted. */
export interface RepliedMessage {
  readonly kind: ExchangeKind;
  readonly recipient: AgencyId;
}

/**
 * What an arriving message does to its exchange, `undefined` being an exchange that does not exist yet.
 *
 * Errors: EXCHANGE_ORDER (the kind does not fit here, or what it replies to was not sent to its sender),
 * EXCHANGE_PARTIES_MISMATCH, DEADLINE_PASSED (an answer that comes too late), EXCHANGE_CLOSED, CATEGORY_NOT_HELD (an answer
 * with categories that were not asked for).
 */
export function judgeArrival(
  exchange: Exchange | undefined,
  message: ArrivingMessage,
  replied: RepliedMessage | undefined,
  now: Date,
): Result<ExchangeEvent> {
  if (!exchange) return judgeOpening(message);
  const role = roleOf(exchange, message);
  if (role === undefined) return err(new AppError('EXCHANGE_PARTIES_MISMATCH'));
  if (isLate(exchange, now)) return err(new AppError('DEADLINE_PASSED'));
  if (exchange.state !== 'open') return err(new AppError('EXCHANGE_CLOSED', undefined, { state: exchange.state }));

  const order = orderWithin(exchange, message.kind);
  if (!order || (order.from !== 'either' && order.from !== role)) return outOfOrder(message.kind);
  if (message.inReplyTo === undefined && order.repliesTo !== undefined && order.mustReply)
    return outOfOrder(message.kind);
  if (message.inReplyTo !== undefined) {
    const fits =
      replied !== undefined &&
      replied.recipient === message.sender &&
      (order.repliesTo === undefined || order.repliesTo.includes(replied.kind));
    if (!fits) return outOfOrder(message.kind);
  }
  if (order.event === 'answer' && !message.categories.every((category) => exchange.categories.includes(category)))
    return err(new AppError('CATEGORY_NOT_HELD', 'The answer contains a category that was not asked for.'));
  return ok(order.event);
}

/** The deadline has passed, whether or not anybody has written that down yet. */
export const isLate = ({ state, deadline }: Exchange, now: Date): boolean =>
  state === 'expired' || (state === 'open' && deadline !== undefined && deadline.getTime() < now.getTime());

function judgeOpening(message: ArrivingMessage): Result<ExchangeEvent> {
  if (!isOpeningKind(message.kind) || message.inReplyTo !== undefined) return outOfOrder(message.kind);
  if (message.sender === message.recipient) return err(new AppError('EXCHANGE_PARTIES_MISMATCH'));
  return ok('continue');
}

function roleOf({ asker, holder }: Exchange, { sender, recipient }: ArrivingMessage): 'asker' | 'holder' | undefined {
  if (sender === asker && recipient === holder) return 'asker';
  return sender === holder && recipient === asker ? 'holder' : undefined;
}

function orderWithin(exchange: Exchange, kind: ExchangeKind) {
  const order = kindOrder[kind];
  return order.within.find(({ openedBy }) => openedBy.includes(exchange.openedBy));
}

const outOfOrder = (kind: ExchangeKind) => err(new AppError('EXCHANGE_ORDER', undefined, { kind }));

/**
 * What the fate of the opening message does to its exchange. The fate of later messages does nothing: without the opening
 * message the holder has nothing to answer, while an answer that expires unopened was given all the same.
 */
export function eventOfOpeningMessage(openedBy: OpeningKind, event: MessageEvent): ExchangeEvent | undefined {
  switch (event) {
    case 'release':
      return kindOrder[openedBy].opens === 'informs' ? 'receive' : undefined;
    case 'expire':
      return 'pass-deadline';
    case 'withdraw':
      return 'end-basis';
    case 'revoke-key':
      return 'fail-delivery';
    case 'accept':
    case 'reject':
    case 'acknowledge':
      return undefined;
  }
}

/** Whether a time to object begins when the opening message is opened. */
export const objectionStartsAtRelease = (openedBy: OpeningKind): boolean => kindOrder[openedBy].opens === 'hands-over';

/** What a passed deadline does: silence about what was handed over and opened is consent. */
export const eventOfPassedDeadline = (openedBy: OpeningKind): ExchangeEvent =>
  kindOrder[openedBy].opens === 'hands-over' ? 'receive' : 'pass-deadline';
