import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { entryBundlePath, tilePath } from '#merkle';
import { LogFolder } from '../../apps/cli/src/infra/log-folder.js';
import { flipByte } from '../../apps/cli/src/testing/flip-byte.fixture.js';
import { SmallLog } from '../../apps/cli/src/testing/small-log.fixture.js';
import { buildTesseraFsck, buildVerifier, describeGo, goBinaries, output } from './go-tools.js';

const sizes = [1, 255, 256, 257, 600];
const logs = new Map(sizes.map((size) => [size, SmallLog.ofSize(size)]));
const [noVerifier, noFsck] = await Promise.all([buildVerifier(), buildTesseraFsck()]);
let temporary: string;

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'kotovayla-go-logs-'));
  for (const [size, log] of logs) await log.export(join(temporary, String(size)));
  next = (await changing.changeKey({ retire: false })).verifierKey;
  await changing.export(join(temporary, 'changing'));
});
afterAll(async () => {
  for (const folder of [temporary, goBinaries]) await rm(folder, { recursive: true, force: true });
});

/** Signed by both keys, while the log changes from one to the other. */
const changing = SmallLog.ofSize(250);
let next: string;

const logOf = (size: number): SmallLog => logs.get(size)!;

async function spoilt(name: string, size: number, path: string, at: number): Promise<string> {
  const folder = join(temporary, name);
  await cp(join(temporary, String(size)), folder, { recursive: true });
  await flipByte(new LogFolder(folder), path, at);
  return folder;
}

const faults: [string, string, number][] = [
  ['an entry', entryBundlePath(1), 60],
  ['the lowest tile', tilePath(0, 1), 40],
  ['a tile above it', tilePath(1, 0, 2), 3],
  ['the checkpoint', 'checkpoint', 30],
];

describeGo('golang.org/x/mod/sumdb/{note,tlog} over an exported log', noVerifier, () => {
  test.each(sizes)('verifies %i entries', async (size) => {
    const printed = await output('verify-log', [join(temporary, String(size)), logOf(size).verifierKey]);
    expect(printed).toContain(`verified ${size} entries, root ${logOf(size).checkpoint().split('\n')[2]}`);
  });

  test('verifies a checkpoint that the old and the next key have signed, by either', async () => {
    expect(changing.checkpoint().match(/^\u2014 /gm)).toHaveLength(2);
    for (const key of [changing.verifierKey, next])
      expect(await output('verify-log', [join(temporary, 'changing'), key])).toContain(
        `verified ${changing.size} entries`,
      );
  });

  test.each(faults)('does not verify with a flipped bit in %s', async (name, path, at) => {
    const folder = await spoilt(`x-mod-${name}`, 600, path, at);
    expect(await output('verify-log', [folder, logOf(600).verifierKey])).toMatch(/^NOT verified/);
  });

  test('does not verify under another key', async () => {
    expect(await output('verify-log', [join(temporary, '600'), logOf(256).verifierKey])).toMatch(/^NOT verified/);
  });
});

describeGo('fsck of tessera v1.0.4 over an exported log', noFsck, () => {
  const fsck = (folder: string, log: SmallLog, key = join(folder, 'log.vkey')): Promise<string> =>
    output('fsck', [
      ...['-N', '16', '--ui=false', '--logtostderr'],
      ...['--origin', log.verifier.name, '--storage_url', `${pathToFileURL(folder).href}/`],
      `--public_key=${key}`,
    ]);
  // Its exit code is 0 on failure too: only this line counts.
  const passed = (size: number): string => `Successfully fsck'd log with size ${size}`;

  test.each(sizes)('passes %i entries', async (size) => {
    expect(await fsck(join(temporary, String(size)), logOf(size))).toContain(passed(size));
  });

  test('passes a checkpoint that the old and the next key have signed, by either', async () => {
    const file = join(temporary, 'next.vkey');
    await writeFile(file, `${next}\n`);
    for (const key of [undefined, file])
      expect(await fsck(join(temporary, 'changing'), changing, key)).toContain(passed(changing.size));
  });

  test.each(faults)('does not pass with a flipped bit in %s', async (name, path, at) => {
    const folder = await spoilt(`tessera-${name}`, 600, path, at);
    expect(await fsck(folder, logOf(600))).not.toContain(passed(600));
  });
});
