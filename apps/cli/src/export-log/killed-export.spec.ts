import { execFile } from 'node:child_process';
import { appendFile, cp, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { entryBundlePath, tilePath } from '#merkle';
import { bodiesFile, checkpointFile } from '../domain/log-files.js';
import { LogFolder } from '../infra/log-folder.js';
import { SmallLog, asyncOf, withTemporaryFolder } from '../testing/small-log.fixture.js';
import { verifyLog } from '../verify-log/verify-log.js';
import { type ExportLogReport, type LogSource, exportLog } from './export-log.js';
import { TiledSource } from './tiled-source.js';

/** Compiled: the process is a real one, and `kill -9` too. */
const program = fileURLToPath(
  new URL('../../../../dist/apps/cli/src/export-log/dying-export.fixture.js', import.meta.url),
);
const run = promisify(execFile);
const log = SmallLog.ofSize(1_300);

/** Every file with its bytes, and every folder. */
async function contentOf(folder: string): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length);
    content[name] = entry.isDirectory() ? 'folder' : await readFile(path, 'base64');
  }
  return content;
}

const bodiesOf = (of: SmallLog) => (size: number, from: number) =>
  asyncOf(of.bodies.filter(({ index }) => index >= from && index < size));

function isCheckpoint(step: string): boolean {
  return step.endsWith(`/${checkpointFile}`);
}

describe.each([
  { name: 'an export', before: 0, firstStep: () => true },
  // Until then it goes as without one.
  { name: 'an export that replaces an earlier one', before: 700, firstStep: isCheckpoint },
])('$name', ({ before, firstStep }) => {
  let temporary: string;
  let whole: Record<string, string>;
  let steps: string[];

  const exportInProcess = async (target: string, dieAt = 0): Promise<string[]> => {
    const { stdout } = await run(process.execPath, [
      program,
      join(temporary, 'log'),
      target,
      log.verifierKey,
      `${dieAt}`,
    ]);
    return stdout.trim().split('\n');
  };

  beforeAll(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'killed-export-'));
    await log.export(join(temporary, 'log'));
    if (before > 0) await log.export(join(temporary, 'earlier'), before);
    steps = await exportInProcess(await begun('whole'));
    whole = await contentOf(join(temporary, 'whole'));
  });
  afterAll(() => rm(temporary, { recursive: true, force: true }));

  async function begun(name: string): Promise<string> {
    const target = join(temporary, name);
    if (before > 0) await cp(join(temporary, 'earlier'), target, { recursive: true });
    return target;
  }

  it('goes on to the same folder, byte for byte, killed at whatever step', async () => {
    const told: unknown[] = [];
    const one = async (dieAt: number): Promise<void> => {
      const target = await begun(`killed-${dieAt}`);
      const death = await exportInProcess(target, dieAt).catch(({ signal }: { signal: string }) => signal);
      const source = new TiledSource(new LogFolder(join(temporary, 'log')));
      await exportLog({ target, source, verifierKey: log.verifierKey, bodies: bodiesOf(log) });
      const same = JSON.stringify(await contentOf(target)) === JSON.stringify(whole);
      if (death !== 'SIGKILL' || !same) told.push({ step: steps[dieAt - 1], death, same });
    };
    const first = steps.findIndex(firstStep);
    const waiting = steps.map((_, at) => at + 1).slice(first);
    expect(waiting.length).toBeGreaterThan(before > 0 ? 4 : 20);
    const work = async (): Promise<void> => {
      for (let dieAt = waiting.shift(); dieAt !== undefined; dieAt = waiting.shift()) await one(dieAt);
    };
    await Promise.all([work(), work()]);
    expect(told).toEqual([]);
    expect((await readdir(temporary)).filter((name) => name.includes('.'))).toEqual([]);
  }, 180_000);
});

describe('an export that was interrupted', () => {
  /** What is left of one that stops before this entry. */
  const interruptedAt = async (target: string, entry: number, source = log.source()): Promise<void> => {
    const stopping: LogSource = {
      ...source,
      entries: async (from, to) => {
        if (from >= entry) throw new Error('interrupted');
        return (await source.entries(from, to)).slice(0, entry - from);
      },
    };
    await exportLog({ target, source: stopping, verifierKey: log.verifierKey }).catch(() => undefined);
  };
  const goOn = (target: string, source = log.source(), of = log): Promise<ExportLogReport> =>
    exportLog({ target, source, verifierKey: of.verifierKey, bodies: bodiesOf(of) });
  const asked: number[] = [];
  const asking = (): LogSource => {
    asked.length = 0;
    const source = log.source();
    return {
      ...source,
      entries: (from, to) => {
        asked.push(from);
        return source.entries(from, to);
      },
    };
  };
  const isWhole = async (target: string): Promise<void> =>
    expect(await verifyLog({ folder: new LogFolder(target), logVerifier: log.verifier })).toMatchObject({
      ok: true,
      size: 1_300,
      bodies: log.bodies.length,
    });

  it('asks only for what it has not, and leaves the full files as they are', () =>
    withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'export');
      await interruptedAt(target, 1_000);
      const files = [entryBundlePath(2), tilePath(0, 2)];
      const before = await Promise.all(files.map(async (file) => (await stat(join(`${target}.part`, file))).ino));
      expect(await goOn(target, asking())).toMatchObject({ kept: 768, size: 1_300 });
      expect(asked).toEqual([768]);
      expect(await Promise.all(files.map(async (file) => (await stat(join(target, file))).ino))).toEqual(before);
      await isWhole(target);
    }));

  it.each([
    ['a changed byte', (bundle: Buffer) => bundle.fill(bundle[40]! ^ 1, 40, 41)],
    ['half of it gone', (bundle: Buffer) => bundle.subarray(0, bundle.length / 2)],
    ['zeros, as a lost power leaves them', (bundle: Buffer) => Buffer.alloc(bundle.length)],
  ])('asks again for a bundle with %s', (_name, change) =>
    withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'export');
      await interruptedAt(target, 1_000);
      const path = join(`${target}.part`, entryBundlePath(1));
      await writeFile(path, change(await readFile(path)));
      expect(await goOn(target, asking())).toMatchObject({ kept: 256 });
      expect(asked[0]).toBe(256);
      await isWhole(target);
    }),
  );

  it('writes a changed tile anew', () =>
    withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'export');
      await interruptedAt(target, 1_000);
      await writeFile(join(`${target}.part`, tilePath(0, 1)), Buffer.alloc(8_192, 7));
      expect(await goOn(target)).toMatchObject({ kept: 768 });
      await isWhole(target);
    }));

  it('asks for everything again where the log shows no hashes to hold the files against', () =>
    withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'export');
      await interruptedAt(target, 1_000);
      expect((await goOn(target, { ...asking(), tile: async () => undefined })).kept).toBeUndefined();
      expect(asked[0]).toBe(0);
      await isWhole(target);
    }));

  it('goes on when the log has grown meanwhile, and leaves no partial file of the smaller one', () =>
    withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'export');
      await log.export(target, 700);
      await cp(target, `${target}.part`, { recursive: true });
      await rm(target, { recursive: true });
      expect(await goOn(target)).toMatchObject({ kept: 512, size: 1_300 });
      expect(await contentOf(target)).toEqual(await contentOf((await log.export(join(temporary, 'other'))).path));
    }));

  it('says where the log is no continuation of the one under which it began, and keeps both checkpoints', () =>
    withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'export');
      await interruptedAt(target, 600, log.source(700));
      const forked = log.entries.with(5, log.entries[6]!);
      const branch = new SmallLog();
      for (const entry of forked) branch.addEntry(entry);
      // Under the same key, as a log that forks has it.
      const signed = log.checkpointWith(1_300, branch.root);
      const lying: LogSource = { ...branch.source(), checkpoint: async () => signed };
      const report = await goOn(target, lying);
      expect(report).toMatchObject({ size: 1_300, problem: { code: 'LOG_INCONSISTENT' } });
      const folder = new LogFolder(report.folder);
      expect(await folder.readText(checkpointFile)).toBe(signed);
      expect(await folder.readText('checkpoint.begun')).toBe(log.checkpoint(700));
    }));

  it('is begun anew where what is left belongs to another log', () =>
    withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'export');
      const other = SmallLog.ofSize(600);
      await other.export(`${target}.part`);
      expect((await goOn(target)).kept).toBeUndefined();
      await isWhole(target);
    }));

  it.each([
    ['its last line is torn', (lines: string[]) => [...lines.slice(0, -1), lines.at(-1)!.slice(0, 60)]],
    ['a line says something else than its leaf', (lines: string[]) => lines.with(3, lines[3]!.replace('H-06', 'H-07'))],
    ['a line is spelled otherwise', (lines: string[]) => lines.with(3, lines[3]!.replace(',', ', '))],
    ['a line stands twice', (lines: string[]) => [...lines.slice(0, 3), ...lines.slice(2)]],
  ])('keeps of the bodies no more than what leads to the leaves: %s', (_name, change) =>
    withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'export');
      await log.export(target, 1_300);
      const whole = await contentOf(target);
      await cp(target, `${target}.part`, { recursive: true });
      await rm(target, { recursive: true });
      const file = join(`${target}.part`, bodiesFile);
      const lines = (await readFile(file, 'utf8')).trimEnd().split('\n').slice(0, 500);
      await writeFile(file, change(lines).join('\n'));
      await appendFile(file, '\n{"index":');
      await goOn(target);
      expect(await contentOf(target)).toEqual(whole);
    }),
  );

  it('drops a body that was erased meanwhile', () =>
    withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'export');
      const erasing = SmallLog.ofSize(300);
      await erasing.export(`${target}.part`);
      erasing.addTombstone(7);
      erasing.dropBodies(7);
      const { bodies } = await goOn(target, erasing.source(), erasing);
      expect(bodies).toBe(erasing.bodies.length);
      expect(await readFile(join(target, bodiesFile), 'utf8')).not.toContain('{"index":7,');
      const verified = await verifyLog({ folder: new LogFolder(target), logVerifier: erasing.verifier });
      expect(verified).toMatchObject({ ok: true, erased: 1 });
    }));
});
