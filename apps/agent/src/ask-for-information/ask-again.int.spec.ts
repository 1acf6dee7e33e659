import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ErrorCode } from '#kernel';
import { ask, client, exchangeAt, officer, requestAt } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { bodyOf, eventually, TestAgent } from '../fake-hub/test-agent.fixture.js';

describe('a request whose consent is replaced by a newer version while it is under way', () => {
  let hub: FakeHub;
  let agent: TestAgent;
  let consentId: string;

  const record = async (changes: object = {}): Promise<string> => {
    const wish = {
      client,
      disclosers: ['H-03'],
      categories: [12],
      purposes: ['plan'],
      validUntil: new Date(Date.now() + 90 * 86_400_000).toISOString(),
      method: 'written',
      language: 'fi',
      noticeVersion: '2026-1',
      ...changes,
    };
    const recorded = agent.system('K-235').post('/v1/consents', wish).expect(201);
    return (await bodyOf<{ consentId: string }>(recorded)).consentId;
  };
  const heldOf = (exchangeId: string) => {
    const held = [...hub.messages.values()].filter(({ manifest }) => manifest.context.exchangeId === exchangeId);
    return eventually('the message at the hub', () => held[0] ?? undefined);
  };
  /** Exchange ends what nobody opened, and tells the sender why. */
  const end = async (exchangeId: string, code: ErrorCode): Promise<void> => {
    const { manifest } = await heldOf(exchangeId);
    const leaf = hub.appendAbout('message-withdrawn', manifest, { code });
    hub.deliver('K-235', { notice: await hub.notice('withdrawn', manifest, leaf, code) });
    await exchangeAt(agent, 'K-235', exchangeId, ({ state }) => state === 'withdrawn');
  };
  const asked = async (): Promise<string> => {
    const exchangeId = await ask(agent, 'H-03', [12]);
    await requestAt(agent, 'H-03', exchangeId);
    return exchangeId;
  };

  beforeAll(async () => {
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [{ id: 'K-235' }, { id: 'H-03', pseudonymKeyFrom: ['K-235'] }]);
    await agent.onboardAll();
    consentId = await record();
  });
  afterAll(async () => {
    await agent?.close();
    await hub?.close();
  });

  it('is asked again by itself on the newest version, once, and linked', async () => {
    const exchangeId = await asked();
    await record({ consentId });
    await end(exchangeId, 'CONSENT_SUPERSEDED');
    const { forwardedTo, code } = await exchangeAt(agent, 'K-235', exchangeId, (shown) => Boolean(shown.forwardedTo));
    expect(code).toBe('CONSENT_SUPERSEDED');
    await requestAt(agent, 'H-03', forwardedTo ?? '');
    const { manifest } = await heldOf(forwardedTo ?? '');
    expect(manifest.context.basis).toMatchObject([{ secrecyLift: { consent: { id: consentId, version: 2 } } }]);

    await agent.restart();
    const later = await asked();
    const requests = [...hub.messages.values()].filter(({ manifest: { context } }) => context.kind === 'request');
    expect(requests.map(({ manifest: { context } }) => context.exchangeId)).toEqual([exchangeId, forwardedTo, later]);
  });

  it('is not asked again where its consent was withdrawn', async () => {
    const exchangeId = await asked();
    await end(exchangeId, 'CONSENT_WITHDRAWN');
    const later = await asked();
    expect((await exchangeAt(agent, 'K-235', exchangeId, () => true)).forwardedTo).toBeUndefined();
    const last = [...hub.messages.values()].at(-1);
    expect(last?.manifest.context.exchangeId).toBe(later);
  });

  it('stays ended where the newest version does not cover it', async () => {
    const exchangeId = await asked();
    await record({ consentId, categories: [14] });
    await end(exchangeId, 'CONSENT_SUPERSEDED');
    const refused = agent.system('K-235').post('/v1/requests', {
      client,
      categories: [12],
      purpose: 'plan',
      necessity: 'Suunnitelman laatiminen',
      caseNumber: 'KAU/1/2026',
      officer,
      recipient: 'H-03',
    });
    expect(await bodyOf(refused)).toMatchObject({ code: 'NO_BASIS' });
    expect((await exchangeAt(agent, 'K-235', exchangeId, () => true)).forwardedTo).toBeUndefined();
  });
});
