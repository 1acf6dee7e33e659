import { AppError, type Result, err, isEventId, isSha256, ok } from '#kernel';
import { canonicalBody } from './canonical-body.js';
import { readJson } from './canonical.js';
import { commitmentKeyFrom, extracted, keyBytes, sealingKeyFrom } from './entry-keys.js';
import { HmacKey } from './hmac.js';
import { type LogBody, opaqueEntry, parseLogBody } from './log-entry.js';
import { openBytes } from './sealed-bytes.js';
import { isRecord } from './shape.js';

/** Errors: LEAF_MISMATCH when it was not sealed under this key or was changed; MALFORMED. */
export function openBody(bytes: Uint8Array, sealingKey: Buffer): Result<LogBody> {
  const plaintext = openBytes(bytes, sealingKey);
  return plaintext ? readCanonicalBody(plaintext) : doesNotOpen();
}

/** A stored body that was opened. */
export interface OpenedEntry {
  readonly body: LogBody;
  /** Canonical JSON in UTF-8, as it was sealed. */
  readonly canonical: Buffer;
  readonly commitmentKey: Buffer;
  /** What the leaf must commit to. */
  readonly commitment: Buffer;
}

/** With what its leaf must commit to, keys and canonical text computed once: for who opens many. Errors: as `openBody`. */
export function openSealedEntry(bytes: Uint8Array, secret: Uint8Array): Result<OpenedEntry> {
  const from = extracted(secret);
  const canonical = openBytes(bytes, sealingKeyFrom(from));
  if (canonical === undefined) return doesNotOpen();
  const body = readCanonicalBody(canonical);
  if (!body.ok) return body;
  const commitmentKey = commitmentKeyFrom(from);
  return ok({ body: body.value, canonical, commitmentKey, commitment: new HmacKey(commitmentKey).digest(canonical) });
}

/** What was sealed for a leaf: canonical JSON in UTF-8, as it was logged, and what opens the leaf's commitment to it. */
export interface CommittedText {
  readonly canonical: Buffer;
  readonly commitmentKey: Buffer;
}

/**
 * The text of a body to which the leaf commits. It was a body and canonical when it was logged, and no other text fits the leaf: so
 * it is not taken apart. Errors: LEAF_MISMATCH.
 */
export function openCommittedText(bytes: Uint8Array, secret: Uint8Array, commitment: Buffer): Result<CommittedText> {
  const from = extracted(secret);
  const canonical = openBytes(bytes, sealingKeyFrom(from));
  const commitmentKey = commitmentKeyFrom(from);
  return canonical !== undefined && new HmacKey(commitmentKey).digest(canonical).equals(commitment)
    ? ok({ canonical, commitmentKey })
    : err(new AppError('LEAF_MISMATCH', 'The leaf does not commit to this body.'));
}

/** What a body says to which its leaf commits. */
export type CommittedBody = Pick<LogBody, 'eventId' | 'type' | 'manifestHash'> & Readonly<Record<string, unknown>>;

/** The same text as data, for who holds it against something else. Errors: LEAF_MISMATCH; MALFORMED. */
export function openCommittedBody(bytes: Uint8Array, secret: Uint8Array, commitment: Buffer): Result<CommittedBody> {
  const opened = openCommittedText(bytes, secret, commitment);
  if (!opened.ok) return opened;
  const body = readJson(opened.value.canonical)?.value;
  return isCommittedBody(body) ? ok(body) : malformed();
}

const isCommittedBody = (value: unknown): value is CommittedBody =>
  isRecord(value) &&
  isEventId(value['eventId']) &&
  typeof value['type'] === 'string' &&
  (value['manifestHash'] === undefined || isSha256(value['manifestHash']));

/**
 * The entry in whose leaf a body stands that is shown with its commitment key, with what it says. A body in another spelling
 * than the canonical one is refused: what is shown must be what was logged, byte for byte. Throws TypeError on another key
 * than one of 32 bytes. Errors: MALFORMED.
 */
export function entryOfBody(
  text: string,
  commitmentKey: Buffer,
  places?: Buffer,
): Result<{ readonly body: LogBody; readonly entry: Buffer }> {
  if (commitmentKey.length !== keyBytes) throw new TypeError('a commitment key has 32 bytes');
  const canonical = Buffer.from(text, 'utf8');
  // UTF-8 has no lone surrogate: another sign would be read in its place.
  if (canonical.toString('utf8') !== text) return malformed();
  const body = readCanonicalBody(canonical);
  if (!body.ok) return body;
  const commitment = new HmacKey(commitmentKey).digest(canonical);
  return ok({ body: body.value, entry: opaqueEntry(body.value.eventId, commitment, places) });
}

/** As `readCanonicalJson` and `parseLogBody` do it, in half of the time. */
function readCanonicalBody(plaintext: Uint8Array): Result<LogBody> {
  const value = readJson(plaintext);
  const body = value && parseLogBody(value.value);
  if (!body?.ok) return body ?? malformed();
  return canonicalBody(body.value) === value?.text ? body : malformed();
}

const doesNotOpen = () => err(new AppError('LEAF_MISMATCH', 'The sealed body does not open.'));

const malformed = () => err(new AppError('MALFORMED', 'These bytes are no body of an entry.'));
