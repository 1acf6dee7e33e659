import { AppError, type Result, err, ok } from '#kernel';

/** Design 1, "States". Those of `finalMessageStates` are never left. */
export const messageStates = [
  'submitted',
  'rejected',
  'available',
  'delivered',
  'released',
  'expired',
  'withdrawn',
  'undeliverable',
] as const;
export type MessageState = (typeof messageStates)[number];

/**
 * What happens to a message. `reject` and `accept`: the checks on arrival; `acknowledge`: the recipient's agent has stored
 * the ciphertext; `release`: audit gave out the one-time key, first or again; `expire`: past its exp; `withdraw`: its basis
 * has ended; `revoke-key`: the key it is sealed to can no longer be trusted.
 */
export const messageEvents = [
  'reject',
  'accept',
  'acknowledge',
  'release',
  'expire',
  'withdraw',
  'revoke-key',
] as const;
export type MessageEvent = (typeof messageEvents)[number];

type Moves = Readonly<Partial<Record<MessageState, MessageState>>>;

const transitions: Readonly<Record<MessageEvent, Moves>> = {
  reject: { submitted: 'rejected' },
  accept: { submitted: 'available' },
  // An agent that asks for the release first has the ciphertext all the same: its later acknowledgement changes nothing.
  acknowledge: { available: 'delivered', delivered: 'delivered', released: 'released' },
  release: { delivered: 'released', released: 'released' },
  expire: { available: 'expired', delivered: 'expired' },
  withdraw: { available: 'withdrawn', delivered: 'withdrawn' },
  'revoke-key': { available: 'undeliverable', delivered: 'undeliverable' },
};

export const finalMessageStates: ReadonlySet<MessageState> = new Set([
  'rejected',
  'released',
  'expired',
  'withdrawn',
  'undeliverable',
] satisfies MessageState[]);

/** States from which an event can still end a message that was accepted and not opened. */
export const unopenedStates = ['available', 'delivered'] as const satisfies readonly MessageState[];

export const isUnopened = (state: MessageState): boolean => (unopenedStates as readonly MessageState[]).includes(state);

/** Errors: MESSAGE_FINAL, CONFLICT (the event does not fit a state that is not final). */
export function nextMessageState(state: MessageState, event: MessageEvent): Result<MessageState> {
  const next = transitions[event][state];
  if (next !== undefined) return ok(next);
  return err(new AppError(finalMessageStates.has(state) ? 'MESSAGE_FINAL' : 'CONFLICT', undefined, { state, event }));
}
