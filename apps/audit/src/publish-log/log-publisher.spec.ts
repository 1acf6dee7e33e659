import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AppError } from '#kernel';
import { entryBundlePath, tilePath } from '#merkle';
import { until } from '#testing';
import {
  TestLog,
  entryAt,
  filesBelow,
  impliedPaths,
  inspect,
  publishAll,
  publisherOf,
} from './committed-log.fixture.js';
import type { LogPublisher } from './log-publisher.js';
import { TileFolder, checkpointFile } from './tile-folder.js';

let folder: TileFolder;

beforeEach(async () => {
  folder = new TileFolder(await mkdtemp(join(tmpdir(), 'published-')));
});
afterEach(() => rm(folder.path, { recursive: true, force: true }));

async function publish(log: TestLog): Promise<{ publisher: LogPublisher; contradiction: AppError | undefined }> {
  const publisher = publisherOf(folder, log);
  let contradiction: AppError | undefined;
  publisher.onContradiction((error) => (contradiction = error));
  await publishAll(publisher);
  return { publisher, contradiction };
}

const spoil = (path: string, content: string | Buffer): Promise<void> => writeFile(join(folder.path, path), content);

describe('the published log', () => {
  it.each([0, 1, 2, 255, 256, 257, 511, 513, 9_000, 65_537])(
    'of size %i is whole, however it came to that size',
    async (size) => {
      const log = TestLog.withCheckpointsAt(0, Math.floor(size / 3), Math.floor(size / 2), size);
      await publish(log);
      expect(await inspect(folder, log.files)).toEqual({ size, wrong: [] });
    },
  );

  it('has nothing but what its checkpoint implies, when it grew by single entries', async () => {
    const log = TestLog.withCheckpointsAt(0);
    for (let size = 200; size <= 260; size += 1) {
      log.growTo(size);
      await publish(log);
    }
    expect(await filesBelow(folder)).toEqual(
      [
        checkpointFile,
        ...impliedPaths(260),
        // Partial ones go with the full one that replaces them: these still stand beside the edge.
        ...[1, 2, 3].flatMap((width) => [tilePath(0, 1, width), entryBundlePath(1, width)]),
      ].sort(),
    );
  });

  it('answers for a partial tile as before when the full one has replaced it', async () => {
    const log = TestLog.withCheckpointsAt(0, 100, 300);
    await publish(log);
    for (const path of [tilePath(0, 0, 100), entryBundlePath(0, 100), tilePath(0, 0, 7), entryBundlePath(0, 255)]) {
      expect(await folder.read(path)).toBeUndefined();
      expect(await folder.readPublic(path)).toEqual(log.files.content(path));
    }
  });

  it.each(['tile/0/001', 'tile/0/001.p/45', 'tile/1/000', '../log.json', 'tile/../checkpoint', 'log.json', '.staging'])(
    'has no %s',
    async (path) => {
      await publish(TestLog.withCheckpointsAt(0, 300));
      expect(await folder.readPublic(path)).toBeUndefined();
    },
  );

  it('goes on from where it was', async () => {
    const log = TestLog.withCheckpointsAt(0, 300);
    await publish(log);
    const read: [number, number][] = [];
    const entries = log.entries.bind(log);
    log.entries = (from, to) => {
      read.push([from, to]);
      return entries(from, to);
    };
    log.growTo(700);
    await publish(log);
    expect(read).toEqual([[300, 700]]);
    expect(await inspect(folder, log.files)).toEqual({ size: 700, wrong: [] });
  });

  it('never shows a smaller checkpoint than before while it is compared from its beginning', async () => {
    const log = TestLog.withCheckpointsAt(0, 9_000, 17_000);
    await publish(log);
    await rm(join(folder.path, tilePath(0, 66, 104)));
    const sizes = new Set<string | undefined>();
    const entries = log.entries.bind(log);
    log.entries = async (from, to) => {
      sizes.add(await folder.checkpoint());
      return entries(from, to);
    };
    await publish(log);
    expect([...sizes]).toEqual([log.checkpoint(17_000).note]);
    expect(await inspect(folder, log.files)).toEqual({ size: 17_000, wrong: [] });
  });

  it('has many full tiles at once and, within the pause, no further checkpoint with its unfinished ones', async () => {
    const log = TestLog.withCheckpointsAt(0, 300);
    const publisher = publisherOf(folder, log, 60_000);
    publisher.wake();
    await until('the checkpoint', async () => (await folder.checkpoint()) === log.checkpoint(300).note);
    log.growTo(9_000);
    publisher.wake();
    await until('the full tile', async () => (await folder.read(tilePath(0, 34))) !== undefined);
    expect(await folder.checkpoint()).toBe(log.checkpoint(300).note);
    expect(await folder.read(tilePath(0, 35, 40))).toBeUndefined();
    await publisher.close();
    expect(await inspect(folder, log.files)).toEqual({ size: 9_000, wrong: [] });
  });

  it('is tried again when the folder could not be written', async () => {
    const log = TestLog.withCheckpointsAt(0);
    await publish(log);
    log.growTo(10);
    await spoil('tile', 'a file where a folder belongs');
    const publisher = publisherOf(folder, log);
    await publishAll(publisher);
    expect(publisher.sound).toBe(true);
    expect(await folder.checkpoint()).toBe(log.checkpoint(0).note);
    await rm(join(folder.path, 'tile'));
    await publish(log);
    expect(await inspect(folder, log.files)).toEqual({ size: 10, wrong: [] });
  });
});

describe('a contradiction', () => {
  it.each([
    ['an entry that was changed', (log: TestLog) => (log.entriesCommitted[310] = entryAt(5))],
    ['an entry that is missing', (log: TestLog) => log.entriesCommitted.splice(310, 1)],
    ['a changed entry of an earlier checkpoint', (log: TestLog) => (log.entriesCommitted[290] = entryAt(5))],
  ])('of entries and checkpoint: %s is published to nobody', async (_, change) => {
    const log = TestLog.withCheckpointsAt(0, 200);
    await publish(log);
    log.growTo(300);
    log.growTo(400);
    change(log);
    const { publisher, contradiction } = await publish(log);
    expect(contradiction?.code).toBe('LOG_INCONSISTENT');
    expect(publisher.sound).toBe(false);
    expect(await inspect(folder, log.files)).toEqual({ size: 200, wrong: [] });
  });

  it('of a log that is shorter than what was published, as after a restore from a backup, is told', async () => {
    await publish(TestLog.withCheckpointsAt(0, 300));
    expect((await publish(TestLog.withCheckpointsAt(0, 200))).contradiction?.code).toBe('LOG_INCONSISTENT');
  });

  it('of another log of the same size, seen when its tiles are not whole either, is told', async () => {
    const log = TestLog.withCheckpointsAt(0, 300);
    await publish(log);
    await spoil(tilePath(0, 1, 44), Buffer.alloc(44 * 32));
    expect((await publish(log)).contradiction?.code).toBe('LOG_INCONSISTENT');
    expect((await readFile(join(folder.path, tilePath(0, 1, 44)))).equals(Buffer.alloc(44 * 32))).toBe(true);
  });

  it('of a tile that another branch left behind an unfinished publication is told', async () => {
    const log = TestLog.withCheckpointsAt(0, 100);
    await publish(log);
    await spoil(join('tile', '0', '000'), Buffer.alloc(8_192, 1));
    log.growTo(300);
    const { contradiction } = await publish(log);
    expect(contradiction?.code).toBe('LOG_INCONSISTENT');
    expect(await folder.checkpoint()).toBe(log.checkpoint(100).note);
  });

  it('of a checkpoint under another key is told', async () => {
    const log = TestLog.withCheckpointsAt(0, 100);
    await publish(log);
    await spoil(checkpointFile, 'log.test/other\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n');
    expect((await publish(log)).contradiction?.code).toBe('LOG_INCONSISTENT');
  });
});
