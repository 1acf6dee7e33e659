import { describe, expect, it } from '@jest/globals';
import { stageOf } from './stage.js';

const sent = (state: string) => [{ messageId: 'm1', state }];
const received = (state: string, reply: string | null = null) => [{ state, reply }];
const nowhere = new Map<string, string>();

describe('where an exchange stands for its asker', () => {
  it.each([
    ['submitted', 'sealed'],
    ['submitted', 'posted'],
    ['accepted', 'accepted'],
  ])('is %s while its request is %s', (stage, state) => {
    expect(stageOf({ role: 'asker', state: 'open' }, sent(state), [], nowhere)).toBe(stage);
  });

  it('is opened once the hub has released the request', () => {
    expect(stageOf({ role: 'asker', state: 'open' }, sent('accepted'), [], new Map([['m1', 'released']]))).toBe(
      'opened',
    );
  });

  it('says that an answer waits to be opened', () => {
    expect(stageOf({ role: 'asker', state: 'open' }, sent('accepted'), received('delivered'), nowhere)).toBe(
      'answer-delivered',
    );
  });

  it.each(['question', 'answered', 'refused', 'rejected', 'withdrawn'])('is %s when it is', (state) => {
    expect(stageOf({ role: 'asker', state }, sent('accepted'), received('opened'), nowhere)).toBe(state);
  });
});

describe('where an exchange stands for its holder', () => {
  it.each([
    ['delivered', 'open', received('delivered')],
    ['waits-for-decision', 'open', received('opened', 'due')],
    ['decided', 'open', received('opened', 'decided')],
    ['answered', 'answered', received('opened', 'sent')],
    ['expired', 'expired', received('opened', 'closed')],
  ])('is %s', (stage, state, mail) => {
    expect(stageOf({ role: 'holder', state }, [], mail, nowhere)).toBe(stage);
  });
});
