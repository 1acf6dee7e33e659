import type { KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { AppError, type Result, type Sha256, type Thumbprint, err, ok, sha256 } from '#kernel';
import { readSealed, readSealedUnder } from './compact-jwe.js';
import { type ReadJws, readJws, signJws, verifyJws } from './compact-jws.js';
import { type MessageContext, parseContext } from './context.js';
import { hash } from './fields.js';
import type { SigningKey, VerificationKey } from './keys.js';
import { closed, parseAs } from './shape.js';

/** All that the hub may see of a message. Its hash names the message everywhere. */
export interface Manifest {
  /** The sender's signing key. */
  readonly kid: Thumbprint;
  readonly context: MessageContext;
  /** SHA-256 of the compact token `outer`. */
  readonly outerHash: Sha256;
  /** SHA-256 of the compact token `capsule`. */
  readonly capsuleHash: Sha256;
  /** SHA-256 of the JWS signing input; see `ReadJws.hash`. */
  readonly manifestHash: Sha256;
}

interface ManifestPayload {
  context: MessageContext;
  outerHash: Sha256;
  capsuleHash: Sha256;
}

const payloadShape = closed<ManifestPayload>({
  // Judged by parseContext, which has error codes of its own.
  context: () => undefined,
  outerHash: hash,
  capsuleHash: hash,
});

export const signManifest = async (payload: ManifestPayload, key: SigningKey): Promise<string> =>
  signJws('manifest', payload, key);

/**
 * Manifests that were read lately, by their whole token, and the key with which one was verified. A message passes a service
 * several times (judged, recorded, released), and both are the same each time.
 */
const readLately = new LRUCache<string, Manifest>({ max: 2_048 });
const verifiedWith = new WeakMap<Manifest, KeyObject>();

/**
 * What a manifest says, unverified and without cryptography: for routing and for finding the key. Frozen, for it is shared by
 * all who read it. Errors: MALFORMED, BASIS_MALFORMED, CONTENT_TOO_LARGE, TOKEN_CHARACTERS, TYP_MISMATCH, ALG_NOT_ALLOWED.
 */
export function readManifest(token: string): Result<Manifest> {
  const known = readLately.get(token);
  if (known !== undefined) return ok(known);
  const read = readJws('manifest', token);
  if (!read.ok) return read;
  const manifest = manifestOf(read.value);
  if (manifest.ok) readLately.set(token, frozen(manifest.value));
  return manifest;
}

/**
 * A manifest signed with this key. That the key is the sender's, logged and valid, is for the caller to know.
 * Errors: as `readManifest`, SIGNATURE_INVALID.
 */
export async function verifyManifest(token: string, key: VerificationKey): Promise<Result<Manifest>> {
  const read = readManifest(token);
  if (read.ok && verifiedWith.get(read.value) === key.publicKey) return read;
  const verified = verifyJws('manifest', token, key);
  if (!verified.ok) return verified;
  if (read.ok) verifiedWith.set(read.value, key.publicKey);
  return read;
}

/**
 * Do these parts belong to the manifest? Shape and hashes, no cryptography. Errors: HASH_MISMATCH, TOKEN_CHARACTERS,
 * CONTENT_TOO_LARGE, TYP_MISMATCH, ALG_NOT_ALLOWED, MALFORMED.
 */
export function checkParts(
  manifest: Pick<Manifest, 'outerHash' | 'capsuleHash'>,
  { capsule, outer }: { readonly capsule: string; readonly outer: string },
): Result<void> {
  const sealed = readSealed('capsule', capsule);
  if (!sealed.ok) return sealed;
  const outerFits = checkOuter(manifest, outer);
  if (!outerFits.ok) return outerFits;
  return sha256(capsule) === manifest.capsuleHash ? ok(undefined) : err(new AppError('HASH_MISMATCH'));
}

export function checkOuter(manifest: Pick<Manifest, 'outerHash'>, outer: string): Result<void> {
  const sealed = readSealedUnder('outer', outer);
  if (!sealed.ok) return sealed;
  return sha256(outer) === manifest.outerHash ? ok(undefined) : err(new AppError('HASH_MISMATCH'));
}

function manifestOf({ kid, payload, hash: manifestHash }: ReadJws): Result<Manifest> {
  const shaped = parseAs(payloadShape, payload);
  if (!shaped.ok) return shaped;
  const context = parseContext(shaped.value.context);
  if (!context.ok) return context;
  const { outerHash, capsuleHash } = shaped.value;
  return ok({ kid, context: context.value, outerHash, capsuleHash, manifestHash });
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) frozen(member);
  return Object.freeze(value);
}
