import { AppError, unwrap } from '#kernel';
import {
  assembleConsistencyProof,
  assembleRoot,
  consistencyProofNodes,
  readNodes,
  rootNodes,
  verifyGrowth,
} from '#merkle';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type OpenedLog, readCheckpoint } from '../infra/open-log.js';

/**
 * Proof that the tree of `first` entries is the beginning of the one of `second`, made from the tiles alone. Both roots are
 * told: `first`'s is to be compared with a checkpoint that was kept. Errors: NOT_FOUND, LOG_INCONSISTENT.
 */
export async function proveGrowth(log: OpenedLog, first: number, second: number): Promise<CommandOutcome> {
  const { files, verifier } = log;
  const { origin, size, root } = await readCheckpoint(files, verifier);
  if (!(first <= second && second <= size))
    throw new AppError('NOT_FOUND', `The log has ${size} entries so far, and the first size comes first.`);
  const nodes = [
    ...consistencyProofNodes(first, second),
    ...consistencyProofNodes(second, size),
    ...rootNodes(first),
    ...rootNodes(second),
  ];
  const get = await readNodes(nodes, size, (path) => files.read(path));
  const headAt = (at: number) => ({ origin, size: at, root: assembleRoot(at, get) });
  const [earlier, later] = [headAt(first), headAt(second)];
  const proof = assembleConsistencyProof(first, second, get);
  unwrap(verifyGrowth(earlier, later, proof));
  // The later tree must itself be a beginning of the signed one, or its root would be anybody's word.
  unwrap(verifyGrowth(later, { origin, size, root }, assembleConsistencyProof(second, size, get)));
  const hashes = proof.map((hash) => hash.toString('base64'));
  const roots = { first: earlier.root.toString('base64'), second: later.root.toString('base64') };
  return {
    ok: true,
    data: { first, second, roots, hashes },
    lines: [`root ${roots.first} at ${first}`, `root ${roots.second} at ${second}`, ...hashes],
  };
}
