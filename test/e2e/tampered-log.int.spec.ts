import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KeyEncryptionKey, decodeEntry, openSealedEntry, unwrapSecrets } from '#envelope';
import { unwrap } from '#kernel';
import {
  MemoryTree,
  encodeEntryBundle,
  encodeTile,
  entryBundlePath,
  formatCheckpoint,
  formatProof,
  leafHash,
  signCheckpoint,
  tilePath,
} from '#merkle';
import { AuditGround } from '../../apps/audit/src/testing/audit.fixture.js';
import type { BodyLine } from '../../apps/cli/src/domain/body-line.js';
import { bodiesFile, checkpointFile } from '../../apps/cli/src/domain/log-files.js';
import { exportLog } from '../../apps/cli/src/export-log/export-log.js';
import { TiledSource } from '../../apps/cli/src/export-log/tiled-source.js';
import { LogFolder } from '../../apps/cli/src/infra/log-folder.js';
import { LogInDatabase } from '../../apps/cli/src/infra/log-in-database.js';
import { runCli } from '../../apps/cli/src/program.js';
import { flipByte } from '../../apps/cli/src/testing/flip-byte.fixture.js';
import { ServedLog } from '../../apps/cli/src/testing/served-folder.fixture.js';
import { TestWitnesses } from '../../apps/cli/src/testing/witnesses.fixture.js';
import { entriesOf, logOf } from './logged-entries.fixture.js';

const size = 600;
const bundles = [
  [0, 256],
  [1, 256],
  [2, 88],
] as const;
/** Two bytes of length before each entry, all of one length. */
const entryOffset = (at: number, length: number): number => at * (2 + length) + 2;

/**
 * A log that the service itself wrote and the command line exported, and then somebody with write access to the copy: what is in
 * the database alone is tampered with in `fsck-database.int.spec.ts`.
 */
describe('a log that was exported and then changed', () => {
  let ground: AuditGround;
  let temporary: string;
  let exported: string;
  let entries: Buffer[];

  beforeAll(async () => {
    ground = await AuditGround.lay();
    temporary = await mkdtemp(join(tmpdir(), 'tampered-log-'));
    exported = join(temporary, 'exported');
    await logOf(ground, size);
    entries = await entriesOf(ground);
    const database = new LogInDatabase(ground.database.url);
    const bodies = (): AsyncIterable<BodyLine> => openedBodies(database);
    await exportLog({
      target: exported,
      source: new TiledSource(database),
      verifierKey: ground.logKey.verifierKey,
      bodies,
    });
    await database.close();
  });
  afterAll(async () => {
    await ground.clear();
    await rm(temporary, { recursive: true, force: true });
  });

  async function* openedBodies(database: LogInDatabase): AsyncGenerator<BodyLine> {
    const kek = KeyEncryptionKey.fromJwk(JSON.parse(await readFile(ground.kekFile, 'utf8')))!;
    const rows = await database.sealed(0, size);
    const secrets = unwrapSecrets(rows, [kek]);
    for (const [at, { index, entry, body }] of rows.entries()) {
      const { canonical, commitmentKey } = unwrap(openSealedEntry(body, secrets[at]!));
      const leaf = unwrap(decodeEntry(entry));
      const places = leaf.kind === 'opaque' ? leaf.places : undefined;
      yield {
        index,
        body: canonical.toString('utf8'),
        commitmentKey: commitmentKey.toString('base64'),
        ...(places && { places: places.toString('base64') }),
      };
    }
  }

  /** Kind and index of each fault that `kotovayla fsck` names there, without that the root differs as a whole. */
  async function faults(where: string, ...args: string[]): Promise<string[]> {
    const out: string[] = [];
    const env = { LOG_VERIFIER_KEY: ground.logKey.verifierKey };
    const print = (line: string): void => void out.push(line);
    await runCli(['fsck', where, ...args, '--json'], { env, folder: temporary, out: print, err: print });
    const report = JSON.parse(out.join('\n')) as { ok: boolean; faults: { kind: string; index?: number }[] };
    expect(report.ok).toBe(report.faults.length === 0);
    return report.faults
      .filter(({ kind }) => kind !== 'root-mismatch')
      .map(({ kind, index }) => (index === undefined ? kind : `${kind} ${index}`));
  }

  /** A copy of the export, changed. */
  async function changed(change: (copy: LogFolder) => Promise<unknown>): Promise<LogFolder> {
    const path = await mkdtemp(join(temporary, 'copy-'));
    await cp(exported, path, { recursive: true });
    const copy = new LogFolder(path);
    await change(copy);
    return copy;
  }

  async function overHttp(copy: LogFolder, ...args: string[]): Promise<string[]> {
    const served = await ServedLog.start(copy);
    try {
      return await faults(`${served.gateway}/log`, ...args);
    } finally {
      await served.stop();
    }
  }

  const rebundle = async (copy: LogFolder, how: (all: Buffer[]) => Buffer[]): Promise<void> => {
    const all = how([...entries]);
    for (const [n, width] of bundles) {
      const bundle = all.slice(n * 256, n === 2 ? undefined : (n + 1) * 256);
      await copy.write(entryBundlePath(n, width), encodeEntryBundle(bundle));
    }
  };
  const drop = (copy: LogFolder, ...paths: string[]): Promise<unknown> =>
    Promise.all(paths.map((path) => rm(join(copy.path, path))));
  const keep = async (name: string, content: string): Promise<string> => {
    await writeFile(join(temporary, name), content);
    return name;
  };
  const signedAt = (at: number, root: Buffer): string =>
    signCheckpoint(formatCheckpoint({ origin: ground.logKey.signer.name, size: at, root }), ground.logKey.signer);
  const tree = (): MemoryTree => MemoryTree.of(entries.map((entry) => leafHash(entry)));
  /** What the log would be if another entry stood at 77. */
  const branch = (): MemoryTree => MemoryTree.of(entries.with(77, entries[3]!).map((entry) => leafHash(entry)));

  it('is whole where nobody did, bodies included', async () => {
    const copy = await changed(async () => undefined);
    expect(await faults(copy.path)).toEqual([]);
    expect(await overHttp(copy)).toEqual([]);
    expect((await copy.readText(bodiesFile))!.trim().split('\n')).toHaveLength(size);
  });

  it.each<[string, string[], (copy: LogFolder) => Promise<unknown>]>([
    [
      'a flipped byte of an entry',
      ['entry-changed 300'],
      (copy) => flipByte(copy, entryBundlePath(1), entryOffset(44, entries[0]!.length) + 20),
    ],
    ['a flipped byte of a tile', ['tile-changed 300'], (copy) => flipByte(copy, tilePath(0, 1), 44 * 32)],
    ['a flipped byte of an upper tile', ['tile-changed 256'], (copy) => flipByte(copy, tilePath(1, 0, 2), 32)],
    ['a tile missing', ['tile-missing 256'], (copy) => drop(copy, tilePath(0, 1))],
    ['an upper tile missing', ['tile-missing 0'], (copy) => drop(copy, tilePath(1, 0, 2))],
    ['a bundle missing', ['bundle-missing 256'], (copy) => drop(copy, entryBundlePath(1))],
    [
      'its tail dropped',
      ['tile-missing 512', 'tail-missing 512'],
      (copy) => drop(copy, entryBundlePath(2, 88), tilePath(0, 2, 88)),
    ],
    ['the tail of a bundle dropped', ['tail-missing 590'], (copy) => rebundle(copy, (all) => all.slice(0, 590))],
    ['an entry more than its checkpoint', ['entry-extra 600'], (copy) => rebundle(copy, (all) => [...all, all[0]!])],
    [
      'two entries reordered',
      ['entry-moved 20', 'entry-moved 300'],
      (copy) => rebundle(copy, (all) => all.with(20, all[300]!).with(300, all[20]!)),
    ],
  ])('with %s is told %j, as a folder and over HTTP', async (_what, expected, change) => {
    const copy = await changed(change);
    expect({ folder: await faults(copy.path), http: await overHttp(copy) }).toEqual({
      folder: expected,
      http: expected,
    });
  });

  it('with an edited body is told its index; only a folder has bodies', async () => {
    const copy = await changed(async (folder) => {
      const lines = (await folder.readText(bodiesFile))!.split('\n');
      expect(lines[42]).toContain('message-delivered');
      const edited = lines[42]!.replace('message-delivered', 'message-withdrawn');
      await folder.write(bodiesFile, lines.with(42, edited).join('\n'));
    });
    expect(await faults(copy.path)).toEqual(['body-changed 42']);
    expect(await overHttp(copy)).toEqual([]);
  });

  it('of which somebody keeps another branch is told where they part, as well as what was kept can tell', async () => {
    const copy = await changed(async () => undefined);
    const note = signedAt(300, branch().root(300));
    const checkpoint = await keep('branch', note);
    const proof = formatProof({ index: 77, proof: branch().inclusionProof(77, 300), checkpoint: note });
    const kept = await keep('77.tlog-proof', proof);
    const other = await changed(async (folder) => {
      await folder.write(checkpointFile, note);
      const hashes = Array.from({ length: 256 }, (_, at) => branch().node(0, at));
      await folder.write(tilePath(0, 0), encodeTile(hashes));
    });
    for (const [path, fault] of [
      [checkpoint, 'forked 300'],
      [other.path, 'forked 77'],
      [kept, 'index-reused 77'],
    ] as const) {
      expect(await faults(copy.path, '--earlier', path)).toEqual([fault]);
      expect(await overHttp(copy, '--earlier', path)).toEqual([fault]);
    }
  });

  it('that was rolled back is told from where on, by a checkpoint that was kept', async () => {
    const newest = await keep('newest', signedAt(size, tree().root()));
    const copy = await changed(async (folder) => {
      await folder.write(checkpointFile, signedAt(512, tree().root(512)));
      await drop(folder, entryBundlePath(2, 88), tilePath(0, 2, 88), bodiesFile);
    });
    expect(await faults(copy.path, '--earlier', newest)).toEqual(['rolled-back 512']);
    expect(await overHttp(copy, '--earlier', newest)).toEqual(['rolled-back 512']);
  });

  it('with a checkpoint without witness is told its size, where a policy asks for one', async () => {
    const witnesses = new TestWitnesses(ground.logKey.verifier);
    const policy = await keep('policy', witnesses.policyText);
    const bare = await changed(async () => undefined);
    expect(await faults(bare.path, '--policy', policy)).toEqual([`checkpoint-unwitnessed ${size}`]);
    expect(await overHttp(bare, '--policy', policy)).toEqual([`checkpoint-unwitnessed ${size}`]);
    const cosigned = await changed(async (folder) => {
      const note = (await folder.readText(checkpointFile))!;
      await folder.write(checkpointFile, witnesses.cosigned(note, 'kela', 'espoo'));
    });
    expect(await faults(cosigned.path, '--policy', policy)).toEqual([]);
    expect(await overHttp(cosigned, '--policy', policy)).toEqual([]);
  });
});
