import { AppError, type Result, type Sha256, type Thumbprint, err, ok } from '#kernel';
import { canonicalBytes, readCanonicalJson } from './canonical.js';
import { openSealed, readSealed, sealTo } from './compact-jwe.js';
import { contextHash } from './context.js';
import { hash } from './fields.js';
import type { ReceivingKey, RecipientKey } from './keys.js';
import type { Manifest } from './manifest.js';
import { closed, oneOf, parseAs, text } from './shape.js';

/** What audit finds in a capsule: the one-time key and the message that it belongs to. */
export interface OpenedCapsule {
  /** K: 64 bytes. */
  readonly contentKey: Buffer;
  readonly contextHash: Sha256;
  readonly outerHash: Sha256;
}

interface CapsulePayload {
  v: 1;
  k: string;
  contextHash: Sha256;
  outerHash: Sha256;
}

const payloadShape = closed<CapsulePayload>({
  v: oneOf(1),
  // 64 bytes as canonical base64url.
  k: text(/^[A-Za-z0-9_-]{85}[AQgw]$/),
  contextHash: hash,
  outerHash: hash,
});

export const sealCapsule = async (
  { contentKey, contextHash: context, outerHash }: OpenedCapsule,
  releaseKey: RecipientKey,
): Promise<string> => {
  const payload: CapsulePayload = { v: 1, k: contentKey.toString('base64url'), contextHash: context, outerHash };
  return sealTo('capsule', canonicalBytes(payload), releaseKey);
};

/** The release key to which a capsule says it is sealed. Errors: MALFORMED, TYP_MISMATCH, ALG_NOT_ALLOWED and the like. */
export function capsuleKid(capsule: string): Result<Thumbprint> {
  const header = readSealed('capsule', capsule);
  return header.ok ? ok(header.value.kid) : header;
}

/**
 * For audit alone. Errors: those of `capsuleKid`; RELEASE_KEY_UNKNOWN (sealed to another key); CAPSULE_MISMATCH (does
 * not open, or holds something else).
 */
export async function openCapsule(capsule: string, releaseKey: ReceivingKey): Promise<Result<OpenedCapsule>> {
  const kid = capsuleKid(capsule);
  if (!kid.ok) return kid;
  if (kid.value !== releaseKey.kid) return err(new AppError('RELEASE_KEY_UNKNOWN'));
  const plaintext = openSealed('capsule', capsule, releaseKey);
  if (plaintext === undefined) return err(new AppError('CAPSULE_MISMATCH', 'The capsule does not open.'));
  const value = readCanonicalJson(plaintext);
  if (!value.ok) return value;
  const payload = parseAs(payloadShape, value.value, 'CAPSULE_MISMATCH');
  if (!payload.ok) return payload;
  const { k, contextHash: context, outerHash } = payload.value;
  return ok({ contentKey: Buffer.from(k, 'base64url'), contextHash: context, outerHash });
}

/**
 * Was this capsule made for this message? Without this check anybody could put another's capsule under a manifest of
 * his own and have its key released to himself. Errors: CAPSULE_MISMATCH.
 */
export const checkCapsule = (capsule: OpenedCapsule, manifest: Manifest): Result<void> =>
  capsule.contextHash === contextHash(manifest.context) && capsule.outerHash === manifest.outerHash
    ? ok(undefined)
    : err(new AppError('CAPSULE_MISMATCH'));
