import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryTree, encodeEntryBundle, encodeTile, entryBundlePath, formatProof, leafHash, tilePath } from '#merkle';
import { bodiesFile, checkpointFile, cosignedFile } from '../domain/log-files.js';
import { LogFolder } from '../infra/log-folder.js';
import { LogOverHttp } from '../infra/log-over-http.js';
import type { OpenedLog } from '../infra/open-log.js';
import { flipByte } from '../testing/flip-byte.fixture.js';
import { ServedLog } from '../testing/served-folder.fixture.js';
import { SmallLog } from '../testing/small-log.fixture.js';
import { TestWitnesses } from '../testing/witnesses.fixture.js';
import { fsck } from './fsck.js';

const size = 600;
const log = SmallLog.ofSize(size);
let temporary: string;
let prepared: string;
let folder: LogFolder;

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'kotovayla-fsck-'));
  prepared = join(temporary, 'prepared');
  await log.export(prepared);
});
beforeEach(async () => {
  const path = await mkdtemp(join(temporary, 'log-'));
  await cp(prepared, path, { recursive: true });
  folder = new LogFolder(path);
});
afterEach(() => rm(folder.path, { recursive: true, force: true }));
afterAll(() => rm(temporary, { recursive: true, force: true }));

const opened = (more: Partial<OpenedLog> = {}): OpenedLog => ({
  files: folder,
  address: folder.path,
  verifierKey: log.verifierKey,
  verifier: log.verifier,
  trusted: log.trusted,
  keyFrom: 'given',
  where: folder.path,
  close: async () => undefined,
  ...more,
});

const keysOf = ({ verifierKey, verifier, trusted }: SmallLog) => ({ verifierKey, verifier, trusted });

/** Kind and index of each fault, without the one that says that the root differs as a whole. */
async function faults(earlier: string[] = []): Promise<string[]> {
  const report = await fsck(opened(), { earlier });
  expect(report.ok).toBe(report.faults.length === 0);
  return report.faults
    .filter(({ kind }) => kind !== 'root-mismatch')
    .map(({ kind, index }) => (index === undefined ? kind : `${kind} ${index}`));
}

async function rebundle(how: (entries: Uint8Array[]) => Uint8Array[]): Promise<void> {
  const entries = how([...log.entries]);
  for (const [n, width] of [
    [0, 256],
    [1, 256],
    [2, 88],
  ] as const) {
    const bundle = entries.slice(n * 256, n === 2 ? undefined : (n + 1) * 256);
    await folder.write(entryBundlePath(n, width), encodeEntryBundle(bundle));
  }
}

const keep = async (name: string, content: string): Promise<string[]> => {
  const path = join(temporary, name);
  await writeFile(path, content);
  return [path];
};

describe('a log that nobody changed', () => {
  it('is whole as a folder, bodies included, and over HTTP', async () => {
    expect(await fsck(opened())).toMatchObject({ ok: true, size, entries: { opaque: 480, clear: 120 }, bodies: 480 });
    const served = await ServedLog.start(folder);
    const url = `${served.gateway}/log`;
    const report = await fsck(opened({ files: new LogOverHttp(url), address: url }));
    await served.stop();
    expect(report).toMatchObject({ ok: true, size, entries: { opaque: 480, clear: 120 } });
  });

  it.each([0, 1, 255, 256, 257, 512])('is whole at size %i', async (n) => {
    const other = SmallLog.ofSize(n);
    const exported = await other.export(join(temporary, `of-${n}`));
    const report = await fsck(opened({ files: exported, address: exported.path, ...keysOf(other) }));
    expect(report).toMatchObject({ ok: true, size: n });
  });

  it('has grown from every checkpoint, proof and export that was kept of it', async () => {
    const exported = await log.export(join(temporary, 'earlier-export'), 300);
    const checkpoints = await Promise.all([0, 1, 256, 599, 600].map((at) => keep(`at-${at}`, log.checkpoint(at))));
    expect(
      await faults([...checkpoints.flat(), ...(await keep('5.tlog-proof', proofOf(log, 5))), exported.path]),
    ).toEqual([]);
  });
});

/** The proof file that a log gave at its size. */
function proofOf(given: SmallLog, index: number): string {
  const tree = MemoryTree.of(given.entries.map(leafHash));
  return formatProof({ index, proof: tree.inclusionProof(index), checkpoint: given.checkpoint() });
}

describe('each fault is found by its name', () => {
  it('flipped byte', async () => {
    await flipByte(folder, entryBundlePath(1), 40);
    expect(await faults()).toEqual(['entry-changed 256']);
  });

  it('flipped byte in a tile', async () => {
    await flipByte(folder, tilePath(0, 1), 3 * 32);
    expect(await faults()).toEqual(['tile-changed 259']);
  });

  it('missing tile', async () => {
    await rm(join(folder.path, tilePath(1, 0, 2)));
    expect(await faults()).toEqual(['tile-missing 0']);
  });

  it('dropped tail', async () => {
    await rebundle((entries) => entries.slice(0, 590));
    expect(await faults()).toEqual(['tail-missing 590']);
  });

  it('reordered', async () => {
    await rebundle((entries) => entries.with(20, entries[300]!).with(300, entries[20]!));
    expect(await faults()).toEqual(['entry-moved 20', 'entry-moved 300']);
  });

  it('an extra entry in a partial bundle', async () => {
    await rebundle((entries) => [...entries, log.entries[0]!]);
    expect(await faults()).toEqual(['entry-extra 600']);
  });

  it('stray bits in the base64 of a signature', async () => {
    const note = (await folder.readText(checkpointFile))!;
    // The last character before the padding has bits that no byte uses.
    const stray = note.replace(/(.)(=+\n)$/, (_, last: string, rest: string) => `${next(last)}${rest}`);
    expect(stray).not.toBe(note);
    expect(Buffer.from(stray.split(' ').at(-1)!, 'base64')).toEqual(Buffer.from(note.split(' ').at(-1)!, 'base64'));
    await folder.write(checkpointFile, stray);
    expect(await faults()).toEqual(['checkpoint-invalid']);
  });

  it('edited body', async () => {
    const lines = (await folder.readText(bodiesFile))!.split('\n');
    const at = lines.findIndex((line) => line.startsWith('{"index":42,'));
    await folder.write(bodiesFile, lines.with(at, lines[at]!.replace('H-06', 'H-07')).join('\n'));
    expect(await faults()).toEqual(['body-changed 42']);
  });

  it('body left out', async () => {
    const lines = (await folder.readText(bodiesFile))!.split('\n');
    await folder.write(bodiesFile, lines.filter((line) => !line.startsWith('{"index":42,')).join('\n'));
    expect(await faults()).toEqual(['body-missing 42']);
  });

  it('forked, against a kept checkpoint, and with a kept export from which entry on', async () => {
    const branch = MemoryTree.of(log.entries.with(77, log.entries[3]!).map(leafHash));
    const note = log.checkpointWith(300, branch.root(300));
    expect(await faults(await keep('branch', note))).toEqual(['forked 300']);

    const kept = await log.export(join(temporary, 'branch-export'), 300);
    await kept.write(checkpointFile, note);
    await kept.write(tilePath(0, 0), encodeTile(Array.from({ length: 256 }, (_, at) => branch.node(0, at))));
    expect(await faults([kept.path])).toEqual(['forked 77']);
  });

  it('reused index, against a kept proof', async () => {
    const branch = MemoryTree.of(log.entries.with(77, log.entries[3]!).map(leafHash));
    const checkpoint = log.checkpointWith(300, branch.root(300));
    const proof = formatProof({ index: 77, proof: branch.inclusionProof(77, 300), checkpoint });
    expect(await faults(await keep('77.tlog-proof', proof))).toEqual(['index-reused 77']);
  });

  it('rolled back behind a kept checkpoint', async () => {
    await folder.write(checkpointFile, log.checkpoint(512));
    await rm(join(folder.path, tilePath(0, 2, 88)));
    await rm(join(folder.path, entryBundlePath(2, 88)));
    expect(await faults(await keep('newest', log.checkpoint()))).toContain('rolled-back 512');
  });

  it('a kept file that proves nothing', async () => {
    expect(await faults(await keep('nothing', 'thesis'))).toEqual(['earlier-invalid']);
  });
});

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const next = (character: string): string => alphabet[alphabet.indexOf(character) + 1]!;

describe('a log that witnesses should have cosigned', () => {
  const witnesses = new TestWitnesses(log.verifier);
  const { policy } = witnesses;
  const cosigned = witnesses.cosigned.bind(witnesses);
  const report = () => fsck(opened(), { policy });
  const kinds = async (): Promise<string[]> => (await report()).faults.map(({ kind }) => kind);

  it('is told to lack them: a checkpoint without witness', async () => {
    expect(await kinds()).toEqual(['checkpoint-unwitnessed']);
    await folder.write(checkpointFile, cosigned(log.checkpoint(), 'kela'));
    expect(await kinds()).toEqual(['checkpoint-unwitnessed']);
  });

  it('is whole with them, below its checkpoint or below an earlier one beside it', async () => {
    await folder.write(checkpointFile, cosigned(log.checkpoint(), 'kela', 'kauniainen'));
    expect(await report()).toMatchObject({ ok: true, witnessed: { size, by: ['kauniainen', 'kela'] } });
    await folder.write(checkpointFile, log.checkpoint());
    await folder.write(cosignedFile, cosigned(log.checkpoint(500), 'kela', 'kauniainen'));
    expect(await report()).toMatchObject({ ok: true, witnessed: { size: 500, at: '2026-11-22T10:00:00.000Z' } });
  });

  it('is told to lack them where one operator cosigned by all its witnesses: it counts once', async () => {
    await folder.write(checkpointFile, cosigned(log.checkpoint(), 'espoo', 'kauniainen'));
    expect(await kinds()).toEqual(['checkpoint-unwitnessed']);
  });

  it('has its other faults named where a tile is missing that leads to what they cosigned', async () => {
    await folder.write(cosignedFile, cosigned(log.checkpoint(500), 'kela', 'kauniainen'));
    await rm(join(folder.path, tilePath(0, 1)));
    expect((await report()).faults.map(({ kind, path }) => [kind, path])).toContainEqual([
      'tile-missing',
      tilePath(0, 1),
    ]);
  });

  it('is told to be another branch than the one they cosigned', async () => {
    const forged = log.checkpointWith(500, Buffer.alloc(32, 1));
    await folder.write(cosignedFile, cosigned(forged, 'kela', 'kauniainen'));
    expect(await kinds()).toEqual(['forked']);
  });

  it('is told to be shorter than the one they cosigned', async () => {
    const longer = log.checkpointWith(size + 1, Buffer.alloc(32, 1));
    await folder.write(cosignedFile, cosigned(longer, 'kela', 'kauniainen'));
    expect(await kinds()).toEqual(['rolled-back']);
  });

  it('is told when a line is not of the witness whose key it names', async () => {
    const note = cosigned(log.checkpoint(), 'kela', 'kauniainen').replace(/.{8}\n$/, 'AAAAAA==\n');
    await folder.write(checkpointFile, note);
    expect(await kinds()).toEqual(['checkpoint-invalid']);
  });

  it('is exported with them', async () => {
    const copy = SmallLog.ofSize(20);
    copy.cosigned = cosigned(log.checkpoint(500), 'kela');
    const exported = await copy.export(join(temporary, 'cosigned'));
    expect(await exported.readText(cosignedFile)).toBe(copy.cosigned);
  });
});
