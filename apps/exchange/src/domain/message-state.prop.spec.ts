import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type MessageState, finalMessageStates, isUnopened, messageEvents, nextMessageState } from './message-state.js';

const seed = 20_260_101;
const history = fc.array(fc.constantFrom(...messageEvents), { maxLength: 30 });

/** The states that a history goes through, refused events leaving each as it is. */
const statesOf = (events: readonly (typeof messageEvents)[number][]): MessageState[] => {
  const states: MessageState[] = ['submitted'];
  for (const event of events) {
    const at = states.at(-1)!;
    const next = nextMessageState(at, event);
    states.push(next.ok ? next.value : at);
  }
  return states;
};

describe('any history of a message', () => {
  it('never leaves a final state', () => {
    fc.assert(
      fc.property(history, (events) => {
        const states = statesOf(events);
        const first = states.findIndex((state) => finalMessageStates.has(state));
        expect(new Set(first < 0 ? [] : states.slice(first)).size).toBeLessThanOrEqual(1);
      }),
      { seed, numRuns: 2_000 },
    );
  });

  it('never opens what was not delivered, and never un-delivers', () => {
    fc.assert(
      fc.property(history, (events) => {
        const states = statesOf(events);
        const opened = states.indexOf('released');
        if (opened > 0) expect(states.slice(0, opened)).toContain('delivered');
        const delivered = states.indexOf('delivered');
        if (delivered >= 0) expect(states.slice(delivered)).not.toContain('available');
      }),
      { seed, numRuns: 2_000 },
    );
  });

  it('ends when its time is over, whatever happened before', () => {
    fc.assert(
      fc.property(history, (events) => {
        const state = statesOf([...events, 'accept', 'expire']).at(-1)!;
        expect(finalMessageStates.has(state)).toBe(true);
        expect(isUnopened(state)).toBe(false);
      }),
      { seed, numRuns: 2_000 },
    );
  });
});
