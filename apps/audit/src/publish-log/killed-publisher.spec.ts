import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestLog, inspect, publishAll, publisherOf } from './committed-log.fixture.js';
import { TileFolder } from './tile-folder.js';

/** Compiled: the process is a real one, and `kill -9` too. */
const program = fileURLToPath(
  new URL('../../../../dist/apps/audit/src/publish-log/dying-publisher.fixture.js', import.meta.url),
);
const run = promisify(execFile);

const publishInProcess = async (folder: string, dieAt: number, sizes: readonly number[]): Promise<string[]> => {
  const { stdout } = await run(process.execPath, [program, folder, String(dieAt), ...sizes.map(String)]);
  return stdout.trim().split('\n');
};

/** Each publication with the log as it stands before: the first of all, one entry more, one that fills two tiles. */
describe.each([
  { name: 'the first publication', before: [], sizes: [2] },
  { name: 'a publication that fills tile and bundle', before: [254], sizes: [254, 257] },
])('$name', ({ before, sizes }) => {
  const log = TestLog.withCheckpointsAt(...sizes);
  const last = sizes.at(-1) ?? 0;
  let temporary: string;
  let prepared: string;
  let steps: string[];

  beforeAll(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'killed-'));
    prepared = join(temporary, 'prepared');
    await publishAll(publisherOf(new TileFolder(prepared), TestLog.withCheckpointsAt(...before)));
    const whole = await copyOf('whole');
    steps = await publishInProcess(whole.path, 0, sizes);
  });
  afterAll(() => rm(temporary, { recursive: true, force: true }));

  async function copyOf(name: string): Promise<TileFolder> {
    const path = join(temporary, name);
    if (before.length > 0) await cp(prepared, path, { recursive: true });
    return new TileFolder(path);
  }

  it('shows a whole log and goes on to the newest, killed at whatever step', async () => {
    const told: unknown[] = [];
    const one = async (dieAt: number): Promise<void> => {
      const folder = await copyOf(`killed-${dieAt}`);
      const death = await publishInProcess(folder.path, dieAt, sizes).catch(({ signal }: { signal: string }) => signal);
      const killed = await inspect(folder, log.files);
      const publisher = publisherOf(folder, log);
      await publishAll(publisher);
      const after = await inspect(folder, log.files);
      const right =
        death === 'SIGKILL' &&
        killed.wrong.length === 0 &&
        publisher.sound &&
        after.wrong.length === 0 &&
        after.size === last;
      if (!right) told.push({ step: steps[dieAt - 1], death, killed, after });
    };
    const waiting = steps.map((_, at) => at + 1);
    const work = async (): Promise<void> => {
      for (let dieAt = waiting.shift(); dieAt !== undefined; dieAt = waiting.shift()) await one(dieAt);
    };
    await Promise.all([work(), work()]);
    expect(told).toEqual([]);
    expect(steps.length).toBeGreaterThan(15);
  }, 180_000);

  it('moves a file to its place only when its bytes are durable', () => {
    for (const [at, step] of steps.entries()) {
      const [what, from] = step.split(' ');
      if (what !== 'rename') continue;
      const written = steps.lastIndexOf(`write ${from}`, at);
      expect({ step, synced: steps.indexOf(`sync ${from}`, written) < at && written >= 0 }).toEqual({
        step,
        synced: true,
      });
    }
  });

  it('shows a checkpoint only when every folder of the files before it is durable', () => {
    const shown = steps.findLastIndex((step) => step.startsWith('rename') && step.endsWith(' checkpoint'));
    const moved = steps.slice(0, shown).filter((step) => step.startsWith('rename') && step.includes(' tile/'));
    expect(moved.length).toBeGreaterThan(1);
    for (const step of moved) {
      const folder = step.slice(step.lastIndexOf(' ') + 1, step.lastIndexOf('/'));
      const synced = steps.findIndex((other, at) => at > steps.indexOf(step) && other === `sync ${folder}`);
      expect({ step, synced: synced > 0 && synced < shown }).toEqual({ step, synced: true });
    }
  });
});
