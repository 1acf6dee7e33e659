import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { cosigner, cosignerKey, MemoryTree, signNote, withSignatureLines } from '#merkle';
import { alarmsOf, ask, requestAt } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { bodyOf, eventually, MovedClock, TestAgent } from '../fake-hub/test-agent.fixture.js';

const TEN_MINUTES_MS = 10 * 60_000;
const operators = ['kauniainen', 'host', 'kela'];
const keys = operators.map(() => generateKeyPairSync('ed25519'));
const policy = [
  ...operators.map((name, at) => `witness ${name} ${cosignerKey(`${name}.example/witness`, keys[at]!.publicKey)}`),
  'group majority 2 kauniainen host kela',
  'quorum majority',
  '',
].join('\n');

const cosigned = (note: string, by: readonly string[], at = new Date()): string =>
  withSignatureLines(
    note,
    by.map((name) => {
      const text = note.slice(0, note.indexOf('\n\n') + 1);
      const key = keys[operators.indexOf(name)]!.privateKey;
      return signNote(text, [cosigner(`${name}.example/witness`, key, at)])
        .slice(text.length + 1)
        .trimEnd();
    }),
  );

describe('an agent with a witness policy', () => {
  let hub: FakeHub;
  let agent: TestAgent;
  let clock: MovedClock;
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'witness-policy-'));
    await writeFile(join(folder, 'policy'), policy);
    clock = new MovedClock();
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [{ id: 'K-235' }, { id: 'H-03', pseudonymKeyFrom: ['K-235'] }], clock, {
      WITNESS_POLICY_FILE: join(folder, 'policy'),
    });
    await agent.onboardAll();
  });
  afterEach(async () => {
    await agent.close();
    await hub.close();
    await rm(folder, { recursive: true, force: true });
  });

  interface ShownLog {
    readonly size: number;
    readonly consistent: boolean;
    readonly witnessed?: { readonly size: number };
  }
  const log = (): Promise<ShownLog> => bodyOf<ShownLog>(agent.system('K-235').get('/v1/log'));
  const witnessed = (size: number): Promise<true> =>
    eventually(`${size} is witnessed`, async () => ((await log()).witnessed?.size === size ? true : undefined));
  const codes = async (): Promise<string[]> => (await alarmsOf(agent, 'K-235')).map(({ code }) => code);
  const opensAMessage = async (): Promise<void> => {
    await requestAt(agent, 'H-03', await ask(agent, 'H-03', [11]));
  };
  /** The agent has done with what it was shown until now: it looks for a second time. */
  const looked = async (): Promise<void> => {
    const { newest, cosigned: before } = hub.looks;
    await eventually('two more looks', () =>
      hub.looks.newest > newest + 1 && hub.looks.cosigned > before + 1 ? true : undefined,
    );
  };

  it('takes a checkpoint for witnessed that a majority of the operators cosigned, and shows it', async () => {
    await opensAMessage();
    const { size } = hub.log.tree;
    hub.cosignedCheckpoint = cosigned(hub.log.checkpoint(), ['kauniainen', 'kela']);
    await witnessed(size);
    hub.cosignedCheckpoint = cosigned(hub.log.checkpoint(size - 1), ['kauniainen', 'kela']);
    await looked();
    await witnessed(size);
    expect(await codes()).toEqual([]);
  });

  it('raises one alarm when receipts are not witnessed within ten minutes, and none while they are', async () => {
    await opensAMessage();
    hub.cosignedCheckpoint = cosigned(hub.log.checkpoint(), ['host', 'kela']);
    await witnessed(hub.log.tree.size);
    clock.moveOn(TEN_MINUTES_MS);
    await looked();
    expect(await codes()).toEqual([]);

    await opensAMessage();
    // One operator is not the majority, whatever else is cosigned.
    hub.cosignedCheckpoint = cosigned(hub.log.checkpoint(), ['host']);
    await looked();
    clock.moveOn(TEN_MINUTES_MS);
    await eventually('the alarm', async () => ((await codes()).includes('LOG_NOT_WITNESSED') ? true : undefined));
    await opensAMessage();
    await looked();
    clock.moveOn(TEN_MINUTES_MS);
    await looked();
    expect(await codes()).toEqual(['LOG_NOT_WITNESSED']);
  });

  it('raises it after ten minutes and not before', async () => {
    await opensAMessage();
    await looked();
    clock.moveOn(TEN_MINUTES_MS - 60_000);
    await looked();
    expect(await codes()).toEqual([]);
    clock.moveOn(60_000);
    await eventually('the alarm', async () => ((await codes()).includes('LOG_NOT_WITNESSED') ? true : undefined));
  });

  it('waits on after a restart', async () => {
    await opensAMessage();
    await looked();
    await agent.restart();
    clock.moveOn(TEN_MINUTES_MS);
    await eventually('the alarm', async () => ((await codes()).includes('LOG_NOT_WITNESSED') ? true : undefined));
  });

  it('notices that others are shown another branch: the witnessed checkpoint is none of the log that it follows', async () => {
    await opensAMessage();
    const size = hub.log.tree.size - 1;
    const branch = MemoryTree.of(Array.from({ length: size }, (_, at) => Buffer.alloc(32, at)));
    hub.cosignedCheckpoint = cosigned(hub.log.sign(size, branch.root()), operators);
    await eventually('the fork', async () => ((await codes()).includes('LOG_INCONSISTENT') ? true : undefined));
    expect((await log()).witnessed).toBeUndefined();
    expect((await log()).consistent).toBe(false);
  });

  it('notices a log that was cut: it stays smaller than it was', async () => {
    await eventually('all is followed', async () => ((await log()).size === hub.log.tree.size ? true : undefined));
    const cut = hub.log.checkpoint(hub.log.tree.size - 3);
    hub.shownCheckpoint = () => cut;
    await looked();
    expect(await codes()).toEqual([]);
    clock.moveOn(60_000);
    await eventually('the alarm', async () => ((await codes()).includes('LOG_INCONSISTENT') ? true : undefined));
  });

  it('says so when the cosigned checkpoint carries a signature that its witness did not make', async () => {
    const note = cosigned(hub.log.checkpoint(), ['host', 'kela']);
    hub.cosignedCheckpoint = note.replace(/.{8}\n$/, 'AAAAAA==\n');
    await eventually('the alarm', async () => ((await codes()).includes('CHECKPOINT_INVALID') ? true : undefined));
  });

  it('does not start with a policy that has no quorum', async () => {
    await writeFile(join(folder, 'policy'), policy.replace('quorum', '# quorum'));
    await expect(agent.restart()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
