import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { unwrap } from '#kernel';
import {
  cosignaturesIn,
  ed25519NoteSigner,
  formatAddCheckpoint,
  formatCheckpoint,
  parseCosignerKey,
  signCheckpoint,
  verifierKey,
} from '#merkle';
import { alarmsOf, ask, requestAt } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { FakeLog, type FakeLogKey, LOG_ORIGIN, logKeyRecord } from '../fake-hub/fake-log.fixture.js';
import { bodyOf, eventually, TestAgent } from '../fake-hub/test-agent.fixture.js';

describe('an agent of a log that changes its key', () => {
  let [first, next, stranger]: FakeLogKey[] = [];
  let hub: FakeHub;
  let agent: TestAgent;

  beforeEach(async () => {
    [first, next, stranger] = [0, 1, 2].map(() => generateKeyPairSync('ed25519')) as [
      FakeLogKey,
      FakeLogKey,
      FakeLogKey,
    ];
    hub = await FakeHub.start(new FakeLog(first));
    await hub.log.announceKey();
    agent = await TestAgent.start(hub, [{ id: 'K-235' }, { id: 'H-03', pseudonymKeyFrom: ['K-235'] }], undefined, {
      WITNESS_NAME: 'kauniainen.example/witness',
    });
    await agent.onboardAll();
  });
  afterEach(async () => {
    await agent.close();
    await hub.close();
  });

  const state = () => bodyOf<{ size: number; consistent: boolean }>(agent.system('K-235').get('/v1/log'));
  const caughtUp = (): Promise<true> =>
    eventually('the agent has followed', async () => ((await state()).size === hub.log.tree.size ? true : undefined));
  const filled = (entries: number): void => {
    for (let at = 0; at < entries; at += 1) hub.log.append({ type: 'log-search', assertedBy: 'hub' });
  };
  const head = (by: FakeLogKey | undefined, size = hub.log.tree.size): string =>
    signCheckpoint(
      formatCheckpoint({ origin: LOG_ORIGIN, size, root: hub.log.tree.root(size) }),
      ed25519NoteSigner(LOG_ORIGIN, by!.privateKey),
    );
  const alarmed = (code: string) =>
    eventually(`the alarm ${code}`, async () => (await alarmsOf(agent, 'K-235')).find((alarm) => alarm.code === code));
  /** A request and its opening, which rests on receipts of both. */
  const asked = async (): Promise<void> => void (await requestAt(agent, 'H-03', await ask(agent, 'H-03', [11])));

  it('goes on before, meanwhile and afterwards, without anybody’s doing and without a lost message', async () => {
    await asked();
    await hub.log.announceKey(next);
    await asked();
    await hub.log.retireKey();
    await asked();
    await caughtUp();
    await agent.restart();
    await asked();
    await caughtUp();
    expect(await alarmsOf(agent, 'K-235')).toEqual([]);
    expect(await state()).toMatchObject({ consistent: true });
  });

  it('finds the new key by the chain when it was away for the whole change, and again after a second one', async () => {
    for (const key of [next!, stranger!]) {
      await agent.stop();
      await hub.log.announceKey(key);
      filled(3);
      await hub.log.retireKey();
      filled(3);
      await agent.restart();
      await asked();
      await caughtUp();
    }
    expect(await alarmsOf(agent, 'K-235')).toEqual([]);
  });

  it('opens what was released under the new key alone though it had not seen it before', async () => {
    const before = hub.log.checkpoint();
    const exchange = ask(agent, 'H-03', [11]);
    hub.shownCheckpoint = () => before;
    await hub.log.announceKey(next);
    await hub.log.retireKey();
    hub.beforeRelease = () => (hub.shownCheckpoint = undefined);
    await requestAt(agent, 'H-03', await exchange);
    expect((await alarmsOf(agent, 'H-03')).filter(({ code }) => code === 'CHECKPOINT_INVALID')).toEqual([]);
  });

  it('goes on when a next key is withdrawn and another one takes over, and refuses what the lost one signs', async () => {
    await hub.log.announceKey(next);
    await asked();
    await hub.log.withdrawKey();
    await asked();
    await hub.log.announceKey(stranger);
    await hub.log.retireKey();
    await asked();
    await caughtUp();
    expect(await alarmsOf(agent, 'K-235')).toEqual([]);
    filled(2);
    hub.shownCheckpoint = () => head(next);
    await alarmed('CHECKPOINT_INVALID');
  });

  it('begins with the newest key, where that is the one that was configured', async () => {
    await hub.log.announceKey(next);
    await hub.log.retireKey();
    await agent.reconfigureProcess({ LOG_VERIFIER_KEY: verifierKey(LOG_ORIGIN, next!.publicKey) });
    await asked();
    const late = await TestAgent.start(hub, [{ id: 'T-01' }], undefined, {
      LOG_VERIFIER_KEY: verifierKey(LOG_ORIGIN, next!.publicKey),
    });
    try {
      await late.onboardAll();
      expect(await alarmsOf(late, 'T-01')).toEqual([]);
    } finally {
      await late.close();
    }
  });

  it('refuses a key to which nothing leads, also when the hub shows links for it', async () => {
    await caughtUp();
    const { size } = await state();
    filled(2);
    const foreign = new FakeLog(stranger);
    await foreign.announceKey();
    hub.log.keyLinks.splice(0, hub.log.keyLinks.length, ...foreign.keyLinks);
    hub.shownCheckpoint = () => head(stranger);
    await alarmed('CHECKPOINT_INVALID');
    expect(await state()).toMatchObject({ size });
  });

  it('refuses a key that an entry names without following the one before', async () => {
    const { x = '' } = stranger!.publicKey.export({ format: 'jwk' });
    const jwk = { kty: 'OKP' as const, crv: 'Ed25519' as const, x, alg: 'EdDSA' as const };
    hub.log.appendClear({ type: 'hub-key', record: await logKeyRecord({ jwk }) });
    expect(await alarmed('KEY_UNTRUSTED')).toMatchObject({ leafIndex: hub.log.tree.size - 1 });
    filled(2);
    hub.shownCheckpoint = () => head(stranger);
    await alarmed('CHECKPOINT_INVALID');
  });

  it.each([
    ['that it knows to be retired', true],
    ['whose retirement is among the entries themselves', false],
  ])('refuses a newer checkpoint by a key %s', async (_which, known) => {
    await hub.log.announceKey(next);
    await caughtUp();
    if (known) {
      await hub.log.retireKey();
      await caughtUp();
    }
    const { size } = await state();
    const old = hub.log.checkpoint();
    hub.shownCheckpoint = () => old;
    if (!known) await hub.log.retireKey();
    filled(2);
    hub.shownCheckpoint = () => head(first);
    await alarmed('CHECKPOINT_INVALID');
    expect(await state()).toMatchObject({ size, consistent: true });
    hub.shownCheckpoint = undefined;
    await caughtUp();
  });

  const post = (old: number, checkpoint: string): request.Test => {
    const proof = old === 0 ? [] : hub.log.tree.consistencyProof(old);
    return request(agent.app.getHttpServer())
      .post('/witness/add-checkpoint')
      .send(formatAddCheckpoint({ oldSize: old, proof, checkpoint }));
  };

  it('cosigns as a witness across the withdrawal of a lost next key, and nothing that the lost one signs', async () => {
    const shown = await bodyOf<{ verifierKey: string }>(agent.system('K-235').get('/v1/log/witness'));
    const witness = unwrap(parseCosignerKey(shown.verifierKey));
    let old = 0;
    const cosigned = async (): Promise<void> => {
      const checkpoint = hub.log.checkpoint();
      const { text } = await post(old, checkpoint).expect(200);
      expect(unwrap(cosignaturesIn(checkpoint + text, [witness]))).toHaveLength(1);
      old = hub.log.tree.size;
    };
    await cosigned();
    await hub.log.announceKey(next);
    await cosigned();
    await hub.log.withdrawKey();
    filled(2);
    // Whether or not it has looked at the log since.
    await post(old, head(next)).expect(403);
    await cosigned();
    await hub.log.announceKey(stranger);
    await cosigned();
    await hub.log.retireKey();
    filled(2);
    for (const key of [next, first]) await post(old, head(key)).expect(403);
    await cosigned();
  });

  it('cosigns as a witness what the new key signed, and nothing that a retired key signed beyond its end', async () => {
    await post(0, hub.log.checkpoint()).expect(200);
    const old = hub.log.tree.size;
    await hub.log.announceKey(next);
    await hub.log.retireKey();
    filled(4);
    // Whether or not it has looked at the log since.
    await post(old, head(first)).expect(403);
    const { text } = await post(old, hub.log.checkpoint()).expect(200);
    const shown = await bodyOf<{ verifierKey: string }>(agent.system('K-235').get('/v1/log/witness'));
    const witness = unwrap(parseCosignerKey(shown.verifierKey));
    expect(unwrap(cosignaturesIn(hub.log.checkpoint() + text, [witness]))).toHaveLength(1);
  });
});
