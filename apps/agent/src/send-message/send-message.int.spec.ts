import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, exchangeAt, type ShownExchange } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { alarmsOf } from '../fake-hub/case.fixture.js';
import { eventually, TestAgent } from '../fake-hub/test-agent.fixture.js';

describe('the outbox', () => {
  let hub: FakeHub;
  let agent: TestAgent;

  beforeAll(async () => {
    hub = await FakeHub.start();
    // The holder opens nothing by itself: these exchanges stay where their request has come.
    agent = await TestAgent.start(hub, [
      { id: 'K-235' },
      { id: 'H-03', pseudonymKeyFrom: ['K-235'], opening: 'by-hand' },
    ]);
    await agent.onboardAll();
  });
  afterAll(async () => {
    await agent?.close();
    await hub?.close();
  });

  const postsOf = (messageId: string | undefined): number =>
    hub.posts.filter((post) => post.includes(messageId ?? '')).length;
  const exchange = (id: string, wished: (shown: ShownExchange) => boolean): Promise<ShownExchange> =>
    exchangeAt(agent, 'K-235', id, wished);
  const accepted = (id: string): Promise<ShownExchange> => exchange(id, ({ stage }) => stage === 'accepted');

  it('closes a message when the log’s receipt for its acceptance is there, and tells the index', async () => {
    const { messages } = await accepted(await ask(agent, 'H-03', [11]));
    const held = [...hub.messages.values()].find(
      ({ manifest }) => manifest.context.messageId === messages[0]?.messageId,
    );
    expect(held).toBeDefined();
    expect(messages[0]).toMatchObject({
      direction: 'sent',
      state: 'accepted',
      leafIndex: expect.any(Number) as unknown,
    });
  });

  it('posts again what was taken and not accepted', async () => {
    hub.loseMessages = 1;
    const { messages } = await accepted(await ask(agent, 'H-03', [11]));
    expect(postsOf(messages[0]?.messageId)).toBeGreaterThan(1);
  });

  it('waits as long as the hub says when it is not ready', async () => {
    hub.postFailures.push({ status: 503, code: 'UNAVAILABLE', retryAfter: 2 });
    const asked = Date.now();
    const { messages } = await accepted(await ask(agent, 'H-03', [11]));
    expect(Date.now() - asked).toBeGreaterThanOrEqual(1_900);
    expect(postsOf(messages[0]?.messageId)).toBe(2);
  });

  it('goes on after the process was started again', async () => {
    hub.postFailures.push({ status: 503, code: 'UNAVAILABLE', retryAfter: 1 });
    const exchangeId = await ask(agent, 'H-03', [11]);
    await agent.restart();
    await accepted(exchangeId);
  });

  it('does not repeat what was refused for good, and says why', async () => {
    hub.postFailures.push({ status: 403, code: 'CATEGORY_NOT_HELD' });
    const exchangeId = await ask(agent, 'H-03', [11]);
    const { messages } = await exchange(exchangeId, (shown) => shown.messages[0]?.state === 'refused');
    expect(messages[0]).toMatchObject({ code: 'CATEGORY_NOT_HELD' });
    await accepted(await ask(agent, 'H-03', [11]));
    expect(postsOf(messages[0]?.messageId)).toBe(1);
  });

  it('closes a message as rejected on a signed notice with the receipt of the rejection', async () => {
    hub.rejectNext = 'DEADLINE_INVALID';
    const exchangeId = await ask(agent, 'H-03', [11]);
    const rejected = await exchange(exchangeId, ({ state }) => state === 'rejected');
    expect(rejected).toMatchObject({ code: 'DEADLINE_INVALID', messages: [{ state: 'rejected' }] });
  });

  it.each([
    ['with the receipt of another message', 'other-receipt', 'LEAF_MISMATCH'],
    ['with the receipt of a rejection', 'rejection-receipt', 'LEAF_MISMATCH'],
    ['without a receipt', 'no-receipt', 'RECEIPT_INVALID'],
    ['signed by another key', 'other-key', 'SIGNATURE_INVALID'],
  ] as const)('believes no word of acceptance %s', async (_name, fault, code) => {
    hub.faultyNotice = fault;
    const exchangeId = await ask(agent, 'H-03', [11]);
    await eventually('the alarm', async () => (await alarmsOf(agent, 'K-235')).find((alarm) => alarm.code === code));
    const { messages } = await exchange(exchangeId, ({ messages: sent }) => sent.length === 1);
    expect(messages[0]?.state).toBe('submitted');
  });
});
