import { AppError, unwrap } from '#kernel';
import { type WitnessPolicy, hashLength, leafHash, parseProof, verifyProof } from '#merkle';
import { type CommandOutcome, UsageError } from '../domain/command-outcome.js';
import { trustedKeys } from '../domain/log-keys.js';
import { judgeCheckpoint, witnessedLine } from '../domain/witnessed.js';

const firstLine = 'c2sp.org/tlog-proof@v1\n';

/** Whether a file says that it is a proof (C2SP tlog-proof). */
export const isProofFile = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.subarray(0, firstLine.length)).toString('latin1') === firstLine;

/** What a proof file is held to; the entry as the tree hashes it, or its leaf hash in base64. */
export interface ProofToVerify {
  readonly verifierKey?: string | undefined;
  readonly policy?: WitnessPolicy | undefined;
  readonly entry?: Uint8Array | undefined;
  readonly leafHash?: string | undefined;
  /** How the log's keys follow from each other, for who knows another one than the proof's. */
  readonly links?: Uint8Array | undefined;
}

/**
 * Does this log hold the entry at the place that the file names, and by a policy, did enough operators see that very tree? With
 * nothing but the file, the entry and the log's key. Errors: RECEIPT_INVALID, CHECKPOINT_INVALID, LOG_NOT_WITNESSED.
 */
export async function runVerifyProof(
  bytes: Uint8Array,
  { verifierKey, policy, links, ...about }: ProofToVerify,
): Promise<CommandOutcome> {
  if (verifierKey === undefined) throw new UsageError('--verifier-key is needed: a proof file has none.');
  const { keys, problem } = await trustedKeys(verifierKey, links);
  if (problem) throw problem;
  const proof = unwrap(parseProof(Buffer.from(bytes).toString('utf8')));
  const checkpoint = unwrap(verifyProof(proof, leafIn(about), keys));
  const witnessed = policy && unwrap(judgeCheckpoint(checkpoint, policy, new Date()));
  const { origin, size } = checkpoint;
  const index = Number(proof.index);
  return {
    ok: true,
    data: { index, origin, size, ...(witnessed && { witnessed }) },
    lines: [
      ...(witnessed
        ? [`Witnessed: ${witnessedLine(witnessed)}`]
        : ['No --policy was given: whether others saw the same log is not judged.']),
      `Verified: the entry stands at ${index} in the log ${origin} of ${size} entries.`,
    ],
  };
}

function leafIn({ entry, leafHash: given }: Pick<ProofToVerify, 'entry' | 'leafHash'>): Uint8Array {
  if ((entry === undefined) === (given === undefined))
    throw new UsageError('A proof file is of an entry: --entry FILE, as the tree hashes it, or --leaf-hash BASE64.');
  if (entry !== undefined) return leafHash(entry);
  const hash = Buffer.from(given ?? '', 'base64');
  if (hash.length !== hashLength) throw new AppError('RECEIPT_INVALID', 'A leaf hash has 32 bytes, in base64.');
  return hash;
}
