import { AppError, type Result, canonicalJson, err, ok } from '#kernel';
import { openSealed, openUnder } from './compact-jwe.js';
import { verifyJws } from './compact-jws.js';
import type { MessageContext } from './context.js';
import { type JsonObject, type SubjectIdentity, innerShape } from './inner.js';
import type { ReceivingKey, VerificationKey } from './keys.js';
import { type Manifest, checkOuter, checkParts, verifyManifest } from './manifest.js';
import { parseAs } from './shape.js';

export interface MessageToOpen {
  /** The compact token; verified here once more. */
  readonly manifest: string;
  readonly capsule?: string;
  readonly outer: string;
  /** K, as audit released it. */
  readonly contentKey: Buffer;
  readonly receivingKey: ReceivingKey;
  /** The sender's signing key as it was when the message was accepted. */
  readonly senderKey: VerificationKey;
}

export interface OpenedMessage {
  readonly context: MessageContext;
  /** In the order of the context's pseudonyms. That each pseudonym is that of the identifier is for the caller to recompute. */
  readonly subjects: SubjectIdentity[];
  readonly content: JsonObject;
}

/**
 * Opens both layers, verifies the signature inside, and compares what is signed inside with the manifest.
 * Errors: those of `verifyManifest` and `checkParts`; OPENED_MISMATCH when a layer does not open or the inside differs,
 * upon which nothing of it is handed on; SIGNATURE_INVALID.
 */
export async function openMessage(message: MessageToOpen): Promise<Result<OpenedMessage>> {
  const { outer, capsule, contentKey, receivingKey, senderKey } = message;
  const manifest = await verifyManifest(message.manifest, senderKey);
  if (!manifest.ok) return manifest;
  const parts =
    capsule === undefined ? checkOuter(manifest.value, outer) : checkParts(manifest.value, { capsule, outer });
  if (!parts.ok) return parts;
  if (manifest.value.context.recipientKey !== receivingKey.kid) return mismatch('recipientKey');

  const inner = openUnder('outer', outer, contentKey);
  if (inner === undefined) return mismatch('outer');
  const signed = openSealed('inner', inner.toString('latin1'), receivingKey);
  if (signed === undefined) return mismatch('inner');
  const verified = verifyJws('inner', signed.toString('latin1'), senderKey);
  return verified.ok ? compare(manifest.value, verified.value.payload) : verified;
}

function compare({ context }: Manifest, payload: unknown): Result<OpenedMessage> {
  const inner = parseAs(innerShape, payload, 'OPENED_MISMATCH');
  if (!inner.ok) return inner;
  const { subjects, content } = inner.value;
  if (canonicalJson(inner.value.context) !== canonicalJson(context)) return mismatch('context');
  const named = subjects.map((subject) => subject.pseudonym);
  if (canonicalJson(named) !== canonicalJson(context.subjects)) return mismatch('subjects');
  return ok({ context, subjects, content });
}

const mismatch = (field: string) => err(new AppError('OPENED_MISMATCH', undefined, { field }));
