import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { entryBundlePath, tilePath } from '#merkle';
import { verifierKeyFile } from '../domain/log-files.js';
import { LogFolder } from '../infra/log-folder.js';
import { SmallLog, asyncOf, withTemporaryFolder } from '../testing/small-log.fixture.js';
import { verifyLog } from '../verify-log/verify-log.js';
import { type ExportLogReport, type LogSource, exportLog } from './export-log.js';

const log = SmallLog.ofSize(1_300);

const exportTo = (target: string, source: LogSource): Promise<ExportLogReport> =>
  exportLog({ target, source, verifierKey: log.verifierKey });

describe('an exported log', () => {
  it('has the layout of C2SP tlog-tiles and verifies', () =>
    withTemporaryFolder(async (temporary) => {
      const folder = await log.export(join(temporary, 'export'));
      const files: string[] = [];
      for await (const path of folder.tileFiles()) files.push(path);
      expect(files.sort()).toEqual(
        [
          ...[0, 1, 2, 3, 4].map((n) => tilePath(0, n)),
          tilePath(0, 5, 20),
          tilePath(1, 0, 5),
          ...[0, 1, 2, 3, 4].map((n) => entryBundlePath(n)),
          entryBundlePath(5, 20),
        ].sort(),
      );
      expect(await folder.readText(verifierKeyFile)).toBe(`${log.verifierKey}\n`);
      expect(await verifyLog({ folder, logVerifier: log.verifier })).toMatchObject({ ok: true, size: 1_300 });
    }));

  it('ends at its checkpoint, also where the log grows meanwhile', () =>
    withTemporaryFolder(async (temporary) => {
      const growing: LogSource = { ...log.source(), checkpoint: async () => log.checkpoint(700) };
      const report = await exportLog({
        target: join(temporary, 'export'),
        source: growing,
        verifierKey: log.verifierKey,
        bodies: (size) => asyncOf(log.bodies.filter(({ index }) => index < size)),
      });
      expect(report).toMatchObject({ size: 700, bodies: 560 });
      const folder = new LogFolder(report.folder);
      expect(await verifyLog({ folder, logVerifier: log.verifier })).toMatchObject({ ok: true, size: 700 });
    }));

  it('takes answers of any length', () =>
    withTemporaryFolder(async (temporary) => {
      const sparing: LogSource = { ...log.source(300), entries: async (from) => log.entries.slice(from, from + 7) };
      const { folder } = await exportTo(join(temporary, 'export'), sparing);
      expect(await verifyLog({ folder: new LogFolder(folder), logVerifier: log.verifier })).toMatchObject({ ok: true });
    }));

  it('is kept as evidence where the entries do not lead to the signed root', () =>
    withTemporaryFolder(async (temporary) => {
      const lying: LogSource = {
        ...log.source(300),
        entries: async (from, to) => log.entries.with(7, log.entries[8]!).slice(from, to),
      };
      const { folder, problem } = await exportTo(join(temporary, 'export'), lying);
      expect(problem?.code).toBe('LOG_INCONSISTENT');
      expect(await new LogFolder(folder).has(entryBundlePath(0))).toBe(true);
    }));

  it('is kept as evidence where entries are held back', () =>
    withTemporaryFolder(async (temporary) => {
      const withholding: LogSource = { ...log.source(300), entries: async (from) => log.entries.slice(from, 290) };
      const { problem } = await exportTo(join(temporary, 'export'), withholding);
      expect(problem?.code).toBe('LOG_INCONSISTENT');
    }));

  it('is refused under another key than the one that is known', () =>
    withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'export');
      const exporting = exportLog({ target, source: log.source(), verifierKey: new SmallLog().verifierKey });
      await expect(exporting).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' });
    }));
});

describe('a later export into the same folder', () => {
  it('replaces the earlier one when the log has grown from it', () =>
    withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'export');
      await log.export(target, 300);
      expect(await exportTo(target, log.source(900))).toMatchObject({ folder: target, earlierSize: 300, size: 900 });
      expect(await readdir(temporary)).toEqual(['export']);
      // No partial file of the earlier size is left to be taken for one of this size.
      expect(await new LogFolder(target).has(tilePath(0, 1, 44))).toBe(false);
    }));

  it('lies beside it when the log is another one of the same name: both branches are in hand', () =>
    withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'export');
      await log.export(target, 300);
      const entries = log.entries.with(5, log.entries[6]!);
      const report = await exportTo(target, {
        ...log.source(900),
        entries: async (from, to) => entries.slice(from, to),
      });
      expect(report).toMatchObject({ problem: { code: 'LOG_INCONSISTENT' }, folder: `${target}.conflict-900` });
      const earlier = await verifyLog({ folder: new LogFolder(target), logVerifier: log.verifier });
      expect(earlier).toMatchObject({ ok: true, size: 300 });
    }));

  it('lies beside it when the log has become shorter', () =>
    withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'export');
      await log.export(target, 300);
      expect(await exportTo(target, log.source(200))).toMatchObject({ problem: { code: 'LOG_INCONSISTENT' } });
    }));

  it('does not touch a folder that holds something else', () =>
    withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'export');
      await mkdir(target);
      await writeFile(join(target, 'thesis.txt'), 'ten years of work');
      await expect(exportTo(target, log.source(10))).rejects.toMatchObject({ code: 'CONFLICT' });
      expect(await readFile(join(target, 'thesis.txt'), 'utf8')).toBe('ten years of work');
    }));
});
