import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase, type TestDatabase, testStack } from '#testing';
import { ask, client, exchangeAt, mailOf, officer, requestAt, type ShownItem } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { bodyOf, eventually, TestAgent } from '../fake-hub/test-agent.fixture.js';

const WINDOW_S = 3;
const SECRET = 'a shared secret of at least thirty-two bytes';
const unknownClient = { type: 'henkilotunnus', value: '020290-9016' };

interface Draft {
  readonly category: number;
  readonly state: string;
  readonly draft?: { readonly outcome: string; readonly content?: object; readonly reason?: string };
}

/** A benefit register as Kela has one: answers signed calls only. */
class BenefitRegister {
  calls = 0;
  failures = 0;
  private readonly server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      this.calls += 1;
      const body = Buffer.concat(chunks).toString();
      const [, at = '', given = ''] =
        /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(request.headers['kotovayla-signature'])) ?? [];
      const right = createHmac('sha256', SECRET).update(`${at}.${body}`).digest('hex') === given;
      if (!right || this.failures > 0) {
        this.failures -= 1;
        response.writeHead(right ? 500 : 401).end();
        return;
      }
      const asked = JSON.parse(body) as { client: { value: string } };
      const known = asked.client.value === client.value;
      const benefits = [{ benefit: 'labour-market-subsidy', status: 'granted', decisionDate: '2026-10-01' }];
      const item = known
        ? { category: 9, outcome: 'given', content: { benefits } }
        : { category: 9, outcome: 'no-record' };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ items: [item] }));
    });
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/kotovayla`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

describe('drafts', () => {
  let hub: FakeHub;
  let agent: TestAgent;
  let register: TestDatabase;
  let folder: string;
  const benefits = new BenefitRegister();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'registers-'));
    register = await createTestDatabase(testStack().agenciesDatabaseUrl);
    const database = new pg.Client({ connectionString: register.url });
    await database.connect();
    await database.query(`CREATE TABLE asiakas (hetu text PRIMARY KEY, tyontekija text, yksikko text, siirto date)`);
    await database.query('INSERT INTO asiakas VALUES ($1, $2, NULL, $3)', [
      client.value,
      'Sosiaali Työntekijä',
      '2026-05-31',
    ]);
    await database.end();
    await writeFile(join(folder, 'register-url'), register.url);
    await writeFile(join(folder, 'secret'), SECRET);
    const url = await benefits.start();
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [
      { id: 'K-235' },
      {
        id: 'H-03',
        pseudonymKeyFrom: ['K-235'],
        refusalWindow: { afterSeconds: 0, everySeconds: 1 },
        adapters: [
          {
            kind: 'sql',
            categories: [11, 12, 13],
            autoSend: true,
            source: 'Asiakasrekisteri',
            databaseUrlFile: join(folder, 'register-url'),
            queries: {
              '11': {
                text: 'SELECT true AS asiakas, tyontekija, yksikko FROM asiakas WHERE hetu = $1',
                parameters: ['identifier'],
                fields: { client: 'asiakas', ownWorker: 'tyontekija', unit: 'yksikko' },
              },
              '12': {
                text: `DELETE FROM asiakas WHERE hetu = $1 RETURNING true AS "interpreterNeeded"`,
                parameters: ['identifier'],
              },
              '13': {
                text: `SELECT 'rental' AS situation, siirto AS "dateOfMove" FROM asiakas WHERE hetu = $1`,
                parameters: ['identifier'],
              },
            },
          },
        ],
      },
      {
        id: 'H-05',
        pseudonymKeyFrom: ['K-235'],
        refusalWindow: { afterSeconds: 1, everySeconds: WINDOW_S },
        adapters: [
          {
            kind: 'sql',
            categories: [13],
            autoSend: true,
            noRecord: 'not-disclosed',
            databaseUrlFile: join(folder, 'register-url'),
            queries: { '13': { text: `SELECT 'rental' AS situation FROM asiakas WHERE hetu = $1 AND false` } },
          },
        ],
      },
      {
        id: 'L-KELA',
        pseudonymKeyFrom: ['K-235'],
        adapters: [
          {
            kind: 'webhook',
            categories: [9],
            autoSend: true,
            source: 'Etuusrekisteri',
            url,
            secretFile: join(folder, 'secret'),
          },
        ],
      },
    ]);
    await agent.onboardAll();
  });
  afterAll(async () => {
    await agent?.close();
    await hub?.close();
    benefits.stop();
    await register?.drop();
    await rm(folder, { recursive: true, force: true });
  });

  const drafted = async (exchangeId: string): Promise<{ messageId: string; draft: Draft[] }> => {
    const { messageId } = await requestAt(agent, 'H-03', exchangeId);
    const shown = await eventually('a draft', async () => {
      const { draft } = await bodyOf<{ draft: Draft[] }>(agent.system('H-03').get(`/v1/inbox/${messageId}`));
      return draft.every(({ state }) => state !== 'asking') ? draft : undefined;
    });
    return { messageId, draft: shown };
  };
  const answered = async (exchangeId: string): Promise<readonly ShownItem[]> => {
    const { messages } = await exchangeAt(agent, 'K-235', exchangeId, ({ state }) =>
      ['answered', 'refused'].includes(state),
    );
    return messages.at(-1)?.content?.items ?? [];
  };

  it('take the register’s row over as the category’s fields and wait for a person who decides', async () => {
    const exchangeId = await ask(agent, 'H-03', [11]);
    const { messageId, draft } = await drafted(exchangeId);
    expect(draft).toMatchObject([
      { state: 'waiting', draft: { outcome: 'given', content: { client: true, ownWorker: 'Sosiaali Työntekijä' } } },
    ]);
    await agent.system('H-03').post(`/v1/inbox/${messageId}/approve`, { person: officer }).expect(200);
    expect(await answered(exchangeId)).toMatchObject([
      { category: 11, outcome: 'given', content: { client: true, ownWorker: 'Sosiaali Työntekijä' } },
    ]);
  });

  it('cannot be approved by nobody: name, title and unit are needed', async () => {
    const { messageId } = await drafted(await ask(agent, 'H-03', [11]));
    for (const person of [undefined, {}, { name: 'Aino', title: 'sosiaalityöntekijä' }]) {
      const refused = await agent.system('H-03').post(`/v1/inbox/${messageId}/approve`, { person }).expect(400);
      expect((refused.body as { code: string }).code).toBe('MALFORMED');
    }
  });

  it('leave by themselves where adapter and catalogue allow it', async () => {
    const items = await answered(await ask(agent, 'H-03', [13]));
    expect(items).toMatchObject([
      { category: 13, outcome: 'given', content: { situation: 'rental', dateOfMove: '2026-05-31' } },
    ]);
  });

  it('wait as a whole for the category that a person decides; one may be refused with its provision', async () => {
    const exchangeId = await ask(agent, 'H-03', [11, 13]);
    const { messageId, draft } = await drafted(exchangeId);
    expect(draft).toMatchObject([
      { category: 11, state: 'waiting' },
      { category: 13, state: 'decided' },
    ]);
    const refusals = [{ category: 13, reason: 'too-broad' }];
    await agent.system('H-03').post(`/v1/inbox/${messageId}/approve`, { person: officer, refusals }).expect(200);
    expect(await answered(exchangeId)).toMatchObject([
      { category: 11, outcome: 'given' },
      { category: 13, outcome: 'refused', reason: 'too-broad', provisions: ['2016/679-5.1.c'] },
    ]);
  });

  it('say `no-record` about somebody unknown where the basis covers saying so', async () => {
    expect(await answered(await ask(agent, 'H-03', [13], { client: unknownClient }))).toMatchObject([
      { category: 13, outcome: 'no-record', source: 'Asiakasrekisteri' },
    ]);
  });

  it('never change a register: a statement that writes fails and a person answers', async () => {
    const consent = await agent
      .system('K-235')
      .post('/v1/consents', {
        client,
        disclosers: ['H-03'],
        categories: [12],
        purposes: ['plan'],
        validUntil: '2027-06-30T21:00:00Z',
        method: 'written',
        language: 'fi',
        noticeVersion: '1',
      })
      .expect(201);
    const { consentId } = consent.body as { consentId: string };
    const exchangeId = await ask(agent, 'H-03', [12], { consentId });
    const { messageId } = await requestAt(agent, 'H-03', exchangeId);
    await eventually('the adapter failed', async () => {
      const { draft } = await bodyOf<{ draft: { code?: string }[] }>(
        agent.system('H-03').get(`/v1/inbox/${messageId}`),
      );
      return draft[0]?.code === 'ADAPTER_FAILED' ? true : undefined;
    });
    const items = await answered(await ask(agent, 'H-03', [13]));
    expect(items).toMatchObject([{ outcome: 'given' }]);
  });

  it('are refused before any register is asked when the consent was withdrawn, in the words of any refusal', async () => {
    const recorded = await agent.system('K-235').post('/v1/consents', {
      client: unknownClient,
      disclosers: ['H-03'],
      categories: [12],
      purposes: ['plan'],
      validUntil: '2027-06-30T21:00:00Z',
      method: 'written',
      language: 'uk',
      noticeVersion: '1',
    });
    const { consentId } = recorded.body as { consentId: string };
    await agent.system('K-235').post(`/v1/consents/${consentId}/withdraw`, { officer }).expect(200);
    const exchangeId = await ask(agent, 'H-03', [12], { consentId, client: unknownClient });
    const { draft } = await drafted(exchangeId);
    expect(draft).toMatchObject([{ category: 12, draft: { outcome: 'refused', reason: 'consent-withdrawn' } }]);
  });

  it('do not show whether somebody is a client: unknown and refused by hand read alike and leave at the same step', async () => {
    const refusal = async (of: object, decide: (messageId: string) => Promise<unknown>) => {
      const exchangeId = await ask(agent, 'H-05', [13], { client: of });
      const { messageId } = await requestAt(agent, 'H-05', exchangeId);
      await eventually('a draft', async () => {
        const { draft } = await bodyOf<{ draft: Draft[] }>(agent.system('H-05').get(`/v1/inbox/${messageId}`));
        return draft[0]?.state === 'waiting' ? true : undefined;
      });
      await decide(messageId);
      const { messages } = await exchangeAt(agent, 'K-235', exchangeId, ({ state }) => state === 'refused');
      const held = [...hub.messages.values()].findLast(({ manifest }) => manifest.context.exchangeId === exchangeId);
      return { content: messages.at(-1)?.content, step: (held?.manifest.context.iat ?? 0) % WINDOW_S };
    };
    const person = officer;
    const unknown = await refusal(unknownClient, (messageId) =>
      agent.system('H-05').post(`/v1/inbox/${messageId}/approve`, { person }).expect(200),
    );
    const byHand = await refusal(client, (messageId) =>
      agent
        .system('H-05')
        .post(`/v1/inbox/${messageId}/refuse`, { person, refusals: [{ reason: 'not-disclosed' }] })
        .expect(200),
    );
    expect(unknown.content).toEqual(byHand.content);
    // Sealed at a full step of the window, give or take the second in which the work is looked for.
    expect([unknown.step, byHand.step].every((step) => step <= 1)).toBe(true);
  });

  it('come from the agency’s system by a signed call', async () => {
    expect(await answered(await ask(agent, 'L-KELA', [9]))).toMatchObject([
      {
        category: 9,
        outcome: 'given',
        content: { benefits: [{ benefit: 'labour-market-subsidy' }] },
        source: 'Etuusrekisteri',
      },
    ]);
    expect(await answered(await ask(agent, 'L-KELA', [9], { client: unknownClient }))).toMatchObject([
      { category: 9, outcome: 'no-record' },
    ]);
  });

  it('are asked for again when that system fails', async () => {
    benefits.failures = 2;
    const calls = benefits.calls;
    expect(await answered(await ask(agent, 'L-KELA', [9]))).toMatchObject([{ outcome: 'given' }]);
    expect(benefits.calls - calls).toBe(3);
  });

  it('give way to a question back, and the clarified request is answered', async () => {
    const exchangeId = await ask(agent, 'H-03', [11]);
    const { messageId } = await drafted(exchangeId);
    await agent
      .system('H-03')
      .post(`/v1/inbox/${messageId}/clarify`, { person: officer, question: 'Mitä palveluja pyyntö koskee?' })
      .expect(202);
    await exchangeAt(agent, 'K-235', exchangeId, ({ state }) => state === 'question');
    await agent
      .system('K-235')
      .post(`/v1/exchanges/${exchangeId}/clarify-reply`, { clarification: 'Sovittuja palveluja.' })
      .expect(202);
    const clarified = await mailOf(
      agent,
      'H-03',
      exchangeId,
      (mail) => mail.reply === 'due' && mail.messageId !== messageId,
    );
    await eventually('its draft', async () => {
      const approved = await agent.system('H-03').post(`/v1/inbox/${clarified.messageId}/approve`, { person: officer });
      return approved.status === 200 ? true : undefined;
    });
    expect(await answered(exchangeId)).toMatchObject([{ category: 11, outcome: 'given' }]);
  });

  it('may name the holder instead, and one call sends the request on', async () => {
    const exchangeId = await ask(agent, 'H-03', [11, 13]);
    const { messageId } = await drafted(exchangeId);
    const refusals = [
      { category: 11, reason: 'not-disclosed' },
      { category: 13, reason: 'not-holder', holder: 'L-KELA' },
    ];
    await agent.system('H-03').post(`/v1/inbox/${messageId}/refuse`, { person: officer, refusals }).expect(200);
    await exchangeAt(agent, 'K-235', exchangeId, ({ state }) => state === 'refused');

    const forwarded = await agent.system('K-235').post(`/v1/exchanges/${exchangeId}/forward`).expect(202);
    expect(forwarded.body).toMatchObject({ recipient: 'L-KELA', categories: [13] });
    const old = await exchangeAt(agent, 'K-235', exchangeId, ({ state }) => state === 'forwarded');
    expect(old.forwardedTo).toBe((forwarded.body as { exchangeId: string }).exchangeId);
    await agent.system('K-235').post(`/v1/exchanges/${exchangeId}/forward`).expect(409);
  });

  it('are decided once: a second answer is a conflict', async () => {
    const { messageId } = await drafted(await ask(agent, 'H-03', [11]));
    await agent.system('H-03').post(`/v1/inbox/${messageId}/approve`, { person: officer }).expect(200);
    await agent
      .system('H-03')
      .post(`/v1/inbox/${messageId}/refuse`, { person: officer, refusals: [{ reason: 'danger' }] })
      .expect(409);
  });

  it('hold content that fits the schema of its category', async () => {
    const { messageId } = await drafted(await ask(agent, 'H-03', [11]));
    const refused = await agent
      .system('H-03')
      .post(`/v1/inbox/${messageId}/answer`, {
        person: officer,
        items: [{ category: 11, outcome: 'given', content: { diagnosis: 'x' } }],
      })
      .expect(422);
    expect((refused.body as { code: string }).code).toBe('SCHEMA_INVALID');
  });
});

describe('a system that calls', () => {
  let hub: FakeHub;
  let agent: TestAgent;

  beforeAll(async () => {
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [{ id: 'K-235' }, { id: 'H-03' }]);
  });
  afterAll(async () => {
    await agent?.close();
    await hub?.close();
  });

  it('needs a key', async () => {
    const refused = await agent.anonymous().get('/v1/exchanges').expect(401);
    expect((refused.body as { code: string }).code).toBe('UNAUTHENTICATED');
  });

  it('acts for its own agency alone', async () => {
    await agent.system('K-235').post('/v1/onboarding/keys').expect(201);
    const { keys } = await bodyOf<{ keys: object[] }>(agent.system('H-03').get('/v1/keys'));
    expect(keys).toEqual([]);
  });

  it('is told the names of wrong members and never their values', async () => {
    const refused = await agent
      .system('K-235')
      .post('/v1/requests', { client: { type: 'henkilotunnus', value: 5 }, extra: '010190-900P' })
      .expect(400);
    expect((refused.body as { members: string[] }).members).toEqual(expect.arrayContaining(['client.value', 'extra']));
    expect(JSON.stringify(refused.body)).not.toMatch(/010190/);
  });
});
