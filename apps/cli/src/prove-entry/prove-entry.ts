import { writeFile } from 'node:fs/promises';
import { AppError, unwrap } from '#kernel';
import {
  type WitnessPolicy,
  assembleInclusionProof,
  decodeEntryBundle,
  entryBundlePath,
  formatProof,
  inclusionProofNodes,
  leafHash,
  parseProof,
  readNodes,
  tileWidth,
  verifyProof,
  widthAt,
} from '#merkle';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type OpenedLog, readCheckpoint } from '../infra/open-log.js';
import { checkpointToKeep } from '../infra/proved-leaves.js';

/**
 * Writes the proof file of one entry (C2SP tlog-proof), made from the tiles alone and verified before it is written. Its
 * checkpoint is a cosigned one where the log has one over the entry; by a policy one that it counts as witnessed.
 * Errors: NOT_FOUND (no such entry yet), LOG_INCONSISTENT, LEAF_MISMATCH, RECEIPT_INVALID, LOG_NOT_WITNESSED.
 */
export async function proveEntry(
  log: OpenedLog,
  { index, target, policy }: { readonly index: number; readonly target: string; readonly policy?: WitnessPolicy },
): Promise<CommandOutcome> {
  const { files, verifier } = log;
  const newest = await readCheckpoint(files, verifier);
  if (index >= newest.size) throw new AppError('NOT_FOUND', `The log has ${newest.size} entries so far.`);
  const { checkpoint, published } = await checkpointToKeep(log, index, policy);
  const { size, note } = checkpoint;
  const n = Math.floor(index / tileWidth);
  const width = widthAt(n, published);
  const bundle = await files.read(entryBundlePath(n, width));
  const entry = unwrap(decodeEntryBundle(bundle ?? Buffer.alloc(0), width))[index % tileWidth] ?? Buffer.alloc(0);
  const get = await readNodes(inclusionProofNodes(index, size), published, (path) => files.read(path));
  const proof = assembleInclusionProof(index, size, get);
  const text = formatProof({ index, proof, checkpoint: note });
  unwrap(verifyProof(unwrap(parseProof(text)), leafHash(entry), verifier));
  await writeFile(target, text);
  return {
    ok: true,
    data: { index, size, path: target, leafHash: leafHash(entry).toString('base64'), proof: text },
    lines: [`entry ${index} of ${size}: proof of ${proof.length} hashes in ${target}`],
  };
}
