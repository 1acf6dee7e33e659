import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryTree, formatCheckpoint, leafHash, signCheckpoint } from '#merkle';
import { HeadFile } from './head-file.js';
import { LogKey } from './log-key.js';
import type { StoredCheckpoint } from './log-store.js';

const key = new LogKey('log.test', generateKeyPairSync('ed25519').privateKey);
const other = new LogKey('log.test', generateKeyPairSync('ed25519').privateKey);

function checkpoint(size: number, { signer } = key): StoredCheckpoint {
  const root = MemoryTree.of(Array.from({ length: size }, () => leafHash(Buffer.from('x')))).root();
  return { size, root, note: signCheckpoint(formatCheckpoint({ origin: signer.name, size, root }), signer) };
}

let folder: string;
const file = (): HeadFile =>
  new HeadFile(join(folder, 'head'), (error) => {
    throw error;
  });
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'head-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('the head file', () => {
  it('is empty at the log’s beginning', async () => {
    expect(await file().read(key.verifier)).toBeUndefined();
  });

  it('keeps the last checkpoint of several', async () => {
    const head = file();
    for (const size of [1, 2, 3]) head.keep(checkpoint(size));
    await head.flush();
    expect(await file().read(key.verifier)).toEqual(checkpoint(3));
  });

  it('is kept for the next key too, so that a change of keys does not begin without it', async () => {
    const failed = (error: unknown): never => {
      throw error;
    };
    const present = new HeadFile(join(folder, 'head'), failed, [join(folder, 'next.head')]);
    present.keep(checkpoint(3));
    await present.flush();
    for (const path of ['head', 'next.head'])
      expect(await new HeadFile(join(folder, path), failed).read(key.verifier)).toEqual(checkpoint(3));
  });

  it.each([
    ['no checkpoint', (): string => 'something'],
    ['a checkpoint under another key', (): string => checkpoint(2, other).note],
  ])('stops the start when it holds %s', async (_name, note) => {
    await writeFile(join(folder, 'head'), note());
    await expect(file().read(key.verifier)).rejects.toMatchObject({ code: 'LOG_INCONSISTENT' });
  });
});
