import { createWriteStream, existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from 'node:events';
import { logKeysFile } from '#envelope';
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
import { bodiesFile, checkpointFile, cosignedFile, verifierKeyFile } from '../domain/log-files.js';
import { trustedKeys } from '../domain/log-keys.js';
import { LogFolder } from '../infra/log-folder.js';

/** Where a log is read from. */
export interface LogSource {
  checkpoint(): Promise<string>;
  /** The newest one that enough witnesses cosigned; undefined where there is none. */
  cosigned(): Promise<string | undefined>;
  /** How the log's keys follow from each other (`log-keys.json`); undefined where there is none. */
  keys(): Promise<Uint8Array | undefined>;
  /** Entries from `from` on, perhaps fewer; `to` is the size of the signed tree. */
  entries(from: number, to: number): Promise<Buffer[]>;
}

export interface ExportLogRequest {
  readonly target: string;
  readonly source: LogSource;
  /** C2SP verifier key, configured by hand. */
  readonly verifierKey: string;
  /** Opened bodies below a size, in rising order of their indices. */
  readonly bodies?: (size: number) => AsyncIterable<BodyLine>;
  readonly onProgress?: (what: 'entries' | 'bodies', done: number, of: number) => void;
}

export interface ExportLogReport {
  readonly folder: string;
  readonly origin: string;
  readonly size: number;
  /** Base64. */
  readonly root: string;
  readonly bodies?: number;
  /** Size of the export that was there before and of which this one is a continuation. */
  readonly earlierSize?: number;
  /** What is wrong with the log as the hub showed it; the folder is kept as evidence. */
  readonly problem?: AppError;
}

/**
 * Copies a log into a folder in the layout of C2SP tlog-tiles, recomputing the tree on the way. An export that is there
 * already is replaced only by one of a log that has grown from it. Errors: CONFLICT (the folder holds something else),
 * CHECKPOINT_INVALID, those of the source.
 */
export async function exportLog(request: ExportLogRequest): Promise<ExportLogReport> {
  // Before the checkpoint, so that it is no larger than that.
  const cosigned = await request.source.cosigned();
  const note = await request.source.checkpoint();
  const links = await request.source.keys();
  const { keys: verifier } = await trustedKeys(request.verifierKey, links);
  const earlier = await earlierExport(request.target, (kept) => openCheckpoint(kept, verifier));
  const part = `${request.target}.part`;
  await rm(part, { recursive: true, force: true });
  const folder = new LogFolder(part);

  const checkpoint = unwrap(openCheckpoint(note, verifier));
  await folder.write(checkpointFile, checkpoint.note);
  if (cosigned !== undefined) await folder.write(cosignedFile, cosigned);
  await folder.write(verifierKeyFile, `${request.verifierKey}\n`);
  if (links !== undefined) await folder.write(logKeysFile, links);
  const tree = await copyEntries(request, folder, { size: checkpoint.size, earlierSize: earlier?.size });
  const bodies = request.bodies ? await copyBodies(request, folder, checkpoint.size) : undefined;

  const problem = problemOf(checkpoint, tree, earlier);
  const target = problem && earlier ? `${request.target}.conflict-${checkpoint.size}` : request.target;
  await replaceFolder(part, target);
  return {
    folder: target,
    origin: checkpoint.origin,
    size: checkpoint.size,
    root: checkpoint.root.toString('base64'),
    ...(bodies !== undefined && { bodies }),
    ...(earlier && { earlierSize: earlier.size }),
    ...(problem && { problem }),
  };
}

interface CopiedTree {
  readonly root: Buffer;
  /** Root that the tree had at the earlier export's size. */
  readonly earlierRoot: Buffer | undefined;
  readonly size: number;
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
  { size, earlierSize }: { readonly size: number; readonly earlierSize: number | undefined },
): Promise<CopiedTree> {
  const tree = new TileBuilder();
  let earlierRoot = earlierSize === 0 ? emptyRoot : undefined;
  let bundle: Buffer[] = [];
  const finishBundle = async (): Promise<void> => {
    const n = Math.floor((tree.size - 1) / tileWidth);
    await folder.write(entryBundlePath(n, bundle.length), encodeEntryBundle(bundle));
    bundle = [];
  };
  while (tree.size < size) {
    const entries = await source.entries(tree.size, size);
    // Fewer entries than the signed size: the copy is kept and its root tells.
    if (entries.length === 0) break;
    for (const entry of entries.slice(0, size - tree.size)) {
      tree.append(leafHash(entry));
      bundle.push(entry);
      if (bundle.length === tileWidth) await finishBundle();
      if (tree.size === earlierSize) earlierRoot = tree.root();
    }
    for (const tile of tree.takeFull()) await writeTile(folder, tile);
    onProgress?.('entries', tree.size, size);
  }
  if (bundle.length > 0) await finishBundle();
  for (const tile of tree.partial()) await writeTile(folder, tile);
  return { root: tree.root(), earlierRoot, size: tree.size };
}

const writeTile = (folder: LogFolder, { level, n, hashes }: BuiltTile): Promise<void> =>
  folder.write(tilePath(level, n, hashes.length), encodeTile(hashes));

async function copyBodies({ bodies, onProgress }: ExportLogRequest, folder: LogFolder, size: number): Promise<number> {
  const file = createWriteStream(join(folder.path, bodiesFile), { mode: 0o600 });
  const closed = once(file, 'close');
  let count = 0;
  for await (const { index, body, commitmentKey, places } of bodies?.(size) ?? []) {
    if (!file.write(`${JSON.stringify({ index, body, commitmentKey, places })}\n`)) await once(file, 'drain');
    count += 1;
    onProgress?.('bodies', index + 1, size);
  }
  file.end();
  await closed;
  return count;
}

function problemOf(checkpoint: Checkpoint, tree: CopiedTree, earlier: Checkpoint | undefined): AppError | undefined {
  if (tree.size < checkpoint.size)
    return new AppError(
      'LOG_INCONSISTENT',
      `The hub gave ${tree.size} of the ${checkpoint.size} entries that it signed.`,
    );
  if (!tree.root.equals(checkpoint.root))
    return new AppError('LOG_INCONSISTENT', 'The entries do not lead to the root that the log signed.');
  if (earlier === undefined) return undefined;
  if (earlier.size > checkpoint.size)
    return new AppError('LOG_INCONSISTENT', `The log has ${checkpoint.size} entries; it had ${earlier.size} before.`);
  if (!tree.earlierRoot?.equals(earlier.root))
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
