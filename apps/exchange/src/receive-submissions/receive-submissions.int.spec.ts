import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ExchangeStack, eventually } from '../testing/stack.fixture.js';

describe('receiving submissions', () => {
  let stack: ExchangeStack;
  beforeAll(async () => {
    stack = await ExchangeStack.start();
  });
  afterAll(() => stack.stop());

  it('puts a sound message into the recipient’s mailbox and, once logged, the receipt into the sender’s', async () => {
    const { municipality, kela } = stack.network;
    const request = await stack.network.seal({ from: municipality, to: kela, kind: 'request' });
    await stack.post(request);

    const accepted = await stack.notice(municipality, 'accepted', request.manifestHash);
    expect(accepted.receipt?.leafIndex).toBeGreaterThan(0);
    await stack.delivered(kela, request);
    expect(await stack.stateOf(request)).toBe('delivered');
    expect(await stack.release(kela, request)).toEqual({ released: true, code: '' });
    await eventually(async () => (await stack.stateOf(request)) === 'released', 'released');
  });
});
