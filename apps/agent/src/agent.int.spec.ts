import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, client, exchangeAt, officer, requestAt, type ShownExchange } from './fake-hub/case.fixture.js';
import { FakeHub } from './fake-hub/fake-hub.fixture.js';
import { bodyOf, eventually, TestAgent } from './fake-hub/test-agent.fixture.js';

interface Listed {
  readonly exchanges: readonly { readonly exchangeId: string; readonly openedBy: string; readonly state: string }[];
}

describe('one agent that serves several agencies', () => {
  let hub: FakeHub;
  let agent: TestAgent;

  beforeAll(async () => {
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [
      { id: 'K-235' },
      { id: 'H-03', pseudonymKeyFrom: ['K-235'] },
      { id: 'T-01', pseudonymKeyFrom: ['K-235'] },
    ]);
    await agent.onboardAll();
  });
  afterAll(async () => {
    await agent?.close();
    await hub?.close();
  });

  it('asks as few parties as the directory allows, with the basis chosen by category', async () => {
    hub.routes.set('social-welfare', 'H-03');
    hub.routes.set('housing', 'K-235');
    const { exchanges } = await bodyOf<{ exchanges: { recipient: string; categories: number[]; basis: object[] }[] }>(
      agent.system('K-235').post('/v1/requests', {
        client,
        categories: [11, 13],
        purpose: 'plan',
        necessity: 'Suunnitelman laatiminen',
        caseNumber: 'KAU/2/2026',
        officer,
        municipality: '235',
      }),
    );
    // Housing is routed to the asker itself, so it goes along to the county, which may have a copy.
    expect(exchanges).toMatchObject([
      {
        recipient: 'H-03',
        categories: [11, 13],
        basis: [{ categories: [11, 13], secrecyLift: { statute: { id: '681/2023-87' } } }],
      },
    ]);
  });

  it('asks nobody when a category is answered by nobody', async () => {
    const { code } = await bodyOf<{ code: string }>(
      agent.system('K-235').post('/v1/requests', {
        client,
        categories: [9],
        purpose: 'plan',
        necessity: 'Suunnitelman laatiminen',
        caseNumber: 'KAU/3/2026',
        officer,
      }),
    );
    expect(code).toBe('ROUTE_UNKNOWN');
  });

  it('shows an exchange to its parties and not to the other agencies that it serves', async () => {
    const exchangeId = await ask(agent, 'H-03', [11]);
    await requestAt(agent, 'H-03', exchangeId);
    await agent.system('T-01').get(`/v1/exchanges/${exchangeId}`).expect(404);
    const { exchanges } = await bodyOf<Listed>(agent.system('T-01').get('/v1/exchanges'));
    expect(exchanges.map((exchange) => exchange.exchangeId)).not.toContain(exchangeId);
  });

  it('brings a referral with what goes along', async () => {
    const referred = await bodyOf<{ exchangeId: string }>(
      agent
        .system('T-01')
        .post('/v1/referrals', {
          client,
          recipient: 'K-235',
          purpose: 'guidance',
          reason: 'Asiakas siirtyy kunnan palveluihin.',
          caseNumber: 'TE/9/2026',
          officer,
          items: [{ category: 5, content: { skills: [{ language: 'fi', level: 'A2' }] } }],
        })
        .expect(202),
    );
    const received: ShownExchange = await exchangeAt(
      agent,
      'K-235',
      referred.exchangeId,
      ({ state }) => state === 'informed',
    );
    expect(received.messages[0]?.content).toMatchObject({
      type: 'referral',
      reason: 'Asiakas siirtyy kunnan palveluihin.',
      items: [{ category: 5, outcome: 'given' }],
    });
  });

  it('records a consent, finds it by the person and rests a request on it', async () => {
    const recorded = await bodyOf<{ consentId: string; state: string }>(
      agent.system('K-235').post('/v1/consents', {
        client,
        disclosers: ['H-03'],
        categories: [12],
        purposes: ['plan'],
        validUntil: '2027-06-30T21:00:00Z',
        method: 'written',
        language: 'ar',
        noticeVersion: '2026-1',
        interpreter: true,
        evidence: 'Suostumuslomake 17',
      }),
    );
    expect(recorded.state).toBe('recorded');
    const { consents } = await bodyOf<{ consents: object[] }>(
      agent.system('H-03').post('/v1/consents/search', { client }),
    );
    expect(consents).toMatchObject([{ consentId: recorded.consentId, state: 'active', categories: [12] }]);

    const { exchanges } = await bodyOf<{ exchanges: { basis: object[] }[] }>(
      agent.system('K-235').post('/v1/requests', {
        client,
        categories: [12],
        purpose: 'plan',
        necessity: 'Suunnitelman laatiminen',
        caseNumber: 'KAU/4/2026',
        officer,
        recipient: 'H-03',
      }),
    );
    expect(exchanges[0]?.basis).toMatchObject([{ secrecyLift: { consent: { id: recorded.consentId, version: 1 } } }]);
  });

  it('tells the hub a salted hash of the evidence, and the evidence to nobody', () => {
    const [consent] = [...hub.consents.values()];
    expect(consent?.record.evidenceHash).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(consent?.token).not.toMatch(Buffer.from('Suostumuslomake').toString('base64url'));
  });

  it('gives an answer that the hub refused back to a person', async () => {
    const exchangeId = await ask(agent, 'H-03', [11]);
    const { messageId } = await requestAt(agent, 'H-03', exchangeId);
    const items = [{ category: 11, outcome: 'no-record' }];
    hub.rejectNext = 'CONSENT_WITHDRAWN';
    await agent.system('H-03').post(`/v1/inbox/${messageId}/answer`, { person: officer, items }).expect(200);
    await eventually('it is due again', async () => {
      const mail = await bodyOf<{ reply?: string; draft: { state: string }[] }>(
        agent.system('H-03').get(`/v1/inbox/${messageId}`),
      );
      return mail.reply === 'due' && mail.draft[0]?.state === 'waiting' ? true : undefined;
    });
    const refusals = [{ reason: 'consent-withdrawn' }];
    await agent.system('H-03').post(`/v1/inbox/${messageId}/refuse`, { person: officer, refusals }).expect(200);
    await exchangeAt(agent, 'K-235', exchangeId, ({ state }) => state === 'refused');
  });
});
