import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { openCapsule, readReleaseRequest, readStatement } from '#envelope';
import { unwrap } from '#kernel';
import { alarmsOf, ask, exchangeAt, officer, requestAt } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { bodyOf, eventually, TestAgent } from '../fake-hub/test-agent.fixture.js';

interface StoredMail {
  state: string;
  code: string | null;
  content: object | null;
  subjects: object | null;
  leaf_index: string | null;
}

describe('mail', () => {
  let hub: FakeHub;
  let agent: TestAgent;
  let database: pg.Client;

  beforeAll(async () => {
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [{ id: 'K-235' }, { id: 'H-03', pseudonymKeyFrom: ['K-235'] }]);
    await agent.onboardAll();
    database = new pg.Client({ connectionString: agent.databaseUrl });
    await database.connect();
  });
  afterAll(async () => {
    await database?.end();
    await agent?.close();
    await hub?.close();
  });
  afterEach(() => {
    hub.beforeRelease = () => undefined;
  });

  const stored = async (exchangeId: string): Promise<StoredMail | undefined> => {
    const { rows } = await database.query<StoredMail>(
      'SELECT state, code, content, subjects, leaf_index FROM agent.inbox WHERE agency = $1 AND exchange_id = $2',
      ['H-03', exchangeId],
    );
    return rows[0];
  };
  const refused = (exchangeId: string): Promise<StoredMail> =>
    eventually('a refused message', async () => {
      const mail = await stored(exchangeId);
      return mail?.state === 'refused' ? mail : undefined;
    });

  it('is opened against the receipt of its own release, and the looks at it are recorded', async () => {
    const exchangeId = await ask(agent, 'H-03', [11]);
    const { messageId } = await requestAt(agent, 'H-03', exchangeId);
    const shown = await bodyOf<{ clients: object[] }>(
      agent.system('H-03').get(`/v1/inbox/${messageId}`).set('kotovayla-worker', 'sosiaali.tyontekija'),
    );
    expect(shown.clients).toEqual([{ type: 'henkilotunnus', value: '010190-900P', name: 'Testi Henkilö' }]);
    const { looks } = await bodyOf<{ looks: object[] }>(agent.system('H-03').get(`/v1/exchanges/${exchangeId}/looks`));
    expect(looks).toMatchObject([{ system: 'test-register', worker: 'sosiaali.tyontekija', what: 'message request' }]);
  });

  it.each(['KEY_NOT_LOGGED', 'SIGNATURE_INVALID'] as const)(
    'is asked for again while a service does not know the agency’s newest key yet (%s)',
    async (code) => {
      hub.releaseRefusals.push(code, code);
      await requestAt(agent, 'H-03', await ask(agent, 'H-03', [11]));
      expect(hub.releaseRefusals).toEqual([]);
    },
  );

  it('is not opened with a correct proof of another release’s leaf', async () => {
    hub.beforeRelease = async (reply, held) => {
      const other = hub.appendAbout('message-released', {
        ...held.manifest,
        context: { ...held.manifest.context, categories: [13] },
      });
      const { contentKey } = unwrap(await openCapsule(held.capsule, hub.releaseKey));
      reply.released.receipt = hub.log.receipt(other.index, await hub.opening('H-03', other, contentKey));
    };
    const exchangeId = await ask(agent, 'H-03', [11]);

    expect(await refused(exchangeId)).toMatchObject({ code: 'LEAF_MISMATCH', content: null, subjects: null });
    expect(await alarmsOf(agent, 'H-03')).toContainEqual(expect.objectContaining({ code: 'LEAF_MISMATCH' }));
  });

  it('is not opened with the opening of another leaf than the proof is of', async () => {
    hub.beforeRelease = async (reply, held) => {
      const other = hub.log.append({ type: 'log-search', assertedBy: 'hub' });
      const own = hub.appendAbout('message-released', held.manifest);
      const { contentKey } = unwrap(await openCapsule(held.capsule, hub.releaseKey));
      reply.released.receipt = hub.log.receipt(other.index, await hub.opening('H-03', own, contentKey));
    };
    const exchangeId = await ask(agent, 'H-03', [11]);
    expect(await refused(exchangeId)).toMatchObject({ code: 'RECEIPT_INVALID', content: null });
  });

  it('is not opened on the entry of its acceptance', async () => {
    hub.beforeRelease = async (reply, held) => {
      const leaf = hub.appendAbout('message-accepted', held.manifest);
      const { contentKey } = unwrap(await openCapsule(held.capsule, hub.releaseKey));
      reply.released.receipt = hub.log.receipt(leaf.index, await hub.opening('H-03', leaf, contentKey));
    };
    const exchangeId = await ask(agent, 'H-03', [11]);
    expect(await refused(exchangeId)).toMatchObject({ code: 'LEAF_MISMATCH', content: null });
  });

  it('is reported with a signed mismatch when the receipt proves something else', async () => {
    const before = hub.mismatches.length;
    hub.beforeRelease = async (reply, held) => {
      const leaf = hub.appendAbout('message-accepted', held.manifest);
      const { contentKey } = unwrap(await openCapsule(held.capsule, hub.releaseKey));
      reply.released.receipt = hub.log.receipt(leaf.index, await hub.opening('H-03', leaf, contentKey));
    };
    const exchangeId = await ask(agent, 'H-03', [11]);
    await refused(exchangeId);
    const token = await eventually('the mismatch', () => hub.mismatches[before]);
    expect(unwrap(readStatement('mismatch', token)).payload).toMatchObject({ agency: 'H-03', code: 'LEAF_MISMATCH' });
  });

  it('is asked for again by the same release request when the answer was lost, also by a new process', async () => {
    const before = hub.releaseRequests.length;
    hub.releaseFailures.push({ status: 503, code: 'UNAVAILABLE' });
    const exchangeId = await ask(agent, 'H-03', [11]);
    await eventually('the first release', () => hub.releaseRequests[before]);
    const size = hub.log.tree.size;
    await agent.restart();
    await requestAt(agent, 'H-03', exchangeId);

    const requests = hub.releaseRequests.slice(before).map((token) => unwrap(readReleaseRequest(token)));
    expect(requests.length).toBeGreaterThan(1);
    expect(new Set(requests.map(({ jti }) => jti)).size).toBe(1);
    expect(new Set(requests.map(({ hash }) => hash)).size).toBe(1);
    expect(Number((await stored(exchangeId))?.leaf_index)).toBeLessThan(size);
  });

  it('waits for an officer where its exchange says so', async () => {
    const exchangeId = await ask(agent, 'H-03', [11], { opening: 'by-hand' });
    const { messageId } = await requestAt(agent, 'H-03', exchangeId);
    await agent
      .system('H-03')
      .post(`/v1/inbox/${messageId}/answer`, {
        person: officer,
        items: [{ category: 11, outcome: 'given', content: { client: false } }],
      })
      .expect(200);
    const delivered = await exchangeAt(agent, 'K-235', exchangeId, ({ stage }) => stage === 'answer-delivered');
    const answer = delivered.messages.find(({ direction }) => direction === 'received');
    expect(answer).toMatchObject({ state: 'delivered' });
    expect(answer?.content).toBeUndefined();

    await agent.system('K-235').post(`/v1/inbox/${answer?.messageId}/open`).expect(202);
    const opened = await exchangeAt(agent, 'K-235', exchangeId, ({ state }) => state === 'answered');
    expect(opened.messages.at(-1)?.content?.items).toMatchObject([{ category: 11, outcome: 'given' }]);
  });
});
