import { AppError, type Result, err, ok } from '#kernel';
import { decodeBase64, encodeBase64 } from './base64.js';
import { asHash, emptyRoot, isHash, sameHash } from './hashing.js';
import { type NoteSigner, type NoteVerifier, isKeyName, isOfKey, readNote, signNote } from './signed-note.js';
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

/** A key of a log with the sizes of the checkpoints for which it counts, both included. */
export interface LogKeyInUse {
  readonly verifier: NoteVerifier;
  readonly from: number;
  readonly until: number;
}

/** All keys that a log has had, as far as they are known: after a change of keys old checkpoints verify, and only they. */
export interface LogKeys {
  /** The log's origin. */
  readonly name: string;
  readonly keys: readonly LogKeyInUse[];
}

/** One key for whatever size, or the keys of a log that changes them. */
export type LogVerifier = NoteVerifier | LogKeys;

/**
 * Reads the text strictly: the log's name as origin, a size without leading zeros up to 2^53−1, a canonical root; then
 * verifies the log's signature by a key that counts for that size. Every line under such a key must verify. Extension lines
 * are allowed by the format and ignored. Errors: CHECKPOINT_INVALID.
 */
export function openCheckpoint(note: string, log: LogVerifier): Result<Checkpoint> {
  const read = readNote(note);
  if (!read.ok) return read;
  const { text, signatures } = read.value;
  const head = readTreeHead(text, log.name);
  if (!head.ok) return head;
  const verifiers = 'keys' in log ? keysFor(log, head.value.size) : [log];
  const signed = verifiers.map((verifier) => ({
    verifier,
    lines: signatures.filter((signature) => isOfKey(signature, verifier)),
  }));
  if (signed.every(({ lines }) => lines.length === 0)) return invalid('the note is not signed by the expected key');
  const verified = signed.every(({ verifier, lines }) =>
    lines.every(({ signature }) => verifier.verify(text, signature)),
  );
  return verified ? ok({ ...head.value, note }) : invalid('the signature does not verify');
}

const keysFor = ({ keys }: LogKeys, size: number): NoteVerifier[] =>
  keys.filter(({ from, until }) => from <= size && size <= until).map(({ verifier }) => verifier);

function readTreeHead(text: string, log: string): Result<TreeHead> {
  const [origin, sizeText = '', rootText = '', ...extensions] = text.slice(0, -1).split('\n');
  if (origin !== log) return invalid('the checkpoint is of another log');
  const size = parseUint64(sizeText);
  if (size === undefined || size > BigInt(Number.MAX_SAFE_INTEGER)) return invalid('the size is not one of this log');
  const root = decodeBase64(rootText);
  if (root === undefined || !isHash(root)) return invalid('the root is not a hash in standard base64');
  if (size === 0n && !root.equals(emptyRoot)) return invalid('the empty tree has another root');
  if (extensions.includes('')) return invalid('an extension line is empty');
  return ok({ origin, size: Number(size), root });
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
