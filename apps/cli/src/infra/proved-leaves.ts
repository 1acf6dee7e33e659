import { setTimeout } from 'node:timers/promises';
import { AppError, unwrap } from '#kernel';
import {
  type Checkpoint,
  type WitnessPolicy,
  assembleInclusionProof,
  inclusionProofNodes,
  openCheckpoint,
  readNodes,
  verifyInclusion,
} from '#merkle';
import { cosignedFile } from '../domain/log-files.js';
import { judgeCheckpoint } from '../domain/witnessed.js';
import { type OpenedLog, readCheckpoint } from './open-log.js';

/** A checkpoint follows its entries within seconds. */
const patienceMs = 15_000;
const lookEveryMs = 250;
/** Witnesses are asked every so often, and one that was away is asked again later. */
const witnessPatienceMs = 60_000;
/** Each tile is read once for so many, and their tiles at once: a server is not asked for thousands. */
const provedTogether = 256;

/** The signed checkpoint that covers an index, once it is published. Errors: NOT_FOUND, CHECKPOINT_INVALID. */
export async function checkpointOver(
  { files, verifier }: Pick<OpenedLog, 'files' | 'verifier'>,
  index: number,
): Promise<Checkpoint> {
  for (const end = Date.now() + patienceMs; ; await setTimeout(lookEveryMs)) {
    const checkpoint = await readCheckpoint(files, verifier);
    if (checkpoint.size > index) return checkpoint;
    if (Date.now() > end) throw new AppError('NOT_FOUND', `No published checkpoint covers entry ${index} yet.`);
  }
}

/** A checkpoint to keep, and the size up to which the log's files are there to prove by. */
export interface KeptCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly published: number;
}

/**
 * The signed checkpoint to keep as evidence of an index: by a policy one that it counts as witnessed, for which is waited;
 * without one the newest that the log shows as cosigned where that covers the index, else the newest.
 * Errors: NOT_FOUND, CHECKPOINT_INVALID, LOG_NOT_WITNESSED.
 */
export async function checkpointToKeep(
  log: Pick<OpenedLog, 'files' | 'verifier'>,
  index: number,
  policy?: WitnessPolicy,
): Promise<KeptCheckpoint> {
  const begun = Date.now();
  const newest = await checkpointOver(log, index);
  for (let latest = newest; ; latest = await readCheckpoint(log.files, log.verifier)) {
    const cosigned = await readCosigned(log);
    // The one is read before the other, and the log grows between.
    const published = Math.max(latest.size, cosigned?.size ?? 0);
    const covering = [latest, ...(cosigned ? [cosigned] : [])].filter(({ size }) => size > index);
    if (policy === undefined) return { checkpoint: covering.at(-1) ?? latest, published };
    const witnessed = covering.find((one) => judgeCheckpoint(one, policy, new Date()).ok);
    if (witnessed) return { checkpoint: witnessed, published };
    if (Date.now() - begun > witnessPatienceMs)
      throw new AppError('LOG_NOT_WITNESSED', `No checkpoint over entry ${index} is witnessed as the policy asks yet.`);
    await setTimeout(lookEveryMs);
  }
}

async function readCosigned({
  files,
  verifier,
}: Pick<OpenedLog, 'files' | 'verifier'>): Promise<Checkpoint | undefined> {
  const note = await files.read(cosignedFile);
  return note && unwrap(openCheckpoint(note.toString('utf8'), verifier));
}

/** For each index the leaf hash that the tree under this checkpoint has there, proved by the published tiles. */
export async function provedLeaves(
  { files }: OpenedLog,
  { size, root }: Checkpoint,
  indices: readonly number[],
): Promise<ReadonlyMap<number, Buffer>> {
  const leaves = new Map<number, Buffer>();
  for (let from = 0; from < indices.length; from += provedTogether) {
    const batch = indices.slice(from, from + provedTogether);
    const wanted = batch.flatMap((index) => [...inclusionProofNodes(index, size), { level: 0, index }]);
    const get = await readNodes(wanted, size, (path) => files.read(path));
    for (const index of batch) {
      const leafHash = get(0, index);
      const proof = assembleInclusionProof(index, size, get);
      if (verifyInclusion({ index, size, leafHash, proof, root }).ok) leaves.set(index, leafHash);
    }
  }
  return leaves;
}
