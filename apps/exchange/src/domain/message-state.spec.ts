import { describe, expect, it } from '@jest/globals';
import {
  type MessageEvent,
  type MessageState,
  messageEvents,
  messageStates,
  nextMessageState,
} from './message-state.js';

const next = (state: MessageState, event: MessageEvent): string => {
  const result = nextMessageState(state, event);
  return result.ok ? result.value : result.error.code;
};

// The whole table, state by state, written out apart from the code: one golden row each.
const golden: Readonly<Record<MessageState, Readonly<Record<MessageEvent, string>>>> = {
  submitted: {
    reject: 'rejected',
    accept: 'available',
    acknowledge: 'CONFLICT',
    release: 'CONFLICT',
    expire: 'CONFLICT',
    withdraw: 'CONFLICT',
    'revoke-key': 'CONFLICT',
  },
  available: {
    reject: 'CONFLICT',
    accept: 'CONFLICT',
    acknowledge: 'delivered',
    release: 'CONFLICT',
    expire: 'expired',
    withdraw: 'withdrawn',
    'revoke-key': 'undeliverable',
  },
  delivered: {
    reject: 'CONFLICT',
    accept: 'CONFLICT',
    acknowledge: 'delivered',
    release: 'released',
    expire: 'expired',
    withdraw: 'withdrawn',
    'revoke-key': 'undeliverable',
  },
  released: {
    reject: 'MESSAGE_FINAL',
    accept: 'MESSAGE_FINAL',
    acknowledge: 'released',
    release: 'released',
    expire: 'MESSAGE_FINAL',
    withdraw: 'MESSAGE_FINAL',
    'revoke-key': 'MESSAGE_FINAL',
  },
  rejected: allFinal(),
  expired: allFinal(),
  withdrawn: allFinal(),
  undeliverable: allFinal(),
};

function allFinal(): Record<MessageEvent, string> {
  return Object.fromEntries(messageEvents.map((event) => [event, 'MESSAGE_FINAL'])) as Record<MessageEvent, string>;
}

describe('states of a message', () => {
  it.each(messageStates)('%s answers every event as the design says', (state) => {
    const row = Object.fromEntries(messageEvents.map((event) => [event, next(state, event)]));
    expect(row).toEqual(golden[state]);
  });
});
