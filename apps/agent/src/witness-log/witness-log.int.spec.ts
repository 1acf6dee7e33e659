import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { unwrap } from '#kernel';
import {
  cosignaturesIn,
  ed25519NoteSigner,
  formatAddCheckpoint,
  formatCheckpoint,
  MemoryTree,
  parseCosignerKey,
  signCheckpoint,
} from '#merkle';
import { alarmsOf } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { LOG_ORIGIN } from '../fake-hub/fake-log.fixture.js';
import { bodyOf, eventually, TestAgent } from '../fake-hub/test-agent.fixture.js';
import { ServeWitness } from './serve-witness.js';

const name = 'kauniainen.example/witness';

describe('an agent that is a witness', () => {
  let hub: FakeHub;
  let agent: TestAgent;

  beforeEach(async () => {
    hub = await FakeHub.start();
    for (let entries = 0; entries < 40; entries += 1) hub.log.append({ type: 'log-search', assertedBy: 'hub' });
    agent = await TestAgent.start(hub, [{ id: 'K-235' }], undefined, { WITNESS_NAME: name });
  });
  afterEach(async () => {
    await agent.close();
    await hub.close();
  });

  const post = (body: string): request.Test =>
    request(agent.app.getHttpServer()).post('/witness/add-checkpoint').set('content-type', 'text/plain').send(body);
  const ask = (old: number, size: number, checkpoint = hub.log.checkpoint(size)): request.Test => {
    const proof = old === 0 || old > size ? [] : hub.log.tree.consistencyProof(old, size);
    return post(formatAddCheckpoint({ oldSize: old, proof, checkpoint }));
  };
  const shown = () => bodyOf<{ verifierKey: string; size?: number }>(agent.system('K-235').get('/v1/log/witness'));

  it('cosigns the first checkpoint and one that has grown from it, by the key that it tells its own people', async () => {
    const witness = unwrap(parseCosignerKey((await shown()).verifierKey));
    expect(witness.name).toBe(name);
    for (const [old, size] of [
      [0, 20],
      [20, 33],
      [33, 33],
    ] as const) {
      const before = Math.floor(Date.now() / 1_000);
      const { text } = await ask(old, size)
        .expect(200)
        .expect('content-type', /^text\/plain/);
      const [cosignature, ...more] = unwrap(cosignaturesIn(hub.log.checkpoint(size) + text, [witness]));
      expect(more).toEqual([]);
      expect(cosignature?.at.getTime()).toBeGreaterThanOrEqual(before * 1_000);
      expect((await shown()).size).toBe(size);
    }
  });

  it('tells the size from which to ask, as a size and nothing else', async () => {
    await ask(0, 20).expect(200);
    const { text } = await ask(10, 33).expect(409).expect('content-type', 'text/x.tlog.size');
    expect(text).toBe('20\n');
    await ask(0, 33).expect(409);
    await ask(20, 33).expect(200);
  });

  it('refuses what is malformed with 400, another log with 404, another key with 403, no proof with 422', async () => {
    await ask(0, 20).expect(200);
    await post('old 20\n').expect(400);
    await ask(34, 33).expect(400);
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const signed = (origin: string): string =>
      signCheckpoint(
        formatCheckpoint({ origin, size: 33, root: hub.log.tree.root(33) }),
        ed25519NoteSigner(origin, stranger),
      );
    await ask(20, 33, signed('log.test.example/another')).expect(404);
    await ask(20, 33, signed(LOG_ORIGIN)).expect(403);
    await post(formatAddCheckpoint({ oldSize: 20, proof: [], checkpoint: hub.log.checkpoint(33) })).expect(422);
    expect((await shown()).size).toBe(20);
  });

  it('takes no body beyond what a proof and a note can be', async () => {
    await post('x'.repeat(200 * 1024)).expect(413);
  });

  it('goes on after a restart from what it cosigned last', async () => {
    await ask(0, 20).expect(200);
    const { verifierKey } = await shown();
    await agent.restart();
    expect(await shown()).toMatchObject({ verifierKey, size: 20 });
    await ask(0, 10).expect(409);
    await ask(20, 33).expect(200);
  });

  it('cosigns one alone of many that come at once from one size, and stores that one before it answers', async () => {
    await ask(0, 10).expect(200);
    const sizes = Array.from({ length: 24 }, (_, at) => 11 + at);
    const answers = await Promise.all(sizes.map(async (size) => ({ size, answer: await ask(10, size) })));
    const cosigned = answers.filter(({ answer }) => answer.status === 200);
    expect(cosigned).toHaveLength(1);
    expect((await shown()).size).toBe(cosigned[0]?.size);
    for (const { answer } of answers.filter(({ answer }) => answer.status !== 200)) {
      expect(answer.status).toBe(409);
      expect(answer.text).toBe(`${cosigned[0]?.size}\n`);
    }
  });

  it('never goes back while clients race to move it on, each from the size that it was told', async () => {
    const seen: number[] = [];
    const client = async (): Promise<void> => {
      let old = 0;
      for (let size = 1; size <= hub.log.tree.size; size += 1) {
        if (size < old) continue;
        const answer = await ask(old, size);
        if (answer.status === 200) seen.push(size);
        old = answer.status === 409 ? Number(answer.text) : size;
      }
    };
    await Promise.all([client(), client(), client()]);
    expect((await shown()).size).toBe(hub.log.tree.size);
    expect(new Set(seen).size).toBeGreaterThan(1);
  });

  it('cosigns no branch of the log other than the one that it was shown itself, and raises an alarm', async () => {
    await eventually('the agent has followed', async () => {
      const { size } = await bodyOf<{ size: number }>(agent.system('K-235').get('/v1/log'));
      return size === hub.log.tree.size ? true : undefined;
    });
    const other = MemoryTree.of(Array.from({ length: 33 }, (_, at) => Buffer.alloc(32, at)));
    await ask(0, 33, hub.log.sign(33, other.root())).expect(422);
    expect((await shown()).size).toBeUndefined();
    expect(await alarmsOf(agent, 'K-235')).toMatchObject([{ code: 'LOG_INCONSISTENT' }]);
    // A log that was seen to fork is cosigned no more.
    await ask(0, 33).expect(422);
  });

  it('answers at an address of its own where the configuration names one, and there alone', async () => {
    await agent.reconfigureProcess({ WITNESS_NAME: name, WITNESS_LISTEN: '127.0.0.1:0' });
    await ask(0, 20).expect(404);
    const address = agent.app.get(ServeWitness).address ?? '';
    const body = formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: hub.log.checkpoint(20) });
    expect((await fetch(`${address}/add-checkpoint`, { method: 'POST', body })).status).toBe(200);
    expect((await fetch(`${address}/v1/log`)).status).toBe(404);
  });

  describe('whose database is restored from a backup', () => {
    let outside: string;
    let headFile: string;

    beforeEach(async () => {
      outside = await mkdtemp(join(tmpdir(), 'witness-head-'));
      headFile = join(outside, 'head');
      await agent.close();
      agent = await TestAgent.start(hub, [{ id: 'K-235' }], undefined, {
        WITNESS_NAME: name,
        WITNESS_HEAD_FILE: headFile,
      });
    });
    afterEach(() => rm(outside, { recursive: true, force: true }));

    /** Of 30 entries, the first 20 of which are those of the log. */
    const branch = (): MemoryTree =>
      MemoryTree.of(
        Array.from({ length: 30 }, (_, at) => (at < 20 ? hub.log.leafOf(hub.log.entries[at]) : Buffer.alloc(32, at))),
      );
    const askForBranch = (): request.Test => {
      const other = branch();
      const proof = other.consistencyProof(20);
      return post(formatAddCheckpoint({ oldSize: 20, proof, checkpoint: hub.log.sign(30, other.root()) }));
    };
    /** The hub shows it no more than what the branches share. */
    const showOnlyTwenty = (): void => {
      hub.shownCheckpoint = () => hub.log.checkpoint(20);
    };

    it('still knows what it cosigned since: no branch that leaves the log before that is cosigned', async () => {
      showOnlyTwenty();
      await ask(0, 20).expect(200);
      const backup = await agent.backUp();
      await ask(20, 33).expect(200);
      await agent.restore(backup);
      await askForBranch().expect(409, '33\n');
      expect((await shown()).size).toBe(33);
      await ask(33, 37).expect(200);
    });

    it.each([
      ['is lost', () => rm(headFile)],
      ['is broken', () => writeFile(headFile, '{"origin":')],
      ['is of another log', () => writeFile(headFile, JSON.stringify({ ...head(33), origin: 'log.example/other' }))],
      ['has another root of that size', () => writeFile(headFile, JSON.stringify(head(20, branch().root(19))))],
    ])('cosigns nothing where the file that knows %s', async (_how, spoil) => {
      showOnlyTwenty();
      await ask(0, 20).expect(200);
      await agent.stop();
      await spoil();
      await agent.restart();
      await askForBranch().expect(503);
      await ask(20, 33).expect(503);
    });

    const head = (size: number, root = hub.log.tree.root(size)): object => ({
      origin: LOG_ORIGIN,
      size,
      root: root.toString('base64'),
      note: hub.log.checkpoint(size),
    });

    it('takes its own word for the newer one where it ended before the file was written', async () => {
      await ask(0, 20).expect(200);
      const before = await readFile(headFile);
      await ask(20, 33).expect(200);
      await agent.stop();
      await writeFile(headFile, before);
      await agent.restart();
      await ask(20, 35).expect(409, '33\n');
      await ask(33, 35).expect(200);
      expect(JSON.parse(await readFile(headFile, 'utf8'))).toMatchObject({ size: 35 });
    });
  });

  it('is none where the configuration does not say so', async () => {
    await agent.reconfigureProcess({});
    await ask(0, 20).expect(404);
    await agent.system('K-235').get('/v1/log/witness').expect(404);
  });

  it('does not start with a key that was made for another name', async () => {
    await expect(agent.reconfigureProcess({ WITNESS_NAME: 'grankulla.example/witness' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});
