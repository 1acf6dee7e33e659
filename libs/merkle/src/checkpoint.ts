import { AppError, type Result, err, ok } from '#kernel';
import { decodeBase64, encodeBase64 } from './base64.js';
import { asHash, emptyRoot, isHash, sameHash } from './hashing.js';
import { type NoteSigner, type NoteVerifier, isKeyName, openNote, signNote } from './signed-note.js';
import { assertTreeSize, parseUint64 } from './tree-size.js';
import { verifyConsistency } from './verify-proof.js';

/** What a log says about itself at one moment. */
export interface TreeHead {
  /** The log's URL without scheme; also the name of its key. */
  readonly origin: string;
  /** Number of entries. */
  readonly size: number;
  readonly root: Buffer;
}

/** A tree head whose signature was verified. */
export interface Checkpoint extends TreeHead {
  /** The signed note word for word, to be kept, shown and cosigned. */
  readonly note: string;
}

/**
 * Text that the log signs (C2SP tlog-checkpoint): origin, size, root, a newline after each.
 * Throws TypeError or RangeError for what is no tree head: signing it could not be undone.
 */
export function formatCheckpoint({ origin, size, root }: TreeHead): string {
  if (!isKeyName(origin)) throw new TypeError('not an origin');
  assertTreeSize(size);
  if (size === 0 && !sameHash(root, emptyRoot)) throw new TypeError('the empty tree has another root');
  return `${origin}\n${size}\n${encodeBase64(asHash(root))}\n`;
}

/** The signed note. Further signers follow the log's own key, for a change of keys. */
export const signCheckpoint = (body: string, signer: NoteSigner, ...further: readonly NoteSigner[]): string =>
  signNote(body, [signer, ...further]);

/**
 * Verifies the log's signature, then reads the text strictly: the verifier's name as origin, a size without leading
 * zeros up to 2^53−1, a canonical root. Extension lines are allowed by the format and ignored.
 * Errors: CHECKPOINT_INVALID.
 */
export function openCheckpoint(note: string, verifier: NoteVerifier): Result<Checkpoint> {
  const opened = openNote(note, verifier);
  if (!opened.ok) return opened;
  const [origin, sizeText = '', rootText = '', ...extensions] = opened.value.slice(0, -1).split('\n');
  if (origin !== verifier.name) return invalid('the checkpoint is of another log');
  const size = parseUint64(sizeText);
  if (size === undefined || size > BigInt(Number.MAX_SAFE_INTEGER)) return invalid('the size is not one of this log');
  const root = decodeBase64(rootText);
  if (root === undefined || !isHash(root)) return invalid('the root is not a hash in standard base64');
  if (size === 0n && !root.equals(emptyRoot)) return invalid('the empty tree has another root');
  if (extensions.includes('')) return invalid('an extension line is empty');
  return ok({ origin, size: Number(size), root, note });
}

/**
 * Did the log only grow between two of its checkpoints? Both must come from `openCheckpoint`. From the empty log anything
 * follows, by an empty proof. Errors: LOG_INCONSISTENT.
 */
export function verifyGrowth(earlier: TreeHead, later: TreeHead, proof: readonly Uint8Array[]): Result<void> {
  if (earlier.origin !== later.origin) return err(new AppError('LOG_INCONSISTENT', 'checkpoints of two logs'));
  if (earlier.size === 0 && proof.length === 0 && sameHash(earlier.root, emptyRoot)) {
    if (later.size > 0 || sameHash(later.root, emptyRoot)) return ok(undefined);
  }
  return verifyConsistency({
    first: earlier.size,
    second: later.size,
    firstRoot: earlier.root,
    secondRoot: later.root,
    proof,
  });
}

const invalid = (detail: string) => err(new AppError('CHECKPOINT_INVALID', detail));
