import { setTimeout } from 'node:timers/promises';
import { AppError } from '#kernel';
import { type Checkpoint, inclusionProofNodes, assembleInclusionProof, readNodes, verifyInclusion } from '#merkle';
import { type OpenedLog, readCheckpoint } from './open-log.js';

/** A checkpoint follows its entries within seconds. */
const patienceMs = 15_000;
const lookEveryMs = 250;
/** Each tile is read once for so many, and their tiles at once: a server is not asked for thousands. */
const provedTogether = 256;

/** The signed checkpoint that covers an index, once it is published. Errors: NOT_FOUND, CHECKPOINT_INVALID. */
export async function checkpointOver({ files, verifier }: OpenedLog, index: number): Promise<Checkpoint> {
  for (const end = Date.now() + patienceMs; ; await setTimeout(lookEveryMs)) {
    const checkpoint = await readCheckpoint(files, verifier);
    if (checkpoint.size > index) return checkpoint;
    if (Date.now() > end) throw new AppError('NOT_FOUND', `No published checkpoint covers entry ${index} yet.`);
  }
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
