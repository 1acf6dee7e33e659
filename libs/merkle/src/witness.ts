import { AppError, type Result, err, ok } from '#kernel';
import { decodeBase64, encodeBase64 } from './base64.js';
import { type Checkpoint, type LogVerifier, type TreeHead, openCheckpoint, verifyGrowth } from './checkpoint.js';
import { asHash, emptyRoot, isHash } from './hashing.js';
import { readNote } from './signed-note.js';
import { parseUint64 } from './tree-size.js';

/** Content type of a 409 that tells from which size to ask again (C2SP tlog-witness). */
export const treeSizeType = 'text/x.tlog.size';

/** A consistency proof has a hash for each level at most. */
const longestProof = 63;

/** Body of `POST <witness>/add-checkpoint`. */
export interface AddCheckpoint {
  /** Size of the checkpoint that the witness cosigned last, as the client believes. */
  readonly oldSize: bigint;
  readonly proof: readonly Buffer[];
  /** Signed note, not yet verified. */
  readonly checkpoint: string;
}

/** Throws RangeError for a longer proof than there can be. */
export function formatAddCheckpoint(request: {
  readonly oldSize: number;
  readonly proof: readonly Uint8Array[];
  readonly checkpoint: string;
}): string {
  if (request.proof.length > longestProof) throw new RangeError(`a proof has at most ${longestProof} hashes`);
  const lines = request.proof.map((hash) => `${encodeBase64(asHash(hash))}\n`);
  return `old ${request.oldSize}\n${lines.join('')}\n${request.checkpoint}`;
}

/** Reads the body strictly. Errors: MALFORMED. */
export function parseAddCheckpoint(body: string): Result<AddCheckpoint> {
  const separator = body.indexOf('\n\n');
  if (separator < 0) return malformed('there is no checkpoint');
  const [first = '', ...lines] = body.slice(0, separator).split('\n');
  const oldSize = first.startsWith('old ') ? parseUint64(first.slice('old '.length)) : undefined;
  if (oldSize === undefined) return malformed('the first line names no size');
  if (lines.length > longestProof) return malformed('the proof is too long');
  const proof: Buffer[] = [];
  for (const line of lines) {
    const hash = decodeBase64(line);
    if (hash === undefined || !isHash(hash)) return malformed('the proof contains what is no hash');
    proof.push(hash);
  }
  return ok({ oldSize, proof, checkpoint: body.slice(separator + 2) });
}

/** What a witness answers; 200 once the new head is stored. */
export type WitnessVerdict =
  | { readonly status: 200; readonly checkpoint: Checkpoint; readonly from: TreeHead }
  | { readonly status: 400 | 403 | 404 | 422; readonly detail: string }
  /** The size of the checkpoint that was cosigned last. */
  | { readonly status: 409; readonly size: number };

/**
 * Judges a request as C2SP tlog-witness says, in its order. That the root of the same size must be the same is answered by
 * 422, as its newest text has it, because a 409 tells a client to ask again.
 *
 * @param logOf keys of the log with that origin; undefined for a log that is not witnessed here
 * @param latest head cosigned last of that log
 */
export function judgeAddCheckpoint(
  { oldSize, proof, checkpoint: note }: AddCheckpoint,
  logOf: (origin: string) => LogVerifier | undefined,
  latest: Pick<TreeHead, 'size' | 'root'> | undefined,
): WitnessVerdict {
  const read = readNote(note);
  if (!read.ok) return { status: 400, detail: read.error.detail };
  const origin = read.value.text.slice(0, read.value.text.indexOf('\n'));
  const log = logOf(origin);
  if (!log) return { status: 404, detail: 'this log is not witnessed here' };
  const opened = openCheckpoint(note, log);
  if (!opened.ok) return { status: 403, detail: opened.error.detail };
  const checkpoint = opened.value;
  if (oldSize > BigInt(checkpoint.size)) return { status: 400, detail: 'the old size is the larger one' };
  const from: TreeHead = { origin, size: latest?.size ?? 0, root: latest?.root ?? emptyRoot };
  if (oldSize !== BigInt(from.size)) return { status: 409, size: from.size };
  const grown = verifyGrowth(from, checkpoint, proof);
  return grown.ok ? { status: 200, checkpoint, from } : { status: 422, detail: grown.error.detail };
}

const malformed = (detail: string) => err(new AppError('MALFORMED', detail));
