import { createWriteStream, existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from 'node:events';
import { type IndexRange, clearListFile, logKeysFile } from '#envelope';
import { AppError, type Result, err, unwrap } from '#kernel';
import {
  type BuiltTile,
  type Checkpoint,
  TileBuilder,
  emptyRoot,
  encodeEntryBundle,
  encodeTile,
  entryBundlePath,
  leafHash,
  openCheckpoint,
  tilePath,
  tileWidth,
} from '#merkle';
import type { BodyLine } from '../domain/body-line.js';
import { Buried, tombstoneIn } from '../domain/buried.js';
import { bodiesFile, checkpointFile, cosignedFile, verifierKeyFile } from '../domain/log-files.js';
import { trustedKeys } from '../domain/log-keys.js';
import { LogFolder } from '../infra/log-folder.js';
import { BundleRoots, InterruptedExport, begunFile, formatBodyLine } from './interrupted-export.js';

/** Where a log is read from. */
export interface LogSource {
  checkpoint(): Promise<string>;
  /** The newest one that enough witnesses cosigned; undefined where there is none. */
  cosigned(): Promise<string | undefined>;
  /** How the log's keys follow from each other (`log-keys.json`); undefined where there is none. */
  keys(): Promise<Uint8Array | undefined>;
  /** Entries from `from` on, perhaps fewer; `to` is the size of the signed tree. */
  entries(from: number, to: number): Promise<Buffer[]>;
  /** A tile or the list of what stands in clear by its path; undefined where it is not shown. */
  tile(path: string): Promise<Buffer | undefined>;
}

export interface ExportLogRequest {
  readonly target: string;
  readonly source: LogSource;
  /** C2SP verifier key, configured by hand. */
  readonly verifierKey: string;
  /** Opened bodies below a size, in rising order of their indices, from an index on. */
  readonly bodies?: (size: number, from: number) => AsyncIterable<BodyLine>;
  readonly onProgress?: (what: 'entries' | 'bodies', done: number, of: number) => void;
}

export interface ExportLogReport {
  readonly folder: string;
  readonly origin: string;
  readonly size: number;
  /** Base64. */
  readonly root: string;
  readonly bodies?: number;
  /** Entries that an interrupted export had copied and that did not need to be asked for again. */
  readonly kept?: number;
  /** Size of the export that was there before and of which this one is a continuation. */
  readonly earlierSize?: number;
  /** What is wrong with the log as the hub showed it; the folder is kept as evidence. */
  readonly problem?: AppError;
}

/**
 * Copies a log into a folder in the layout of C2SP tlog-tiles, recomputing the tree on the way. An export that was interrupted
 * goes on where it stopped. One that is there already is replaced only by one of a log that has grown from it. Errors: CONFLICT
 * (the folder holds something else), CHECKPOINT_INVALID, those of the source.
 */
export async function exportLog(request: ExportLogRequest): Promise<ExportLogReport> {
  // Before the checkpoint, so that it is no larger than that.
  const cosigned = await request.source.cosigned();
  const list = await request.source.tile(clearListFile);
  const note = await request.source.checkpoint();
  const links = await request.source.keys();
  const { keys: verifier } = await trustedKeys(request.verifierKey, links);
  const open = (kept: string): Result<Checkpoint> => openCheckpoint(kept, verifier);
  const earlier = await earlierExport(request.target, open);
  const checkpoint = unwrap(open(note));
  const folder = new LogFolder(`${request.target}.part`);
  const interrupted = await InterruptedExport.in(folder, open);
  await folder.writeIfOther(begunFile, Buffer.from((interrupted?.checkpoint ?? checkpoint).note, 'utf8'));

  const seen = [earlier, interrupted?.checkpoint].filter((one) => one !== undefined);
  const tree = await copyEntries(request, folder, { size: checkpoint.size, seen, interrupted });
  const bodies = await copyBodies(request, folder, { size: checkpoint.size, tree, interrupted });
  const problem = problemOf(checkpoint, tree, seen);
  await folder.write(verifierKeyFile, `${request.verifierKey}\n`);
  if (cosigned !== undefined) await folder.write(cosignedFile, cosigned);
  if (links !== undefined) await folder.write(logKeysFile, links);
  if (list !== undefined) await folder.write(clearListFile, list);
  await folder.write(checkpointFile, checkpoint.note);
  if (!problem || !interrupted) await rm(join(folder.path, begunFile));
  const target = problem && earlier ? `${request.target}.conflict-${checkpoint.size}` : request.target;
  await replaceFolder(folder.path, target);
  return {
    folder: target,
    origin: checkpoint.origin,
    size: checkpoint.size,
    root: checkpoint.root.toString('base64'),
    ...(bodies !== undefined && { bodies }),
    ...(tree.kept > 0 && { kept: tree.kept }),
    ...(earlier && { earlierSize: earlier.size }),
    ...(problem && { problem }),
  };
}

interface CopiedTree {
  readonly root: Buffer;
  /** Root that the tree had at each size at which it was seen before; a larger one is not there. */
  readonly roots: ReadonlyMap<number, Buffer>;
  readonly size: number;
  /** Entries that were there already. */
  readonly kept: number;
  readonly buried: Buried;
}

async function earlierExport(
  target: string,
  open: (note: string) => Result<Checkpoint>,
): Promise<Checkpoint | undefined> {
  if (!existsSync(target) || (await readdir(target)).length === 0) return undefined;
  const note = await new LogFolder(target).readText(checkpointFile);
  const opened = note === undefined ? conflict() : open(note);
  return unwrap(opened.ok ? opened : conflict());
}

async function copyEntries(
  { source, onProgress }: ExportLogRequest,
  folder: LogFolder,
  {
    size,
    seen,
    interrupted,
  }: {
    readonly size: number;
    readonly seen: readonly Checkpoint[];
    readonly interrupted: InterruptedExport | undefined;
  },
): Promise<CopiedTree> {
  const tree = new TileBuilder();
  const roots = new Map(seen.some((one) => one.size === 0) ? [[0, emptyRoot]] : []);
  const shown = new BundleRoots((path) => source.tile(path), size);
  const buried: IndexRange[] = [];
  let bundle: Buffer[] = [];
  let kept = 0;
  const finishBundle = async (n: number): Promise<void> => {
    await folder.writeIfOther(entryBundlePath(n, bundle.length), encodeEntryBundle(bundle));
    bundle = [];
  };
  const keptFrom = async (from: number): Promise<Buffer[] | undefined> => {
    const n = from / tileWidth;
    const root = interrupted && Number.isInteger(n) ? await shown.of(n) : undefined;
    const entries = root && (await interrupted?.bundle(n, root));
    kept += entries?.length ?? 0;
    return entries;
  };
  while (tree.size < size) {
    const entries = (await keptFrom(tree.size)) ?? (await source.entries(tree.size, size));
    // Fewer entries than the signed size: the copy is kept and its root tells.
    if (entries.length === 0) break;
    for (const entry of entries.slice(0, size - tree.size)) {
      tree.append(leafHash(entry));
      bundle.push(entry);
      buried.push(...(tombstoneIn(entry)?.indices ?? []));
      if (bundle.length === tileWidth) await finishBundle(tree.size / tileWidth - 1);
      if (seen.some((one) => one.size === tree.size)) roots.set(tree.size, tree.root());
    }
    for (const tile of tree.takeFull()) await writeTile(folder, tile);
    onProgress?.('entries', tree.size, size);
  }
  if (bundle.length > 0) await finishBundle(Math.floor(tree.size / tileWidth));
  for (const tile of tree.partial()) await writeTile(folder, tile);
  return { root: tree.root(), roots, size: tree.size, kept, buried: new Buried(buried) };
}

const writeTile = (folder: LogFolder, { level, n, hashes }: BuiltTile): Promise<void> =>
  folder.writeIfOther(tilePath(level, n, hashes.length), encodeTile(hashes));

/** Gives their number; undefined where none are asked for. */
async function copyBodies(
  { bodies, onProgress }: ExportLogRequest,
  folder: LogFolder,
  {
    size,
    tree,
    interrupted,
  }: { readonly size: number; readonly tree: CopiedTree; readonly interrupted: InterruptedExport | undefined },
): Promise<number | undefined> {
  const path = join(folder.path, bodiesFile);
  if (!bodies) {
    await rm(path, { force: true });
    return undefined;
  }
  const kept = (await interrupted?.keepBodies(tree.size, tree.buried)) ?? { count: 0, next: 0 };
  const file = createWriteStream(path, { mode: 0o600, flags: 'a' });
  const closed = once(file, 'close');
  let { count } = kept;
  for await (const line of bodies(size, kept.next)) {
    if (!file.write(formatBodyLine(line))) await once(file, 'drain');
    count += 1;
    onProgress?.('bodies', line.index + 1, size);
  }
  file.end();
  await closed;
  return count;
}

function problemOf(checkpoint: Checkpoint, tree: CopiedTree, seen: readonly Checkpoint[]): AppError | undefined {
  if (tree.size < checkpoint.size)
    return new AppError(
      'LOG_INCONSISTENT',
      `The hub gave ${tree.size} of the ${checkpoint.size} entries that it signed.`,
    );
  if (!tree.root.equals(checkpoint.root))
    return new AppError('LOG_INCONSISTENT', 'The entries do not lead to the root that the log signed.');
  const longer = seen.find(({ size }) => size > checkpoint.size);
  if (longer)
    return new AppError('LOG_INCONSISTENT', `The log has ${checkpoint.size} entries; it had ${longer.size} before.`);
  if (!seen.every(({ size, root }) => tree.roots.get(size)?.equals(root)))
    return new AppError('LOG_INCONSISTENT', 'The log is no continuation of the one that was exported before.');
  return undefined;
}

/** The earlier export goes only when the new one is whole. */
async function replaceFolder(part: string, target: string): Promise<void> {
  const old = `${target}.old`;
  await rm(old, { recursive: true, force: true });
  if (existsSync(target)) await rename(target, old);
  await rename(part, target);
  await rm(old, { recursive: true, force: true });
}

const conflict = () => err(new AppError('CONFLICT', 'The folder holds something else than an export of this log.'));
