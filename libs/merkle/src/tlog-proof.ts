import { AppError, type Result, err, ok } from '#kernel';
import { decodeBase64, encodeBase64 } from './base64.js';
import { type Checkpoint, type LogVerifier, openCheckpoint } from './checkpoint.js';
import { asHash, isHash } from './hashing.js';
import { type TreeIndex, asUint64, parseUint64 } from './tree-size.js';
import { verifyInclusion } from './verify-proof.js';

/** Content of a `.tlog-proof` file (C2SP tlog-proof): an entry's place in the log, to be verified offline. */
export interface TlogProof {
  readonly index: bigint;
  /** Leaf to root. */
  readonly proof: readonly Buffer[];
  /** Signed note, not yet verified. */
  readonly checkpoint: string;
  /** Opaque and authenticated by nothing. Nothing personal belongs here. */
  readonly extra?: Buffer;
}

const header = 'c2sp.org/tlog-proof@v1';
const extraLine = /^extra (.+)$/;
const indexLine = /^index (.+)$/;

/** A path has a hash for each level, and 2^64 leaves have 64 levels. */
const longestPath = 64;
const maxProofLength = 256 * 1024;

/** Text of the proof file. Throws TypeError or RangeError for what is no proof. */
export function formatProof(proof: {
  readonly index: TreeIndex;
  readonly proof: readonly Uint8Array[];
  readonly checkpoint: string;
  readonly extra?: Uint8Array;
}): string {
  const index = asUint64(proof.index);
  if (index === undefined) throw new RangeError('not a leaf index');
  if (proof.proof.length > longestPath) throw new RangeError(`a path has at most ${longestPath} hashes`);
  return [
    header,
    ...(proof.extra === undefined || proof.extra.length === 0 ? [] : [`extra ${encodeBase64(proof.extra)}`]),
    `index ${index}`,
    ...proof.proof.map((hash) => encodeBase64(asHash(hash))),
    '',
    proof.checkpoint,
  ].join('\n');
}

/** Reads a proof file strictly. The checkpoint in it is not verified: `verifyProof` does. Errors: RECEIPT_INVALID. */
export function parseProof(text: string): Result<TlogProof> {
  if (text.length > maxProofLength) return malformed('the proof is too large');
  const separator = text.indexOf('\n\n');
  if (separator < 0) return malformed('the proof has no checkpoint');
  const checkpoint = text.slice(separator + 2);
  if (checkpoint === '') return malformed('the proof has no checkpoint');

  const lines = text.slice(0, separator).split('\n');
  if (lines.shift() !== header) return malformed('not a proof of this version');
  const extraText = extraLine.exec(lines[0] ?? '')?.[1];
  if (extraText !== undefined) lines.shift();
  const extra = extraText === undefined ? undefined : decodeBase64(extraText);
  if (extraText !== undefined && extra === undefined) return malformed('extra is not standard base64');
  const index = parseUint64(indexLine.exec(lines.shift() ?? '')?.[1] ?? '');
  if (index === undefined) return malformed('the index is not a leaf index');
  if (lines.length > longestPath) return malformed('the path is too long');

  const proof: Buffer[] = [];
  for (const line of lines) {
    const hash = decodeBase64(line);
    if (hash === undefined || !isHash(hash)) return malformed('the path contains what is no hash');
    proof.push(hash);
  }
  return ok({ index, proof, checkpoint, ...(extra === undefined ? {} : { extra }) });
}

/**
 * Does the proof show that this log holds the entry with this leaf hash? Gives the checkpoint, which the
 * caller compares with those that it saw before. Errors: CHECKPOINT_INVALID, RECEIPT_INVALID.
 */
export function verifyProof(proof: TlogProof, leafHash: Uint8Array, log: LogVerifier): Result<Checkpoint> {
  const opened = openCheckpoint(proof.checkpoint, log);
  if (!opened.ok) return opened;
  const { size, root } = opened.value;
  const included = verifyInclusion({ index: proof.index, size, leafHash, proof: proof.proof, root });
  return included.ok ? opened : included;
}

const malformed = (detail: string) => err(new AppError('RECEIPT_INVALID', detail));
