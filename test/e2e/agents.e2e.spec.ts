import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  alarmsOf,
  ask,
  client,
  exchangeAt,
  keysAt,
  loggedKeyAt,
  mailOf,
  officer,
  requestAt,
} from '../../apps/agent/src/fake-hub/case.fixture.js';
import { type AgentBackup, bodyOf, eventually, TestAgent } from '../../apps/agent/src/fake-hub/test-agent.fixture.js';
import { Database } from '#platform';
import { joinHub } from './join-hub.js';
import { type RunningHub, startTestHub } from './running-hub.js';

const uses = ['signing', 'receiving', 'client-auth'] as const;

/** Two agents, each a process of its own with its own database and vault, and the real services between them. */
describe('agents at the real hub', () => {
  let hub: RunningHub;
  let municipality: TestAgent;
  let county: TestAgent;

  beforeAll(async () => {
    hub = await startTestHub();
    const pins = { pins: { ...hub.hub.pins } as Record<string, string> };
    const keys = { useAfterSeconds: 0 };
    municipality = await TestAgent.start(pins, [{ id: 'K-235', keys }]);
    county = await TestAgent.start(pins, [{ id: 'H-03', keys, pseudonymKeyFrom: ['K-235'] }]);
    await joinHub(hub, [
      ['K-235', municipality],
      ['H-03', county],
    ]);
  }, 180_000);
  afterAll(async () => {
    await municipality?.close();
    await county?.close();
    await hub?.stop();
  });

  const answer = async (exchangeId: string, category = 11): Promise<void> => {
    const { messageId } = await requestAt(county, 'H-03', exchangeId);
    const items = [{ category, outcome: 'no-record' }];
    await county.system('H-03').post(`/v1/inbox/${messageId}/answer`, { person: officer, items }).expect(200);
  };
  const answeredAt = (agent: TestAgent, id: string, exchangeId: string) =>
    exchangeAt(
      agent,
      id,
      exchangeId,
      ({ state, messages }) =>
        state === 'answered' && messages.some(({ kind, state: at }) => kind === 'answer' && at === 'opened'),
    );

  /** Rows of the hub's database. */
  const rowsOf = async (text: string): Promise<number> => {
    const owner = new Database(hub.databaseUrl, { max: 1 });
    return (await owner.query({ text }).finally(() => owner.close())).rows.length;
  };
  /** Keys that count at once may be in the log a moment before all services know them: what is refused then is sent anew. */
  const askTaken = (): Promise<string> =>
    eventually('a request is taken', async () => {
      const exchangeId = await ask(municipality, 'H-03', [11]);
      const { messages } = await exchangeAt(municipality, 'K-235', exchangeId, (shown) =>
        shown.messages.some(({ leafIndex, code }) => leafIndex !== undefined || code !== undefined),
      );
      return messages.some(({ code }) => code === undefined) ? exchangeId : undefined;
    });

  it('rotate all their keys by one call, and go on exchanging', async () => {
    const before = await Promise.all(uses.map(async (use) => (await loggedKeyAt(county, 'H-03', use)).thumbprint));
    await county.system('H-03').post('/v1/keys/rotate', { uses }).expect(202);
    for (const use of uses) await loggedKeyAt(county, 'H-03', use, before);
    const known = `SELECT FROM directory.agency_key WHERE agency = 'H-03' AND supersedes IS NOT NULL AND leaf_index IS NOT NULL`;
    await eventually('the directory knows them', async () =>
      (await rowsOf(known)) === uses.length ? true : undefined,
    );
    const exchangeId = await askTaken();
    await answer(exchangeId);
    await answeredAt(municipality, 'K-235', exchangeId);
    expect(await alarmsOf(county, 'H-03')).toEqual([]);
  });

  it('revoke a key at once: what was sealed to it is undeliverable, what comes next is sealed to the new one', async () => {
    await county.reconfigure('H-03', { opening: 'by-hand' });
    const { thumbprint } = await loggedKeyAt(county, 'H-03', 'receiving');
    const early = await ask(municipality, 'H-03', [11]);
    await mailOf(county, 'H-03', early, ({ state }) => state === 'delivered');
    await county.system('H-03').post(`/v1/keys/${thumbprint}/revoke`).expect(200);
    const ended = await exchangeAt(municipality, 'K-235', early, ({ state }) => state === 'undeliverable');
    expect(ended.code).toBe('KEY_REVOKED');

    await county.reconfigure('H-03', { opening: 'on-arrival' });
    await loggedKeyAt(county, 'H-03', 'receiving', [thumbprint]);
    await askTaken();
  });

  it('go over to a new pseudonym key: consents are signed again under it, and hold for what is asked under it', async () => {
    interface Consents {
      readonly consents: { readonly consentId: string; readonly version: number; readonly state: string }[];
    }
    const wish = {
      client,
      disclosers: ['H-03'],
      categories: [12],
      purposes: ['plan'],
      validUntil: new Date(Date.now() + 90 * 86_400_000).toISOString(),
      method: 'written',
      language: 'ar',
      noticeVersion: '2026-1',
    };
    const { consentId } = await bodyOf<{ consentId: string }>(
      municipality.system('K-235').post('/v1/consents', wish).expect(201),
    );
    const excluded = { client, decider: { ...client, value: '020290-9038' }, officer };
    await municipality.system('K-235').post('/v1/clients/exclusions', excluded).expect(200);
    const former = { type: 'migri-customer', value: '900901' };
    const linked = municipality.system('K-235').post('/v1/clients/links', { client, earlier: former, officer });
    expect(await bodyOf(linked)).toEqual({ state: 'told' });
    const asked = municipality.system('K-235').post('/v1/consents/proposals', {
      client,
      wanted: [{ category: 12, disclosers: ['H-03'], recipients: ['K-235'] }],
      purposes: ['plan'],
      uses: { kind: 'repeated' },
      validUntil: wish.validUntil,
      language: 'ar',
      officer,
    });
    const { consentId: proposed } = await bodyOf<{ consentId: string }>(asked.expect(201));
    const rotated = municipality.system('K-235').post('/v1/pseudonym-key/rotate', { useAfterSeconds: 0 }).expect(202);
    expect(await bodyOf(rotated)).toMatchObject({ version: 2, sharedWith: ['H-03'] });
    await county.system('H-03').post('/v1/pseudonym-key/rotate', { useAfterSeconds: 0 }).expect(403);

    await eventually('the county has it', async () =>
      (await keysAt(county, 'H-03')).find(({ use, version }) => use === 'pseudonym' && version === 2),
    );
    await eventually('the consent is signed again', async () => {
      const { consents } = await bodyOf<Consents>(municipality.system('K-235').get('/v1/consents'));
      return consents.find(({ version, state }) => version === 2 && state === 'recorded');
    });
    const repeated = `SELECT FROM consent.decider_exclusion WHERE subject LIKE 'p2.%' AND decider LIKE 'p2.%'`;
    await eventually('who may not decide is said again', async () =>
      (await rowsOf(repeated)) === 1 ? true : undefined,
    );
    await eventually('which numbers are one person’s is said again', async () =>
      (await rowsOf(`SELECT FROM consent.subject_link WHERE subject LIKE 'p2.%' AND earlier LIKE 'p2.%'`)) === 1
        ? true
        : undefined,
    );
    await eventually('the open proposal is named anew', async () =>
      (await rowsOf(`SELECT FROM consent.proposal WHERE renewal = 1 AND payload ->> 'subject' LIKE 'p2.%'`)) === 1
        ? true
        : undefined,
    );
    const answered = municipality.system('K-235').post(`/v1/consents/proposals/${proposed}/answer`, {
      answers: [{ category: 12, recipient: 'K-235', yes: true }],
      method: 'written',
      evidence: 'Lomake 18',
      officer,
    });
    expect(await bodyOf(answered)).toMatchObject({ state: 'answered', consent: { version: 1, state: 'recorded' } });
    const found = county.system('H-03').post('/v1/consents/search', { client: former }).expect(200);
    expect((await bodyOf<Consents>(found)).consents).toContainEqual(
      expect.objectContaining({ consentId, version: 2, state: 'active' }),
    );

    const exchangeId = await ask(municipality, 'H-03', [12]);
    await answer(exchangeId, 12);
    await answeredAt(municipality, 'K-235', exchangeId);
    // Both agents and the hub know the person by the other number too.
    const byFormer = await ask(municipality, 'H-03', [12], { client: former });
    await answer(byFormer, 12);
    await answeredAt(municipality, 'K-235', byFormer);
    const withdrawn = municipality.system('K-235').post(`/v1/consents/${consentId}/withdraw`, { officer });
    expect(await bodyOf(withdrawn)).toMatchObject({ version: 2, state: 'withdrawn' });
    expect(await alarmsOf(municipality, 'K-235')).toEqual([]);
  });

  describe('restored from a backup', () => {
    let backup: AgentBackup;
    let open: string;
    let asked: string;
    let size: number;

    const logOf = (agent: TestAgent, id: string) =>
      bodyOf<{ size: number; consistent: boolean; checkedAt?: string }>(agent.system(id).get('/v1/log'));

    beforeAll(async () => {
      open = await ask(municipality, 'H-03', [11]);
      await requestAt(county, 'H-03', open);
      backup = await municipality.backUp();
      ({ size } = await logOf(municipality, 'K-235'));
      await answer(open);
      await answeredAt(municipality, 'K-235', open);
      asked = await ask(municipality, 'H-03', [11]);
      await answer(asked);
      await answeredAt(municipality, 'K-235', asked);
      await municipality.restore(backup);
    }, 180_000);

    it('read again what was delivered and lost: an answer that was opened is released again under the log', async () => {
      const { messages } = await answeredAt(municipality, 'K-235', open);
      expect(messages.find(({ kind }) => kind === 'answer')?.content).toMatchObject({
        items: [{ outcome: 'no-record' }],
      });
      const ombudsman = await hub.agency('A-TSV');
      const { body } = await ombudsman.call<{ entries: unknown[] }>(
        'GET',
        `/v1/audit/entries?exchangeId=${open}&type=message-re-released`,
      );
      expect(body.entries).toHaveLength(1);
    });

    it('take up again what they sent after it, from the log, so that its answer finds its place; and an alarm says so', async () => {
      const { messages } = await answeredAt(municipality, 'K-235', asked);
      expect(messages.find(({ kind }) => kind === 'request')).toMatchObject({ direction: 'sent', state: 'accepted' });
      expect(await alarmsOf(municipality, 'K-235')).toContainEqual(expect.objectContaining({ code: 'SENT_ELSEWHERE' }));
    });

    it('prove the log from the head that they knew', async () => {
      const now = await eventually('the log is followed', async () => {
        const state = await logOf(municipality, 'K-235');
        return state.size > size ? state : undefined;
      });
      expect(now.consistent).toBe(true);
    });

    it('answer nothing twice that they answered after it', async () => {
      const exchangeId = await ask(municipality, 'H-03', [11]);
      await requestAt(county, 'H-03', exchangeId);
      const before = await county.backUp();
      await answer(exchangeId);
      await answeredAt(municipality, 'K-235', exchangeId);
      await county.restore(before);

      await exchangeAt(county, 'H-03', exchangeId, ({ state }) => state === 'answered');
      const { messages } = await bodyOf<{ messages: { exchangeId: string }[] }>(county.system('H-03').get('/v1/inbox'));
      expect(messages.map((mail) => mail.exchangeId)).not.toContain(exchangeId);
    });
  });
});
