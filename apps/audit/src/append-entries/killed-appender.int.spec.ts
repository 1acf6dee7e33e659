import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type EventId, newEventId, unwrap } from '#kernel';
import { MemoryTree, leafHash, openCheckpoint } from '#merkle';
import { LogKey } from '../infra/log-key.js';
import { ExpectedFiles, inspect } from '../publish-log/committed-log.fixture.js';
import { TileFolder } from '../publish-log/tile-folder.js';
import { AuditGround, eventually } from '../testing/audit.fixture.js';
import type { AppendAnswer, AppendOrder } from './appending-process.fixture.js';

/** Compiled: the process is a real one, and `kill -9` too. */
const program = fileURLToPath(
  new URL('../../../../dist/apps/audit/src/append-entries/appending-process.fixture.js', import.meta.url),
);
const ids = (count: number): EventId[] => Array.from({ length: count }, () => newEventId());

let ground: AuditGround;
let running: ChildProcess[] = [];

beforeEach(async () => {
  ground = await AuditGround.lay();
});
afterEach(async () => {
  for (const child of running) child.kill('SIGKILL');
  running = [];
  await ground.clear();
});

const keyFile = (): string => join(ground.folder, 'log.jwk');
const publicFolder = (): TileFolder => new TileFolder(join(ground.folder, 'public'));

function startProcess(): ChildProcess {
  const child = fork(program, [ground.serviceUrl, keyFile(), publicFolder().path]);
  running.push(child);
  return child;
}

/** The process's answer, or the signal of which it died without one. */
function order(child: ChildProcess, sent: AppendOrder): Promise<AppendAnswer | string> {
  return new Promise((resolve) => {
    const settle = (outcome: AppendAnswer | string): void => {
      child.off('message', onMessage).off('exit', onExit);
      resolve(outcome);
    };
    const onMessage = (answer: AppendAnswer): void => {
      if (answer.order === sent.eventIds[0]) settle(answer);
    };
    const onExit = (_code: number | null, signal: string | null): void => settle(String(signal));
    child.on('message', onMessage).on('exit', onExit);
    child.send(sent);
  });
}

/** The committed log with every checkpoint, and the published one when it has caught up: as an outsider checks them. */
async function expectSound(): Promise<number> {
  const { entries, checkpoints } = await ground.owner(async (client) => ({
    entries: (await client.query<{ entry: Buffer }>('SELECT entry FROM audit.entry ORDER BY leaf_index')).rows,
    checkpoints: (await client.query<{ note: string }>('SELECT note FROM audit.checkpoint')).rows,
  }));
  const { verifier } = await LogKey.load('log.test/killed', keyFile());
  const tree = MemoryTree.of(entries.map(({ entry }) => leafHash(entry)));
  for (const { note } of checkpoints) {
    const { size, root } = unwrap(openCheckpoint(note, verifier));
    expect({ size, root }).toEqual({ size, root: tree.root(size) });
  }
  const files = new ExpectedFiles((index) => entries[index]!.entry, tree);
  await eventually(async () => {
    const { size, wrong } = await inspect(publicFolder(), files, verifier);
    expect(wrong).toEqual([]);
    return size === tree.size ? true : undefined;
  });
  return tree.size;
}

describe('an appender killed with kill -9', () => {
  it.each(['before-commit', 'after-commit'] as const)(
    '%s, before it answered, leaves one leaf for each event and one root for each size',
    async (die) => {
      const first = startProcess();
      expect(await order(first, { eventIds: ids(300) })).toMatchObject({ size: 300 });
      const uncertain = ids(5);
      expect(await order(first, { eventIds: uncertain, die })).toBe('SIGKILL');

      const second = startProcess();
      const answer = await order(second, { eventIds: uncertain });
      expect(answer).toMatchObject({ leaves: [300, 301, 302, 303, 304], size: 305 });
      expect(await order(second, { eventIds: ids(1) })).toMatchObject({ leaves: [305], size: 306 });
      expect(await expectSound()).toBe(306);
    },
  );

  it('while another stands by loses no answered entry, and the other goes on', async () => {
    const [first, second] = [startProcess(), startProcess()];
    const answered = new Map<EventId, number>();
    const append = async (child: ChildProcess, eventIds: EventId[]): Promise<boolean> => {
      const answer = await order(child, { eventIds });
      if (typeof answer === 'string' || !('leaves' in answer)) return false;
      for (const [at, leaf] of answer.leaves.entries()) answered.set(eventIds[at]!, leaf);
      return true;
    };
    // Whichever has the lock answers; the other one's order waits until it has.
    const active = await Promise.race(
      [first, second].map(async (child) => {
        await append(child, ids(10));
        return child;
      }),
    );
    const other = active === first ? second : first;
    for (let round = 0; round < 20; round += 1) await append(active, ids(20));
    const last = append(active, ids(20));
    active.kill('SIGKILL');
    await last;
    await eventually(async () => ((await append(other, ids(1))) ? true : undefined));
    for (let round = 0; round < 5; round += 1) expect(await append(other, ids(20))).toBe(true);
    await expectSound();
    const stored = await ground.owner(
      async (client) =>
        (
          await client.query<{ event_id: string; leaf_index: string }>(
            `SELECT replace(event_id::text, '-', '') AS event_id, leaf_index FROM audit.entry`,
          )
        ).rows,
    );
    const leaves = new Map(stored.map(({ event_id, leaf_index }) => [event_id, Number(leaf_index)]));
    expect([...answered].filter(([eventId, leaf]) => leaves.get(eventId) !== leaf)).toEqual([]);
  });
});

describe('a database that is behind what was published', () => {
  it('is not appended to: a restored backup makes no second root of one size', async () => {
    const first = startProcess();
    await order(first, { eventIds: ids(10) });
    const size = await expectSound();
    first.kill('SIGKILL');
    await ground.owner(async (client) => {
      for (const table of ['entry', 'entry_secret', 'entry_index', 'chain_run', 'checkpoint'])
        await client.query(`ALTER TABLE audit.${table} DISABLE TRIGGER ALL`);
      for (const table of ['entry', 'entry_secret', 'entry_index', 'chain_run'])
        await client.query(`DELETE FROM audit.${table} WHERE true`);
      await client.query('DELETE FROM audit.checkpoint WHERE tree_size > 0');
    });
    const refused = await order(startProcess(), { eventIds: ids(1) });
    expect(JSON.stringify(refused)).toContain('LOG_INCONSISTENT');
    expect(size).toBe(10);
  });
});
