import { randomBytes } from 'node:crypto';
import { AppError, type Result, type Sha256, canonicalJson, err, ok, sha256 } from '#kernel';
import { sealCapsule } from './capsule.js';
import { sealTo, sealUnder } from './compact-jwe.js';
import { signJws } from './compact-jws.js';
import { type MessageContext, contextHash, parseContext } from './context.js';
import { type InnerPayload, type JsonObject, type SubjectIdentity, innerShape } from './inner.js';
import type { RecipientKey, SigningKey } from './keys.js';
import { readManifest, signManifest } from './manifest.js';
import { maxContentBytes, sealedTypes } from './profile.js';
import { parseAs } from './shape.js';

export interface SealedMessage {
  readonly manifest: string;
  readonly capsule: string;
  readonly outer: string;
  readonly manifestHash: Sha256;
}

export interface MessageToSeal {
  readonly context: MessageContext;
  /** One for each pseudonym of the context, in its order. */
  readonly subjects: SubjectIdentity[];
  readonly content: JsonObject;
  readonly signingKey: SigningKey;
  readonly recipientKey: RecipientKey;
  /** Audit's release key of the month. */
  readonly releaseKey: RecipientKey;
}

const contentKeyBytes = 64;

/**
 * Seals a message in the layers of design page 2: sign the inside, encrypt it to the recipient, encrypt that under a
 * one-time key K, put K into a capsule for audit, and sign the manifest over both hashes.
 * Errors: MALFORMED, BASIS_MALFORMED, CONTENT_TOO_LARGE.
 */
export async function sealMessage(message: MessageToSeal): Promise<Result<SealedMessage>> {
  const checked = innerPayloadOf(message);
  if (!checked.ok) return checked;
  const { signingKey, recipientKey, releaseKey } = message;
  const inner = sealTo('inner', Buffer.from(signJws('inner', checked.value, signingKey)), recipientKey);

  const contentKey = randomBytes(contentKeyBytes);
  const outer = sealUnder('outer', Buffer.from(inner), contentKey);
  if (outer.length > sealedTypes.outer.maxLength) return err(new AppError('CONTENT_TOO_LARGE'));

  const { context } = checked.value;
  const outerHash = sha256(outer);
  const capsule = await sealCapsule({ contentKey, contextHash: contextHash(context), outerHash }, releaseKey);
  contentKey.fill(0);

  const manifest = await signManifest({ context, outerHash, capsuleHash: sha256(capsule) }, signingKey);
  const read = readManifest(manifest);
  return read.ok ? ok({ manifest, capsule, outer, manifestHash: read.value.manifestHash }) : read;
}

function innerPayloadOf({ context, subjects, content, recipientKey }: MessageToSeal): Result<InnerPayload> {
  const parsed = parseContext(context);
  if (!parsed.ok) return parsed;
  if (context.recipientKey !== recipientKey.kid) return malformed('recipientKey');
  const payload = parseAs(innerShape, { context, subjects, content });
  if (!payload.ok) return payload;
  const named = subjects.map((subject) => subject.pseudonym);
  if (canonicalJson(named) !== canonicalJson(context.subjects)) return malformed('subjects');
  const size = contentSize(content);
  if (size === undefined) return malformed('content');
  return size > maxContentBytes ? err(new AppError('CONTENT_TOO_LARGE', undefined, { maxContentBytes })) : payload;
}

/** Bytes of the content's canonical JSON; undefined for what JSON cannot carry. */
function contentSize(content: JsonObject): number | undefined {
  try {
    return Buffer.byteLength(canonicalJson(content), 'utf8');
  } catch {
    return undefined;
  }
}

const malformed = (field: string) => err(new AppError('MALFORMED', undefined, { field }));
