import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { generateSigningKey, readManifest } from '#envelope';
import { unwrap } from '#kernel';
import { MemoryTree } from '#merkle';
import { alarmsOf, ask, mailOf, requestAt } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { bodyOf, eventually, TestAgent } from '../fake-hub/test-agent.fixture.js';

describe('an agent that may lose its machine', () => {
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

  const postsOf = (exchangeId: string): number => {
    const held = [...hub.messages.values()].find(({ manifest }) => manifest.context.exchangeId === exchangeId);
    return hub.posts.filter((post) => held && post.includes(held.manifest.context.messageId)).length;
  };
  const execute = async (statement: string): Promise<void> => {
    const client = new pg.Client({ connectionString: agent.databaseUrl });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };

  it('acknowledges no mail before it is stored', async () => {
    await execute(`
      CREATE FUNCTION agent.no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$;
      CREATE TRIGGER no_room BEFORE INSERT ON agent.inbox FOR EACH STATEMENT EXECUTE FUNCTION agent.no_room()`);
    const exchangeId = await ask(agent, 'H-03', [11]);
    const mail = await eventually('it is in the mailbox', () =>
      hub.mailboxes
        .get('H-03')
        ?.find(({ message }) => message && unwrap(readManifest(message.manifest)).context.exchangeId === exchangeId),
    );
    const polls = hub.pollsOf('H-03');
    await eventually('polls after the failure', () => (hub.pollsOf('H-03') > polls + 1 ? true : undefined));
    expect(hub.acknowledged.get('H-03')).toBeLessThan(mail.number);

    await execute('DROP TRIGGER no_room ON agent.inbox');
    await requestAt(agent, 'H-03', exchangeId);
    await eventually('it is acknowledged', () => (hub.acknowledged.get('H-03') === mail.number ? true : undefined));
  });

  it('posts again what the backup has in its outbox, without a second effect', async () => {
    hub.loseMessages = 1;
    const exchangeId = await ask(agent, 'H-03', [11]);
    await eventually('it was posted and lost', () => (hub.loseMessages === 0 ? true : undefined));
    const backup = await agent.backUp();
    await requestAt(agent, 'H-03', exchangeId);
    const posts = postsOf(exchangeId);

    await agent.restore(backup);
    await eventually('it is posted again', () => (postsOf(exchangeId) > posts ? true : undefined));
    await requestAt(agent, 'H-03', exchangeId);
    const messages = [...hub.messages.values()].filter(({ manifest }) => manifest.context.exchangeId === exchangeId);
    expect(messages).toHaveLength(1);
    expect(await alarmsOf(agent, 'K-235')).toEqual([]);
  });

  it('opens again, under a new request and a new entry, what was opened after the backup', async () => {
    const backup = await agent.backUp();
    const exchangeId = await ask(agent, 'H-03', [11]);
    const { messageId } = await requestAt(agent, 'H-03', exchangeId);
    const before = hub.releaseRequests.length;

    await agent.restore(backup);
    expect((await mailOf(agent, 'H-03', exchangeId, ({ reply }) => reply === 'due')).messageId).toBe(messageId);
    expect(hub.releaseRequests.length).toBeGreaterThan(before);
    expect(new Set(hub.releaseRequests).size).toBe(hub.releaseRequests.length);
  });

  it('finds that the log is another than the one that the backup knew', async () => {
    const backup = await agent.backUp();
    const fork = new MemoryTree();
    for (const entry of hub.log.entries) fork.append(fork.size === 0 ? Buffer.alloc(32, 7) : hub.log.leafOf(entry));
    fork.append(Buffer.alloc(32, 8));
    hub.log.append({ type: 'log-search', assertedBy: 'hub' });
    hub.shownCheckpoint = () => hub.log.sign(fork.size, fork.root());

    await agent.restore(backup);
    const alarm = await eventually('the alarm', async () => (await alarmsOf(agent, 'K-235'))[0]);
    expect(alarm.code).toBe('LOG_INCONSISTENT');
  });

  it('raises an alarm for a message in its name that it did not send, proved by the log', async () => {
    await requestAt(agent, 'H-03', await ask(agent, 'H-03', [11]));
    const forged = await hub.forge('K-235', await generateSigningKey());
    const manifest = unwrap(readManifest(forged.manifest));
    const leaf = hub.appendAbout('message-accepted', manifest);
    hub.deliver('K-235', { notice: await hub.notice('accepted', manifest, leaf) });
    const alarm = await eventually('the alarm', async () => (await alarmsOf(agent, 'K-235'))[0]);
    expect(alarm).toMatchObject({ code: 'SENT_ELSEWHERE', leafIndex: leaf.index });
    const { exchanges } = await bodyOf<{ exchanges: { exchangeId: string }[] }>(
      agent.system('K-235').get('/v1/exchanges'),
    );
    // The hub knows no such exchange, so there is nothing to take up.
    expect(exchanges.map((exchange) => exchange.exchangeId)).not.toContain(manifest.context.exchangeId);
  });
});
