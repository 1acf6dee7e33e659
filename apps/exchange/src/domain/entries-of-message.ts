import type { MessageState } from './message-state.js';
import { endingOf } from './settle-message.js';

const accepted = 'message-accepted';

const types: Readonly<Record<MessageState, readonly string[]>> = {
  submitted: [],
  rejected: ['message-rejected'],
  available: [accepted],
  delivered: [accepted],
  released: [accepted, 'message-released'],
  expired: [accepted, endingOf('expire').fact],
  withdrawn: [accepted, endingOf('withdraw').fact],
  undeliverable: [accepted, endingOf('revoke-key').fact],
};

/** The entries without which a message cannot have come to its state. */
export const entriesOfMessage = (state: MessageState): readonly string[] => types[state];
