import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateSigningKey, readStatement, signStatement, type SubjectLink } from '#envelope';
import { agencyId, newEventId, numericDate, type Pseudonym, unwrap } from '#kernel';
import { createTestDatabase, type TestDatabase, testStack } from '#testing';
import { ask, client, mailOf, officer } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { bodyOf, eventually, TestAgent } from '../fake-hub/test-agent.fixture.js';

interface Shown {
  readonly consents: { readonly consentId: string; readonly state: string }[];
}

const former = { type: 'migri-customer', value: '900900' };
const somebodyElse = { type: 'henkilotunnus', value: '010190-901R' };
const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();

describe('a later identity code that was joined to an earlier number', () => {
  let hub: FakeHub;
  let agent: TestAgent;
  let register: TestDatabase;
  let folder: string;
  let consentId: string;

  const collect = async (whom: object, category: number): Promise<string> => {
    const wish = {
      client: whom,
      standing: 'adult',
      categories: [category],
      disclosers: ['H-03'],
      purposes: ['plan'],
      validUntil: inDays(100),
      method: 'written',
      language: 'fi',
      noticeVersion: '2026-1',
      interpreter: false,
      evidence: 'Lomake 17',
      officer,
    };
    const { consentId: id } = await bodyOf<{ consentId: string }>(
      agent.system('K-235').post('/v1/consents', wish).expect(201),
    );
    return id;
  };
  /** What a request about this person would rest on. */
  const basisFor = async (whom: object, category = 12): Promise<unknown> => {
    const answer = await agent.system('K-235').post('/v1/requests/check', {
      client: whom,
      categories: [category],
      purpose: 'plan',
      necessity: 'Suunnitelman laatiminen',
      caseNumber: 'KAU/1/2026',
      officer,
      recipient: 'H-03',
    });
    const { exchanges } = answer.body as { exchanges: { basis: { secrecyLift: object }[] }[] };
    return exchanges[0]?.basis[0]?.secrecyLift;
  };
  const seenBy = async (agency: string, whom: object): Promise<string[]> =>
    (await bodyOf<Shown>(agent.system(agency).post('/v1/clients/view', { client: whom }).expect(200))).consents.map(
      (consent) => consent.consentId,
    );
  const pseudonymIn = (id: string): Pseudonym => hub.consents.get(id)?.record.subject as Pseudonym;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'registers-'));
    register = await createTestDatabase(testStack().agenciesDatabaseUrl);
    await writeFile(join(folder, 'register-url'), register.url);
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [
      { id: 'K-235' },
      {
        id: 'H-03',
        pseudonymKeyFrom: ['K-235'],
        adapters: [
          {
            kind: 'sql',
            categories: [12],
            autoSend: false,
            source: 'Asiakasrekisteri',
            databaseUrlFile: join(folder, 'register-url'),
            queries: {
              '12': { text: `SELECT true AS "interpreterNeeded" WHERE $1 <> ''`, parameters: ['identifier'] },
            },
          },
        ],
      },
    ]);
    await agent.onboardAll();
    consentId = await collect(former, 12);
  });
  afterAll(async () => {
    await agent?.close();
    await hub?.close();
    await register?.drop();
    await rm(folder, { recursive: true, force: true });
  });

  it('finds no consent under the later one before anybody has joined them', async () => {
    expect(await basisFor(client)).toBeUndefined();
    expect(await seenBy('K-235', client)).toEqual([]);
  });

  it('never takes the hub’s own word for it', async () => {
    const other = await collect(somebodyElse, 12);
    const asked = new Set<string>();
    hub.ownWord.push({ subject: pseudonymIn(other), earlier: pseudonymIn(consentId) });
    for (const agency of ['K-235', 'H-03']) for (const id of await seenBy(agency, former)) asked.add(id);
    expect([...asked]).toEqual([consentId]);
    expect(await basisFor(somebodyElse)).toEqual({ consent: { id: other, version: 1 } });

    const forged: SubjectLink = {
      v: 1,
      ...hub.ownWord[0]!,
      agency: agencyId('K-235'),
      worker: 'w-1',
      jti: newEventId(),
      iat: numericDate(new Date()),
    };
    hub.linkTokens.push(await signStatement('subject-link', forged, await generateSigningKey()));
    expect(await seenBy('K-235', former)).toEqual([consentId]);
    hub.ownWord.length = 0;
    hub.linkTokens.length = 0;
  });

  describe('once the agency has told it', () => {
    beforeAll(async () => {
      const told = agent.system('K-235').post('/v1/clients/links', { client, earlier: former, officer });
      expect(await bodyOf(told.expect(200))).toEqual({ state: 'told' });
    });

    it('rests what is asked under the later one on the consent given under the earlier', async () => {
      expect(await basisFor(client)).toEqual({ consent: { id: consentId, version: 1 } });
    });

    it('is one person for the discloser: its register is asked, and the evidence proves the consent', async () => {
      const exchangeId = await ask(agent, 'H-03', [12]);
      const { messageId } = await mailOf(agent, 'H-03', exchangeId, ({ reply }) => reply === 'due');
      const draft = await eventually('a draft', async () => {
        const shown = await bodyOf<{ draft: { state: string }[] }>(agent.system('H-03').get(`/v1/inbox/${messageId}`));
        return shown.draft.every(({ state }) => state !== 'asking') ? shown.draft : undefined;
      });
      expect(draft).toMatchObject([
        { category: 12, draft: { outcome: 'given', content: { interpreterNeeded: true } } },
      ]);
      const mail = await bodyOf<{ consentEvidence: object[] }>(agent.system('H-03').get(`/v1/inbox/${messageId}`));
      expect(mail.consentEvidence).toMatchObject([{ consentId, proves: 'yes' }]);
    });

    it('is shown with everything under either, at every agency that is a party', async () => {
      for (const agency of ['K-235', 'H-03'])
        for (const whom of [client, former]) expect(await seenBy(agency, whom)).toEqual([consentId]);
      const found = agent.system('H-03').post('/v1/consents/search', { client }).expect(200);
      expect((await bodyOf<Shown>(found)).consents).toMatchObject([{ consentId, state: 'active' }]);
    });

    it('goes in both directions: a consent given under the later one holds under the earlier', async () => {
      const later = await collect(client, 14);
      expect(await basisFor(former, 14)).toEqual({ consent: { id: later, version: 1 } });
    });

    it('is still one person while the hub tells nothing', async () => {
      hub.consentsDown = true;
      const exchangeId = await ask(agent, 'H-03', [12]);
      hub.consentsDown = false;
      const asked = await eventually('the request at the hub', () =>
        [...hub.messages.values()].find(({ manifest }) => manifest.context.exchangeId === exchangeId),
      );
      expect(asked.manifest.context.basis).toMatchObject([{ secrecyLift: { consent: { id: consentId } } }]);
    });

    it('carries a turvakielto over to the other number', async () => {
      const father = { type: 'provisional', value: 'ISA-7' };
      const [one, other] = [
        { type: 'provisional', value: 'OSKU-1' },
        { type: 'provisional', value: 'OSKU-2' },
      ];
      await agent.system('K-235').post('/v1/clients/protection', { client: one, protected: true }).expect(200);
      await agent.system('K-235').post('/v1/clients/links', { client: other, earlier: one, officer }).expect(200);
      const view = agent.system('K-235').post('/v1/clients/view', { client: other, reader: father });
      expect(await bodyOf(view)).toMatchObject({ namesWithheld: true });
    });
  });

  it('was told in a statement that names nobody', () => {
    const [token] = hub.linkTokens;
    expect(JSON.stringify(unwrap(readStatement('subject-link', token ?? '')).payload)).not.toMatch(/900/);
  });
});
