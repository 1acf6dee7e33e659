import { createPrivateKey, createPublicKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { unwrap } from '#kernel';
import {
  MemoryTree,
  ed25519NoteSigner,
  encodeEntryBundle,
  encodeTile,
  entryBundlePath,
  formatCheckpoint,
  leafHash,
  type LogVerifier,
  openCheckpoint,
  parseTilePath,
  parseVerifierKey,
  partialTiles,
  signCheckpoint,
  tilePath,
  tileWidth,
  verifierKey,
} from '#merkle';
import type { CommittedLog, StoredCheckpoint } from '../infra/log-store.js';
import { LogPublisher } from './log-publisher.js';
import { TileFolder, checkpointFile } from './tile-folder.js';

const origin = 'log.test/published';
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');
/** The same in every process of a test. */
const privateKey = createPrivateKey({
  key: Buffer.concat([pkcs8, Buffer.alloc(32, 7)]),
  format: 'der',
  type: 'pkcs8',
});
const signer = ed25519NoteSigner(origin, privateKey);
export const verifier = unwrap(parseVerifierKey(verifierKey(origin, createPublicKey(privateKey))));

/** Of any length from 1 to 400 bytes. */
export const entryAt = (index: number): Buffer => Buffer.alloc(1 + ((index * 37) % 400), `entry ${index};`);

/** What the files of a log with these entries must hold. */
export class ExpectedFiles {
  constructor(
    private readonly entryAt: (index: number) => Uint8Array,
    private readonly tree: MemoryTree,
  ) {}

  root(size: number): Buffer {
    return this.tree.root(size);
  }

  content(path: string): Buffer {
    const tile = parseTilePath(path);
    if (!tile) throw new Error(`${path} names nothing`);
    const { level, n, width } = tile;
    const places = Array.from({ length: width }, (_, at) => n * tileWidth + at);
    return level === 'entries'
      ? encodeEntryBundle(places.map(this.entryAt))
      : encodeTile(places.map((place) => this.tree.node(8 * level, place)));
  }
}

/** A committed log with the same entries in every process, and a checkpoint at each of the sizes it was given. */
export class TestLog implements CommittedLog {
  readonly entriesCommitted: Buffer[] = [];
  private readonly tree = new MemoryTree();
  private readonly checkpoints: StoredCheckpoint[] = [];

  static withCheckpointsAt(...sizes: number[]): TestLog {
    const log = new TestLog();
    for (const size of sizes) log.growTo(size);
    return log;
  }

  growTo(size: number): void {
    while (this.tree.size < size) {
      const entry = entryAt(this.tree.size);
      this.entriesCommitted.push(entry);
      this.tree.append(leafHash(entry));
    }
    this.checkpoints.push(this.checkpoint(size));
  }

  checkpoint(size: number): StoredCheckpoint {
    const head = { origin, size, root: this.tree.root(size) };
    return { size, root: head.root, note: signCheckpoint(formatCheckpoint(head), signer) };
  }

  nextCheckpoint(size: number, atMost: number): Promise<StoredCheckpoint | undefined> {
    const later = this.checkpoints.filter((checkpoint) => checkpoint.size > size);
    return Promise.resolve(later.findLast((checkpoint) => checkpoint.size <= size + atMost) ?? later[0]);
  }

  entries(from: number, to: number): Promise<Buffer[]> {
    return Promise.resolve(this.entriesCommitted.slice(from, to));
  }

  get files(): ExpectedFiles {
    return new ExpectedFiles(entryAt, this.tree);
  }
}

/** Everything that a checkpoint of this size implies: each full tile and bundle, and the partial ones at the edge. */
export function impliedPaths(size: number): string[] {
  const paths: string[] = [];
  for (let n = 0; n < Math.floor(size / tileWidth); n += 1) paths.push(entryBundlePath(n));
  if (size % tileWidth > 0) paths.push(entryBundlePath(Math.floor(size / tileWidth), size % tileWidth));
  for (let level = 0, full = Math.floor(size / tileWidth); full > 0; level += 1, full = Math.floor(full / tileWidth))
    for (let n = 0; n < full; n += 1) paths.push(tilePath(level, n));
  return [...paths, ...partialTiles(size).map(({ level, n, width }) => tilePath(level, n, width))];
}

export async function filesBelow(folder: TileFolder): Promise<string[]> {
  if (!existsSync(folder.path)) return [];
  const found = await readdir(folder.path, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder.path, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith('.staging/'))
    .sort();
}

/** What is wrong with a folder as it lies there, and the size that it shows; −1 for none. */
export async function inspect(
  folder: TileFolder,
  expected: ExpectedFiles,
  key: LogVerifier = verifier,
): Promise<{ size: number; wrong: string[] }> {
  const wrong: string[] = [];
  const note = await folder.checkpoint();
  const checkpoint = note === undefined ? undefined : unwrap(openCheckpoint(note, key));
  if (checkpoint && !checkpoint.root.equals(expected.root(checkpoint.size))) wrong.push(checkpointFile);
  for (const path of impliedPaths(checkpoint?.size ?? 0))
    if (!(await folder.readPublic(path))) wrong.push(`${path} is implied and missing`);
  for (const path of await filesBelow(folder)) {
    // A partial one may go meanwhile.
    const content = parseTilePath(path) === undefined ? undefined : await folder.read(path);
    if (content && !content.equals(expected.content(path))) wrong.push(`${path} is wrong`);
  }
  return { size: checkpoint?.size ?? -1, wrong };
}

const silent = { warn: () => undefined, fatal: () => undefined };

export const publisherOf = (folder: TileFolder, log: CommittedLog, intervalMs = 0): LogPublisher =>
  new LogPublisher({ folder, log, verifier, logger: silent, intervalMs });

/** Publishes what is committed and stops. */
export async function publishAll(publisher: LogPublisher): Promise<void> {
  publisher.wake();
  await publisher.close();
}
