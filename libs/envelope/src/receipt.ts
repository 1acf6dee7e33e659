import { LRUCache } from 'lru-cache';
import { type Checkpoint, type LogVerifier, leafHash, openCheckpoint, verifyInclusion } from '#merkle';
import { AppError, type EventId, type Result, type Sha256, err, ok } from '#kernel';
import { readCanonicalJson } from './canonical.js';
import { type LogBody, encodeOpaqueEntry, parseLogBody } from './log-entry.js';
import { type Check, closed, integer, list, optional, parseAs, text } from './shape.js';

/** Proof that an entry stands in the log. Its checkpoint authenticates it; it carries no signature of its own. */
export interface Receipt {
  leafIndex: number;
  /** Hashes in standard base64, leaf to root. */
  inclusionProof: string[];
  /** The signed note, word for word. */
  checkpoint: string;
  /** What the leaf says of the entry's places, base64url; an entry from before they were counted has none. */
  places?: string;
  /** Sealed opening of the leaf (`sealReleasedKey`) for the party that gets the receipt. */
  opening?: string;
}

// A tree of 2^53 leaves has 53 levels.
const maxProofLength = 53;

export const receiptShape: Check<Receipt> = closed<Receipt>({
  leafIndex: integer(0),
  inclusionProof: list(text(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/), { max: maxProofLength }),
  checkpoint: text(/^[^\0]{1,16384}$/u),
  places: optional(text(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/)),
  opening: optional(text(/^[A-Za-z0-9_.-]{1,32768}$/)),
});

/** A receipt, if it has the shape of one; nothing is verified. Errors: RECEIPT_INVALID. */
export const parseReceipt = (value: unknown): Result<Receipt> => parseAs(receiptShape, value, 'RECEIPT_INVALID');

export interface ReceiptToVerify {
  readonly receipt: Receipt;
  /** From `openReleasedKey`. */
  readonly opening: { readonly body: string; readonly commitmentKey: Buffer };
  /** The log's key as configured by hand, or the keys that follow from it. */
  readonly logVerifier: LogVerifier;
  /** What the caller asked for: a correct proof of *another* entry proves nothing to him. */
  readonly expected: { readonly manifestHash?: Sha256; readonly type?: string; readonly eventId?: EventId };
}

/**
 * Recomputes the leaf from body and commitment key, checks its proof under the signed checkpoint, and that it is the
 * entry which was expected. Consistency with the last checkpoint seen is the caller's next step.
 * Errors: RECEIPT_INVALID, CHECKPOINT_INVALID, LEAF_MISMATCH (another entry than expected).
 */
export function verifyReceipt(claim: ReceiptToVerify): Result<{ checkpoint: Checkpoint; body: LogBody }> {
  const receipt = parseReceipt(claim.receipt);
  if (!receipt.ok) return receipt;
  const body = bodyOf(claim.opening.body);
  if (body === undefined || claim.opening.commitmentKey.length !== 32) return invalid('The opening is none.');
  const checkpoint = checkpointOf(receipt.value.checkpoint, claim.logVerifier);
  if (!checkpoint.ok) return checkpoint;
  const places = receipt.value.places === undefined ? undefined : Buffer.from(receipt.value.places, 'base64url');
  const included = verifyInclusion({
    index: receipt.value.leafIndex,
    size: checkpoint.value.size,
    leafHash: leafHash(encodeOpaqueEntry(body.eventId, body, claim.opening.commitmentKey, places)),
    proof: receipt.value.inclusionProof.map((hash) => Buffer.from(hash, 'base64')),
    root: checkpoint.value.root,
  });
  if (!included.ok) return included;
  const different = (['manifestHash', 'type', 'eventId'] as const).find(
    (member) => claim.expected[member] !== undefined && claim.expected[member] !== body[member],
  );
  return different === undefined
    ? ok({ checkpoint: checkpoint.value, body })
    : err(new AppError('LEAF_MISMATCH', undefined, { field: different }));
}

/** Checkpoints verified lately, by their whole text: all receipts of one batch of the log carry the same one. */
const verifiedLately = new WeakMap<LogVerifier, LRUCache<string, Checkpoint>>();

function checkpointOf(note: string, verifier: LogVerifier): Result<Checkpoint> {
  const known = verifiedLately.get(verifier) ?? new LRUCache<string, Checkpoint>({ max: 64 });
  verifiedLately.set(verifier, known);
  const seen = known.get(note);
  if (seen !== undefined) return ok(seen);
  const checkpoint = openCheckpoint(note, verifier);
  if (checkpoint.ok) known.set(note, checkpoint.value);
  return checkpoint;
}

function bodyOf(text: string): LogBody | undefined {
  const value = readCanonicalJson(Buffer.from(text, 'utf8'));
  if (!value.ok) return undefined;
  const body = parseLogBody(value.value);
  return body.ok ? body.value : undefined;
}

const invalid = (detail: string) => err(new AppError('RECEIPT_INVALID', detail));
