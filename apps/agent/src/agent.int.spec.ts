import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FakeHub } from './fake-hub/fake-hub.fixture.js';
import { eventually, TestAgent } from './fake-hub/test-agent.fixture.js';

const officer = { name: 'Aino Asiantuntija', title: 'kotoutumisasiantuntija', unit: 'Kotoutumispalvelut' };
const client = { type: 'henkilotunnus', value: '010190-900P', name: 'Testi Henkilö' };

interface Summary {
  messageId: string;
  exchangeId: string;
  kind: string;
  state: string;
  reply?: string;
}

describe('a request and its answer', () => {
  let hub: FakeHub;
  let agent: TestAgent;

  beforeAll(async () => {
    hub = await FakeHub.start();
    hub.routes.set('social-welfare', 'H-03');
    agent = await TestAgent.start(hub, [
      { id: 'K-235' },
      { id: 'H-03', pseudonymKeyFrom: ['K-235'], refusalWindow: { afterSeconds: 0, everySeconds: 1 } },
    ]);
    for (const id of ['K-235', 'H-03']) await agent.onboard(id);
    await agent.system('K-235').post('/v1/onboarding/pseudonym-key').expect(201);
    await agent.system('K-235').post('/v1/onboarding/pseudonym-key/share', { agency: 'H-03' }).expect(202);
    await eventually('the pseudonym key at H-03', async () => {
      const { body } = await agent.system('H-03').get('/v1/keys');
      return (body as { keys: { use: string }[] }).keys.some(({ use }) => use === 'pseudonym') ? true : undefined;
    });
  });
  afterAll(async () => {
    await agent?.close();
    await hub?.close();
  });

  it('is answered in part by hand, and the asker reads what the holder gave', async () => {
    const asked = await agent
      .system('K-235')
      .post('/v1/requests', {
        client,
        categories: [11, 13],
        purpose: 'plan',
        necessity: 'Suunnitelman laatiminen',
        caseNumber: 'KAU/1/2026',
        officer,
        municipality: '235',
        duty: 'social-welfare',
      })
      .expect(202);
    const { exchanges } = asked.body as { exchanges: { exchangeId: string; recipient: string }[] };
    expect(exchanges).toHaveLength(1);
    const exchangeId = exchanges[0]?.exchangeId ?? '';

    const waiting = await eventually('the request at H-03', async () => {
      const { body } = await agent.system('H-03').get('/v1/inbox');
      return (body as { messages: Summary[] }).messages.find((m) => m.exchangeId === exchangeId && m.reply === 'due');
    });
    await agent
      .system('H-03')
      .post(`/v1/inbox/${waiting.messageId}/answer`, {
        person: officer,
        items: [{ category: 11, outcome: 'given', content: { client: false } }],
      })
      .expect(200);
    await agent
      .system('H-03')
      .post(`/v1/inbox/${waiting.messageId}/refuse`, {
        person: officer,
        refusals: [{ category: 13, reason: 'too-broad' }],
      })
      .expect(200);

    const answered = await eventually('the answer at K-235', async () => {
      const { body } = await agent.system('K-235').get(`/v1/exchanges/${exchangeId}`);
      return (body as { state: string }).state === 'answered' ? (body as { messages: object[] }) : undefined;
    });
    expect(answered.messages.at(-1)).toMatchObject({
      direction: 'received',
      kind: 'answer',
      state: 'opened',
      content: {
        items: [
          { category: 11, outcome: 'given', content: { client: false } },
          { category: 13, outcome: 'refused', reason: 'too-broad' },
        ],
      },
    });
  });
});
