import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  type Checkpoint,
  type LogVerifier,
  assembleRoot,
  decodeEntryBundle,
  decodeTile,
  entryBundlePath,
  leafHash,
  openCheckpoint,
  parseProof,
  readNodes,
  rootNodes,
  tilePath,
  tileWidth,
  verifyProof,
  widthAt,
} from '#merkle';
import { type LogFiles, checkpointFile } from '../domain/log-files.js';
import { type LogFault, faultOf } from '../domain/log-fault.js';
import { LogFolder } from '../infra/log-folder.js';

/**
 * Has the log only grown since somebody saw it? `path` is what was kept of it: a checkpoint, a proof file, or a whole
 * export, which alone tells the first entry from which on the two differ.
 */
export async function checkEarlier(
  path: string,
  log: { readonly files: LogFiles; readonly verifier: LogVerifier; readonly checkpoint: Checkpoint },
): Promise<LogFault[]> {
  const place = { path: basename(path) };
  if (!existsSync(path)) return [faultOf('earlier-invalid', 'There is no such file.', place)];
  const folder = statSync(path).isDirectory() ? new LogFolder(path) : undefined;
  const text = folder ? await folder.readText(checkpointFile) : await readFile(path, 'utf8');
  if (!folder && text?.startsWith('c2sp.org/tlog-proof@')) return checkProof(text, log, place);
  const opened = openCheckpoint(text ?? '', log.verifier);
  if (!opened.ok) return [faultOf('earlier-invalid', opened.error.detail, place)];
  return checkGrowth(opened.value, log, place, folder);
}

async function checkGrowth(
  earlier: Checkpoint,
  { files, checkpoint }: { readonly files: LogFiles; readonly checkpoint: Checkpoint },
  place: { readonly path: string },
  folder?: LogFolder,
): Promise<LogFault[]> {
  if (earlier.size > checkpoint.size) {
    const detail = `The log had ${earlier.size} entries before and has ${checkpoint.size} now.`;
    return [faultOf('rolled-back', detail, { ...place, index: checkpoint.size })];
  }
  const get = await readNodes(rootNodes(earlier.size), checkpoint.size, (path) => files.read(path));
  if (assembleRoot(earlier.size, get).equals(earlier.root)) return [];
  const index = (folder && (await firstDifference(files, checkpoint.size, folder, earlier.size))) ?? earlier.size;
  const detail = `At ${earlier.size} entries the log had another root: two branches under one key.`;
  return [faultOf('forked', detail, { ...place, index })];
}

/** The proof tells which leaf stood at its index, though not what it was. */
async function checkProof(
  text: string,
  log: { readonly files: LogFiles; readonly verifier: LogVerifier; readonly checkpoint: Checkpoint },
  place: { readonly path: string },
): Promise<LogFault[]> {
  const proof = parseProof(text);
  const kept = proof.ok ? openCheckpoint(proof.value.checkpoint, log.verifier) : proof;
  if (!proof.ok || !kept.ok || !('root' in kept.value))
    return [faultOf('earlier-invalid', kept.ok ? 'This is no proof.' : kept.error.detail, place)];
  const index = Number(proof.value.index);
  if (index >= log.checkpoint.size)
    return [faultOf('rolled-back', 'The log had this entry before and does not have it now.', { ...place, index })];
  const n = Math.floor(index / tileWidth);
  const width = widthAt(n, log.checkpoint.size);
  const bundle = decodeEntryBundle((await log.files.read(entryBundlePath(n, width))) ?? Buffer.alloc(0), width);
  const entry = bundle.ok ? bundle.value[index % tileWidth] : undefined;
  if (entry && !verifyProof(proof.value, leafHash(entry), log.verifier).ok) {
    const detail = 'Another entry stood at this index when the proof was given.';
    return [faultOf('index-reused', detail, { ...place, index })];
  }
  return checkGrowth(kept.value, log, place);
}

async function firstDifference(
  files: LogFiles,
  size: number,
  earlier: LogFiles,
  earlierSize: number,
): Promise<number | undefined> {
  for (let n = 0; n * tileWidth < earlierSize; n += 1) {
    const [now, then] = await Promise.all([leaves(files, n, size), leaves(earlier, n, earlierSize)]);
    const at = then.findIndex((hash, place) => !now[place]?.equals(hash));
    if (at >= 0) return n * tileWidth + at;
  }
  return undefined;
}

async function leaves(files: LogFiles, n: number, size: number): Promise<Buffer[]> {
  const width = widthAt(n, size);
  const tile = decodeTile((await files.read(tilePath(0, n, width))) ?? Buffer.alloc(0), width);
  return tile.ok ? tile.value : [];
}
