import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { generateSigningKey, signStatement, type SigningKey } from '#envelope';
import { type AgencyId, agencyId } from '#kernel';
import { MemoryTree } from '#merkle';
import { alarmsOf, ask, requestAt } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { bodyOf, eventually, TestAgent } from '../fake-hub/test-agent.fixture.js';

const keyRecord = (agency: AgencyId, key: SigningKey, signer = key): Promise<string> =>
  signStatement(
    'agency-key',
    {
      v: 1,
      agency,
      use: 'signing',
      jwk: key.publicJwk,
      notBefore: '2026-01-01T00:00:00Z',
      notAfter: '2036-01-01T00:00:00Z',
      iat: 1,
    },
    signer,
  );

describe('the log as an agent follows it', () => {
  let hub: FakeHub;
  let agent: TestAgent;

  beforeEach(async () => {
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [{ id: 'K-235' }, { id: 'H-03', pseudonymKeyFrom: ['K-235'] }]);
    await agent.onboardAll();
  });
  afterEach(async () => {
    await agent.close();
    await hub.close();
  });

  const state = () => bodyOf<{ size: number; root: string; consistent: boolean }>(agent.system('K-235').get('/v1/log'));
  const caughtUp = (): Promise<true> =>
    eventually('the agent has followed', async () => ((await state()).size === hub.log.tree.size ? true : undefined));

  it('has the root that the agent recomputed from all entries', async () => {
    await caughtUp();
    const { root } = await state();
    expect(root).toBe(hub.log.tree.root().toString('base64'));
  });

  it('raises an alarm for a key of a served agency that was not made here', async () => {
    const stranger = await generateSigningKey();
    await hub.publish(await keyRecord(agencyId('H-03'), stranger));
    const alarm = await eventually('the alarm', async () => (await alarmsOf(agent, 'H-03'))[0]);
    expect(alarm.code).toBe('KEY_UNTRUSTED');
    // Another agency's affair.
    expect(await alarmsOf(agent, 'K-235')).toEqual([]);
  });

  it('raises an alarm for a foreign first key of a served agency, which the chain alone would allow', async () => {
    const late = await TestAgent.start(hub, [{ id: 'T-01' }]);
    try {
      await hub.publish(await keyRecord(agencyId('T-01'), await generateSigningKey()));
      const alarm = await eventually('the alarm', async () => (await alarmsOf(late, 'T-01'))[0]);
      expect(alarm.code).toBe('KEY_UNTRUSTED');
    } finally {
      await late.close();
    }
  });

  it('is taken for broken when a signed head differs from the entries: nothing is opened from then on', async () => {
    await caughtUp();
    const other = MemoryTree.of([Buffer.alloc(32, 1), Buffer.alloc(32, 2)]);
    const forked = hub.log.sign(hub.log.tree.size + 1, other.root());
    hub.log.append({ type: 'log-search', assertedBy: 'hub' });
    hub.shownCheckpoint = () => forked;
    await eventually('the fork is seen', async () => ((await state()).consistent ? undefined : true));

    await eventually('the alarm', async () =>
      (await alarmsOf(agent, 'H-03')).find(({ code }) => code === 'LOG_INCONSISTENT'),
    );
    hub.shownCheckpoint = undefined;
    const exchangeId = await ask(agent, 'H-03', [11]);
    await eventually('a release was tried', () => (hub.releaseRequests.length > 1 ? true : undefined));
    const { messages } = await bodyOf<{ messages: { exchangeId: string; state: string }[] }>(
      agent.system('H-03').get('/v1/inbox'),
    );
    expect(messages.find((mail) => mail.exchangeId === exchangeId)?.state).not.toBe('opened');
  });

  it('must have grown from the last head: a receipt under a forked checkpoint opens nothing and raises an alarm', async () => {
    hub.beforeRelease = (reply) => {
      const receipt = reply.released.receipt as { checkpoint: string; inclusionProof: string[]; leafIndex: number };
      // A fork that contains this entry and nothing else: its proof is right, its past is not.
      const entry = hub.log.entries[receipt.leafIndex];
      const fork = new MemoryTree();
      for (let index = 0; index < hub.log.tree.size; index += 1)
        fork.append(index === receipt.leafIndex ? hub.log.leafOf(entry) : Buffer.alloc(32, index));
      receipt.inclusionProof = fork.inclusionProof(receipt.leafIndex).map((hash) => hash.toString('base64'));
      receipt.checkpoint = hub.log.sign(fork.size, fork.root());
      reply.released.consistencyProof = fork
        .consistencyProof(Math.min(fork.size, hub.log.tree.size - 1))
        .map((hash) => hash.toString('base64'));
    };
    const exchangeId = await ask(agent, 'H-03', [11]);
    await eventually('the alarm', async () =>
      (await alarmsOf(agent, 'H-03')).find(({ code }) => code === 'LOG_INCONSISTENT'),
    );
    const { messages } = await bodyOf<{ messages: { exchangeId: string; state: string; code?: string }[] }>(
      agent.system('H-03').get('/v1/inbox'),
    );
    expect(messages.find((mail) => mail.exchangeId === exchangeId)).toMatchObject({ state: 'releasing' });
  });

  it('must be that of an acceptance too: a receipt under a forked checkpoint is not believed, and raises an alarm', async () => {
    await caughtUp();
    const receipt = hub.log.receipt.bind(hub.log);
    jest.spyOn(hub.log, 'receipt').mockImplementation((index, opening) => {
      const fork = MemoryTree.of(
        hub.log.entries.map((entry, at) => (at === index ? hub.log.leafOf(entry) : Buffer.alloc(32, at))),
      );
      return {
        ...receipt(index, opening),
        inclusionProof: fork.inclusionProof(index).map((hash) => hash.toString('base64')),
        checkpoint: hub.log.sign(fork.size, fork.root()),
      };
    });
    const exchangeId = await ask(agent, 'H-03', [11]);
    await eventually('the alarm', async () =>
      (await alarmsOf(agent, 'K-235')).find(({ code }) => code === 'LOG_INCONSISTENT'),
    );
    expect((await state()).consistent).toBe(false);
    const { stage } = await bodyOf<{ stage: string }>(agent.system('K-235').get(`/v1/exchanges/${exchangeId}`));
    expect(stage).toBe('submitted');
  });

  it('decides which keys count: mail signed by a key that it does not show is not opened', async () => {
    await requestAt(agent, 'H-03', await ask(agent, 'H-03', [11]));
    const releases = hub.releaseRequests.length;
    const { manifest, outer } = await hub.forge('K-235', await generateSigningKey());
    hub.deliver('H-03', { message: { manifest, outer } });
    const token = await eventually('the mismatch', () => hub.mismatches.at(-1));
    expect(hub.mismatchCode(token)).toBe('KEY_NOT_LOGGED');
    expect(hub.releaseRequests.length).toBe(releases);
  });

  it('is where a sender finds keys: an agency whose key it does not show cannot be written to', async () => {
    const { code } = await bodyOf<{ code: string }>(
      agent.system('K-235').post('/v1/requests', {
        client: { type: 'henkilotunnus', value: '010190-900P' },
        categories: [11],
        purpose: 'plan',
        necessity: 'Suunnitelma',
        caseNumber: '1',
        officer: { name: 'A', title: 'B', unit: 'C' },
        recipient: 'H-05',
      }),
    );
    expect(code).toBe('RECIPIENT_UNKNOWN');
  });
});
