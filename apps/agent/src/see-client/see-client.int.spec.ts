import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ConsentId } from '#kernel';
import { ask, client, exchangeAt, officer, requestAt } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { bodyOf, TestAgent } from '../fake-hub/test-agent.fixture.js';

interface Item {
  readonly content: Record<string, unknown>;
  readonly clients: Record<string, unknown>[];
  readonly consentEvidence?: { proves: string; evidence?: { shows: string; witness?: object }; collectedBy?: string }[];
}

const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();
const child = { type: 'henkilotunnus', value: '010117A900V', name: 'Lapsi Testi' };
const father = { type: 'provisional', value: 'ISA-1', name: 'Isä Testi' };
const mother = { type: 'provisional', value: 'AITI-1', name: 'Äiti Testi' };

describe('what a consent brings along, and what the client sees of it', () => {
  let hub: FakeHub;
  let agent: TestAgent;
  let consentId: ConsentId;
  let exchangeId: string;

  const post = <T>(agency: string, path: string, body: object): Promise<T & { code?: string }> =>
    bodyOf(agent.system(agency).post(path, body));
  const agree = async (more: object = {}, evidence = 'Lomake 17'): Promise<ConsentId> => {
    const proposal = await post<{ consentId: ConsentId }>('K-235', '/v1/consents/proposals', {
      client,
      wanted: [{ category: 12, disclosers: ['H-03'], recipients: ['K-235'] }],
      purposes: ['plan'],
      uses: { kind: 'repeated' },
      validUntil: inDays(100),
      language: 'ar',
      officer,
      ...more,
    });
    await post('K-235', `/v1/consents/proposals/${proposal.consentId}/answer`, {
      answers: [{ category: 12, recipient: 'K-235', yes: true }],
      method: 'written',
      witness: officer,
      interpreter: { name: 'Tulkki 4711' },
      evidence,
      officer,
    });
    return proposal.consentId;
  };
  const mail = async (id: string): Promise<Item> => {
    const { messageId } = await requestAt(agent, 'H-03', id);
    return bodyOf<Item>(agent.system('H-03').get(`/v1/inbox/${messageId}`));
  };
  const answer = async (id: string, items: object[]): Promise<{ code?: string }> => {
    const { messageId } = await requestAt(agent, 'H-03', id);
    return post('H-03', `/v1/inbox/${messageId}/answer`, { person: officer, items });
  };
  const limits = { category: 12, outcome: 'given', content: { interpreterNeeded: true } };

  beforeAll(async () => {
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [{ id: 'K-235' }, { id: 'H-03', pseudonymKeyFrom: ['K-235'] }]);
    await agent.onboardAll();
    consentId = await agree();
    exchangeId = await ask(agent, 'H-03', [12]);
  });
  afterAll(async () => {
    await agent?.close();
    await hub?.close();
  });

  it('the discloser sees the evidence, checked against the record as its collector signed it', async () => {
    expect((await mail(exchangeId)).consentEvidence).toMatchObject([
      {
        proves: 'yes',
        collectedBy: 'K-235',
        evidence: { shows: 'Lomake 17', interpreter: 'Tulkki 4711', witness: { name: officer.name }, language: 'ar' },
      },
    ]);
  });

  it('evidence of another consent proves nothing', async () => {
    const other = await agree({}, 'Lomake 18');
    const known = hub.consents.get(consentId)!;
    const foreign = hub.consents.get(other)!;
    hub.consents.set(consentId, { ...known, record: foreign.record, token: foreign.token });
    const evidence = (await mail(exchangeId)).consentEvidence;
    hub.consents.set(consentId, known);
    expect(evidence?.map(({ proves }) => proves)).toEqual(['no']);
    await post('K-235', `/v1/consents/${other}/withdraw`, { officer });
  });

  it('the evidence stands in nothing that the hub has', () => {
    const seen = JSON.stringify([...hub.consents.values(), ...[...hub.messages.values()].map(({ token }) => token)]);
    expect(seen).not.toMatch(/Lomake|4711/);
  });

  it('the client sees the consent, who asked, what was given, who opened it, and how to withdraw', async () => {
    await answer(exchangeId, [limits]);
    await exchangeAt(agent, 'K-235', exchangeId, ({ state }) => state === 'answered');
    const view = await post<Record<string, object[]>>('K-235', '/v1/clients/view', { client });
    expect(view).toMatchObject({
      asked: [{ exchangeId, asker: 'K-235', holder: 'H-03', state: 'answered' }],
      disclosures: [{ exchangeId, from: 'H-03', to: 'K-235', categories: [12], basis: 'consent' }],
      namesWithheld: false,
    });
    expect(view['consents']).toContainEqual(
      expect.objectContaining({ consentId, state: 'active', withdraw: `/v1/consents/${consentId}/withdraw` }),
    );
    expect(view['disclosures']?.[0]).toHaveProperty('openedAt');
    const { looks } = await bodyOf<{ looks: object[] }>(agent.system('K-235').get(`/v1/exchanges/${exchangeId}/looks`));
    expect(looks).toContainEqual(expect.objectContaining({ what: 'client view' }));
  });

  it('a client of whom this agency knows nothing sees nothing', async () => {
    const somebody = { type: 'provisional', value: 'JOKU-9' };
    expect(await post('K-235', '/v1/clients/view', { client: somebody })).toEqual({
      consents: [],
      proposals: [],
      asked: [],
      disclosures: [],
      namesWithheld: false,
    });
  });

  it('the same is one page in the client’s language', async () => {
    const { text, headers } = await agent
      .system('K-235')
      .post('/v1/clients/view/page', { client, language: 'ar' })
      .expect(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(text).toContain('<html lang="ar" dir="rtl">');
    expect(text).toContain('Länsi-Uudenmaan hyvinvointialue');
    expect(text).toContain(consentId.slice(-8));
  });

  it('what was asked and what was agreed to are pages too, kept from other agencies', async () => {
    const { text } = await agent.system('K-235').get(`/v1/consents/${consentId}/page`).expect(200);
    expect(text).toContain('<html lang="ar" dir="rtl">');
    await agent.system('K-235').get(`/v1/consents/proposals/${consentId}/page`).expect(200);
    await agent.system('H-03').get(`/v1/consents/${consentId}/page`).expect(404);
  });

  it('a consent is exported and imported again, verified by its collector’s key in the log', async () => {
    const as = (format: string): Promise<{ token?: string; document?: Record<string, unknown> }> =>
      bodyOf(agent.system('K-235').get(`/v1/consents/${consentId}/export?format=${format}`));
    const [jws, ld] = [await as('jws'), await as('json-ld')];
    const imported = { consentId, version: 1, collectingAgency: 'K-235', kept: true };
    expect(await post('H-03', '/v1/consents/import', jws)).toEqual(imported);
    expect(await post('H-03', '/v1/consents/import', ld)).toEqual(imported);
    const changed = { document: { ...ld.document, 'dct:hasVersion': 2 } };
    expect((await post('H-03', '/v1/consents/import', changed)).code).toBe('HASH_MISMATCH');
    const other = (await as('jws')).token?.replace(/.{4}$/, (end) => (end === 'AAAA' ? 'BBBA' : 'AAAA'));
    expect((await post('H-03', '/v1/consents/import', { token: other })).code).toBe('SIGNATURE_INVALID');
    expect((await post('H-03', '/v1/consents/import', {})).code).toBe('MALFORMED');
  });

  it('a check beforehand tells all reasons and where to look first, and sends nothing', async () => {
    const before = hub.messages.size;
    const question = {
      client,
      categories: [12],
      purpose: 'plan',
      necessity: 'Suunnitelma',
      caseNumber: 'KAU/8/2026',
      officer,
      recipient: 'H-03',
    };
    hub.basisAnswer = {
      allowed: false,
      reasons: [{ code: 'CONSENT_USED_UP', rule: 'uses-left' }],
      consentNeedless: false,
    };
    const { exchanges } = await post<{ exchanges: object[] }>('K-235', '/v1/requests/check', question);
    expect(exchanges).toMatchObject([
      { recipient: 'H-03', allowed: false, reasons: [{ code: 'CONSENT_USED_UP', rule: 'uses-left' }] },
    ]);
    const noBasis = { ...question, client: mother };
    expect((await post<{ exchanges: object[] }>('K-235', '/v1/requests/check', noBasis)).exchanges).toMatchObject([
      { allowed: false, reasons: [{ code: 'NO_BASIS', category: 12 }], basis: [] },
    ]);
    hub.basisAnswer = { allowed: true, reasons: [], consentNeedless: false };
    const wrong = { ...question, categories: [9] };
    expect((await post<{ exchanges: object[] }>('K-235', '/v1/requests/check', wrong)).exchanges).toMatchObject([
      { allowed: false, reasons: expect.arrayContaining([expect.objectContaining({ code: 'CATEGORY_NOT_HELD' })]) },
    ]);
    expect(hub.messages.size).toBe(before);
  });

  it('the county is heard about an agreement, naming nobody', async () => {
    const { exchanges } = await post<{ exchanges: { exchangeId: string }[] }>('K-235', '/v1/consultations', {
      necessity: 'Kuntapaikkasopimus',
      caseNumber: 'KAU/9/2026',
      officer,
      recipient: 'H-03',
    });
    const item = await mail(exchanges[0]?.exchangeId ?? '');
    expect(item.clients).toEqual([]);
    const held = [...hub.messages.values()].find(
      ({ manifest }) => manifest.context.exchangeId === exchanges[0]?.exchangeId,
    );
    expect(held?.manifest.context).toMatchObject({
      kind: 'consultation',
      purpose: 'consultation',
      subjects: [],
      categories: [15],
      urgency: 'consultation',
    });
  });

  it('a client’s own request rests on the client’s right, to be answered in a month', async () => {
    const { exchanges } = await post<{ exchanges: { exchangeId: string; basis: object[] }[] }>(
      'K-235',
      '/v1/own-requests',
      { client, categories: [12], identifiedBy: 'Passi', caseNumber: 'KAU/10/2026', officer, recipient: 'H-03' },
    );
    expect(exchanges[0]?.basis).toMatchObject([{ secrecyLift: { statute: { id: '2016/679-15' } } }]);
    await mail(exchanges[0]?.exchangeId ?? '');
    const held = [...hub.messages.values()].find(
      ({ manifest }) => manifest.context.exchangeId === exchanges[0]?.exchangeId,
    );
    expect(held?.manifest.context).toMatchObject({ kind: 'request', purpose: 'own-request' });
    expect(held?.manifest.context.deadline).toBeDefined();
  });

  describe('of a client with a turvakielto', () => {
    const person = { ...mother, protected: true };

    it('the mark travels inside the sealed part and nowhere else', async () => {
      const id = await ask(agent, 'H-03', [1], { client: person });
      const { messageId } = await requestAt(agent, 'H-03', id);
      const item = {
        category: 1,
        outcome: 'given',
        content: { name: { family: 'Testi', given: 'Äiti' }, contactAddress: { street: 'Katu 1' } },
      };
      const refused = await post('H-03', `/v1/inbox/${messageId}/answer`, { person: officer, items: [item] });
      expect(refused.code).toBe('CLIENT_PROTECTED');
      const held = [...hub.messages.values()].find(({ manifest }) => manifest.context.exchangeId === id);
      expect(JSON.stringify(held?.manifest.context)).not.toMatch(/protected/);
      await post('H-03', `/v1/inbox/${messageId}/refuse`, {
        person: officer,
        refusals: [{ reason: 'legal-impediment' }],
      });
    });

    it('it goes along from then on, whoever names the client, until it is taken away', async () => {
      const id = await ask(agent, 'H-03', [1], { client: mother });
      const address = {
        category: 1,
        outcome: 'given',
        content: { name: { family: 'Testi', given: 'Äiti' }, contactAddress: { street: 'Katu 1' } },
      };
      expect((await answer(id, [address])).code).toBe('CLIENT_PROTECTED');
      const taken = await post('H-03', '/v1/clients/protection', { client: mother, protected: false });
      expect(taken).toEqual({ protected: false });
      expect((await answer(id, [address])).code).toBeUndefined();
    });

    it('names of agencies are withheld from the other custodian in view and page', async () => {
      const verifiedAt = inDays(-1);
      const id = await agree({
        client: { ...child, protected: true },
        custody: 'joint',
        deciders: [
          { role: 'custodian', person: mother, verifiedAt, namesWithheld: false },
          { role: 'custodian', person: father, verifiedAt },
        ],
      });
      expect(hub.consents.get(id)?.record.deciders.map(({ namesWithheld }) => namesWithheld)).toEqual([false, true]);
      const page = async (query: string): Promise<string> =>
        (await agent.system('K-235').get(`/v1/consents/${id}/page${query}`).expect(200)).text;
      expect(await page('?decider=0')).toContain('Kauniainen');
      expect(await page('?decider=1')).not.toMatch(/Kauniainen|Uudenmaan|Aino/);
      expect(await page('')).not.toMatch(/Kauniainen|Uudenmaan|Aino/);
      const view = await post<{ namesWithheld: boolean }>('K-235', '/v1/clients/view', {
        client: child,
        reader: father,
      });
      expect(view.namesWithheld).toBe(true);
      expect(JSON.stringify(view)).not.toMatch(/K-235|H-03/);
    });
  });
});
