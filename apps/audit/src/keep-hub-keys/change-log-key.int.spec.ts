import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type LogKeyChain, decodeEntry, followLogKeys, logKeysFile, parseLogKeyLinks, readStatement } from '#envelope';
import { unwrap } from '#kernel';
import {
  MemoryTree,
  formatCheckpoint,
  formatProof,
  leafHash,
  openCheckpoint,
  parseProof,
  signCheckpoint,
  verifyProof,
} from '#merkle';
import { LogKey } from '../infra/log-key.js';
import { ExpectedFiles, inspect } from '../publish-log/committed-log.fixture.js';
import { TileFolder } from '../publish-log/tile-folder.js';
import { AuditGround, eventually } from '../testing/audit.fixture.js';
import type { ChangingAnswer, ChangingOrder } from './changing-process.fixture.js';

/** Compiled: the process is a real one, and `kill -9` too. */
const program = fileURLToPath(
  new URL('../../../../dist/apps/audit/src/keep-hub-keys/changing-process.fixture.js', import.meta.url),
);

const origin = 'log.test/changing';

let ground: AuditGround;
/** Lives until an order kills it: reading the program costs more than anything that it does here. */
let running: ChildProcess | undefined;

beforeEach(async () => {
  ground = await AuditGround.lay();
});
afterEach(async () => {
  await stop();
  await ground.clear();
});
afterAll(() => void running?.kill('SIGKILL'));

/** The service with these key files, in the place of the one that ran before. */
async function run(present: string, next?: string, withdrawn?: string): Promise<void> {
  const { serviceUrl: url, folder } = ground;
  const keys = { ...(next !== undefined && { next }), ...(withdrawn !== undefined && { withdrawn }) };
  if (!lives()) running = fork(program);
  expect(await order({ start: { url, folder, origin, present, ...keys } })).toEqual({ done: true });
}

async function stop(): Promise<void> {
  if (lives()) expect(await order({ start: null })).toEqual({ done: true });
}

const lives = (): boolean => running?.exitCode === null && running.signalCode === null;

/** The answer, or the signal of which the process died without one. */
function order(sent: ChangingOrder): Promise<ChangingAnswer | string> {
  const child = running;
  if (!child) throw new Error('nothing runs');
  return new Promise((resolve) => {
    const settle = (outcome: ChangingAnswer | string): void => {
      child.off('message', settle).off('exit', onExit);
      resolve(outcome);
    };
    const onExit = (_code: number | null, signal: string | null): void => settle(String(signal));
    child.on('message', settle).on('exit', onExit);
    child.send(sent);
  });
}

async function note(sent: ChangingOrder): Promise<string> {
  const answer = await order(sent);
  if (typeof answer === 'string' || !('note' in answer)) throw new Error(JSON.stringify(answer));
  return answer.note;
}

const key = (name: string): Promise<LogKey> => LogKey.load(origin, join(ground.folder, name));
const publicFolder = (): TileFolder => new TileFolder(join(ground.folder, 'public'));
const signaturesOf = (text: string): number => text.split('\n').filter((line) => line.startsWith('\u2014')).length;

/** As somebody follows the published links who knows one key. */
async function chainFrom(name: string): Promise<LogKeyChain> {
  const text = await readFile(join(publicFolder().path, logKeysFile), 'utf8');
  return unwrap(await followLogKeys((await key(name)).verifierKey, unwrap(parseLogKeyLinks(text))));
}

async function entries(): Promise<Buffer[]> {
  const text = 'SELECT entry FROM audit.entry ORDER BY leaf_index';
  return ground.owner(async (client) => (await client.query<{ entry: Buffer }>(text)).rows.map(({ entry }) => entry));
}

/** What the log says of its keys, by the leaves. */
async function said(): Promise<string[]> {
  return (await entries()).flatMap((entry) => {
    const decoded = unwrap(decodeEntry(entry));
    if (decoded.kind !== 'clear' || decoded.record.type !== 'hub-key') return [];
    const { use, follows, retires, withdraws } = unwrap(readStatement('hub-key', decoded.record.record)).payload;
    if (use !== 'log') return [];
    if (withdraws !== undefined) return ['withdrawn'];
    return [retires !== undefined ? 'retired' : follows !== undefined ? 'announced' : 'first'];
  });
}

/** Every checkpoint of the database and every published file, as an outsider checks them who knows that key alone. */
async function expectSoundFrom(name: string): Promise<void> {
  const chain = await chainFrom(name);
  const all = await entries();
  const tree = MemoryTree.of(all.map((entry) => leafHash(entry)));
  const { rows } = await ground.owner((client) => client.query<{ note: string }>('SELECT note FROM audit.checkpoint'));
  for (const row of rows) {
    const { size, root } = unwrap(openCheckpoint(row.note, chain));
    expect({ size, root }).toEqual({ size, root: tree.root(size) });
  }
  await eventually(async () => {
    const { size, wrong } = await inspect(publicFolder(), new ExpectedFiles((index) => all[index]!, tree), chain);
    expect(wrong).toEqual([]);
    return size === tree.size ? true : undefined;
  });
}

describe('a log that changes its key', () => {
  it('is signed by the old key, by both, by the new one, and is found whole from either', async () => {
    await run('old.jwk');
    await note({ announce: true });
    const before = await note({ append: 20 });
    const kept = MemoryTree.of((await entries()).map((entry) => leafHash(entry)));

    await run('old.jwk', 'new.jwk');
    await note({ announce: true });
    const meanwhile = await note({ append: 30 });

    await run('new.jwk');
    await note({ announce: true });
    const afterwards = await note({ append: 300 });

    expect([before, meanwhile, afterwards].map(signaturesOf)).toEqual([1, 2, 1]);
    expect(await said()).toEqual(['first', 'announced', 'retired']);
    const [old, fresh] = await Promise.all([key('old.jwk'), key('new.jwk')]);
    for (const { verifier } of [old, fresh]) expect(openCheckpoint(meanwhile, verifier).ok).toBe(true);
    expect(openCheckpoint(before, old.verifier).ok).toBe(true);
    expect(openCheckpoint(afterwards, fresh.verifier).ok).toBe(true);
    for (const name of ['old.jwk', 'new.jwk']) {
      await expectSoundFrom(name);
      // A proof file that was given before the change.
      const proof = unwrap(parseProof(formatProof({ index: 7, proof: kept.inclusionProof(7), checkpoint: before })));
      expect(verifyProof(proof, leafHash((await entries())[7]!), await chainFrom(name)).ok).toBe(true);
    }
    const head = { origin, size: 500, root: randomBytes(32) };
    const stolen = signCheckpoint(formatCheckpoint(head), old.signer);
    expect(openCheckpoint(stolen, await chainFrom('old.jwk'))).toMatchObject({ ok: false });
  });

  it.each(['before-commit', 'after-commit', 'before-shown'] as const)(
    'announces the next key once, killed %s and started again',
    async (die) => {
      await run('old.jwk');
      await note({ announce: true });
      await run('old.jwk', 'new.jwk');
      expect(await order({ announce: true, die })).toBe('SIGKILL');
      await run('old.jwk', 'new.jwk');
      await note({ announce: true });
      await note({ append: 3 });
      expect(await said()).toEqual(['first', 'announced']);
      for (const name of ['old.jwk', 'new.jwk']) await expectSoundFrom(name);
    },
  );

  it.each(['before-commit', 'after-commit', 'before-shown'] as const)(
    'retires the old key once, killed %s and started again',
    async (die) => {
      await run('old.jwk', 'new.jwk');
      await note({ announce: true });
      await run('new.jwk');
      expect(await order({ announce: true, die })).toBe('SIGKILL');
      await run('new.jwk');
      await note({ append: 2 });
      await note({ announce: true });
      await note({ append: 3 });
      expect(await said()).toEqual(['first', 'announced', 'retired']);
      for (const name of ['old.jwk', 'new.jwk']) await expectSoundFrom(name);
    },
  );

  it('signs nothing by the next key alone before everybody can find it', async () => {
    await run('old.jwk', 'new.jwk');
    expect(await order({ announce: true, die: 'before-shown' })).toBe('SIGKILL');
    await run('new.jwk');
    const alone = await note({ append: 1 });
    expect(signaturesOf(alone)).toBe(1);
    expect(openCheckpoint(alone, await chainFrom('old.jwk')).ok).toBe(true);
  });

  it('does not go on under a key that it has not announced', async () => {
    await run('old.jwk');
    await note({ announce: true });
    await run('old.jwk', 'new.jwk');
    expect(await order({ announce: true, die: 'before-commit' })).toBe('SIGKILL');
    for (const name of ['new.jwk', 'stranger.jwk']) {
      await run(name);
      expect(await order({ append: 1 })).toEqual({ halted: 'CONFIG_INVALID' });
    }
  });

  it('does not go on under a key that was retired, alone or beside the new one', async () => {
    await run('old.jwk', 'new.jwk');
    await note({ announce: true });
    await run('new.jwk');
    await note({ announce: true });
    for (const [present, next] of [['old.jwk'], ['old.jwk', 'new.jwk'], ['new.jwk', 'old.jwk']] as const) {
      await run(present, next);
      expect(await order({ append: 1 })).toEqual({ halted: 'CONFIG_INVALID' });
    }
  });

  describe('whose next key is lost before it takes over', () => {
    let lost: LogKey;

    beforeEach(async () => {
      await run('old.jwk', 'lost.jwk');
      await note({ announce: true });
      await note({ append: 5 });
      lost = await key('lost.jwk');
    });
    const lostAndStolen = (size: number): string =>
      signCheckpoint(formatCheckpoint({ origin, size, root: randomBytes(32) }), lost.signer);

    it('withdraws it in the log and announces another one, which takes over; the lost one counts no more', async () => {
      await rm(join(ground.folder, 'lost.jwk'));
      await run('old.jwk', undefined, lost.verifierKey);
      await note({ announce: true });
      const withdrawn = await note({ append: 2 });
      expect(signaturesOf(withdrawn)).toBe(1);
      await run('old.jwk', 'new.jwk', lost.verifierKey);
      await note({ announce: true });
      await run('new.jwk', undefined, lost.verifierKey);
      await note({ announce: true });
      const { size } = unwrap(openCheckpoint(await note({ append: 3 }), (await key('new.jwk')).verifier));
      expect(await said()).toEqual(['first', 'announced', 'withdrawn', 'announced', 'retired']);
      for (const name of ['old.jwk', 'new.jwk']) {
        await expectSoundFrom(name);
        expect(openCheckpoint(lostAndStolen(size), await chainFrom(name))).toMatchObject({ ok: false });
      }
    }, 180_000);

    it('withdraws it and announces the other one at once', async () => {
      await run('old.jwk', 'new.jwk', lost.verifierKey);
      await note({ announce: true });
      expect(signaturesOf(await note({ append: 2 }))).toBe(2);
      expect(await said()).toEqual(['first', 'announced', 'withdrawn', 'announced']);
      for (const name of ['old.jwk', 'new.jwk']) await expectSoundFrom(name);
    });

    it.each(['before-commit', 'after-commit', 'before-shown'] as const)(
      'withdraws it once, killed %s and started again',
      async (die) => {
        await run('old.jwk', undefined, lost.verifierKey);
        expect(await order({ announce: true, die })).toBe('SIGKILL');
        await run('old.jwk', undefined, lost.verifierKey);
        await note({ append: 2 });
        await note({ announce: true });
        await note({ append: 3 });
        expect(await said()).toEqual(['first', 'announced', 'withdrawn']);
        await expectSoundFrom('old.jwk');
        expect(openCheckpoint(lostAndStolen(500), await chainFrom('old.jwk'))).toMatchObject({ ok: false });
      },
    );

    it('does not go on with another next key while the lost one is not withdrawn', async () => {
      await run('old.jwk', 'new.jwk');
      expect(await order({ append: 1 })).toEqual({ halted: 'CONFIG_INVALID' });
    });

    it('does not take it back, alone or beside another one', async () => {
      await run('old.jwk', undefined, lost.verifierKey);
      await note({ announce: true });
      for (const [present, next] of [['lost.jwk'], ['old.jwk', 'lost.jwk']] as const) {
        await run(present, next);
        expect(await order({ append: 1 })).toEqual({ halted: 'CONFIG_INVALID' });
      }
    }, 180_000);

    it('withdraws no key that it signs with, that it has not announced, or that was in use', async () => {
      const stranger = await key('stranger.jwk');
      const old = await key('old.jwk');
      for (const [present, next, withdrawn] of [
        ['old.jwk', 'lost.jwk', lost.verifierKey],
        ['old.jwk', undefined, old.verifierKey],
        ['old.jwk', undefined, stranger.verifierKey],
        ['lost.jwk', undefined, old.verifierKey],
      ] as const) {
        await run(present, next, withdrawn);
        expect(await order({ append: 1 })).toEqual({ halted: 'CONFIG_INVALID' });
      }
      expect(await said()).toEqual(['first', 'announced']);
    });
  });

  it.each([['the new key'], ['both keys']])(
    'is not appended to from a backup that is older than the change, with %s',
    async (which) => {
      await run('old.jwk');
      await note({ announce: true });
      const { size } = unwrap(openCheckpoint(await note({ append: 5 }), (await key('old.jwk')).verifier));
      await run('old.jwk', 'new.jwk');
      await note({ announce: true });
      await run('new.jwk');
      await note({ announce: true });
      await note({ append: 5 });
      await expectSoundFrom('old.jwk');
      await stop();
      await ground.owner(async (client) => {
        for (const table of ['entry', 'entry_secret', 'entry_index', 'chain_run', 'checkpoint'])
          await client.query(`ALTER TABLE audit.${table} DISABLE TRIGGER ALL`);
        for (const table of ['entry', 'entry_secret', 'entry_index'])
          await client.query(`DELETE FROM audit.${table} WHERE leaf_index >= $1`, [size]);
        await client.query('DELETE FROM audit.chain_run WHERE last_leaf >= $1', [size]);
        await client.query('DELETE FROM audit.checkpoint WHERE tree_size > $1', [size]);
      });
      if (which === 'both keys') await run('old.jwk', 'new.jwk');
      else await run('new.jwk');
      const answer = await order({ append: 1 });
      expect(answer).toEqual({ halted: which === 'both keys' ? 'LOG_INCONSISTENT' : 'CONFIG_INVALID' });
    },
  );
});
