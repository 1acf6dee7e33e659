import { AppError, type Result, type Sha256, type Thumbprint, err, isThumbprint, ok, sha256 } from '#kernel';
import { canonicalBytes, readCanonicalJson } from './canonical.js';
import { readHeader } from './compact-header.js';
import { signToken, signatureNames, verifySignature } from './compact-crypto.js';
import type { SigningKey, VerificationKey } from './keys.js';
import { type SignedType, signedTypes, splitToken } from './profile.js';

/** What a compact JWS says. Unverified unless it came from `verifyJws`. */
export interface ReadJws {
  readonly kid: Thumbprint;
  readonly alg: string;
  readonly payload: unknown;
  /**
   * SHA-256 of the JWS signing input (header and payload, not the signature). An ES256 signature (r, s) verifies as (r, −s)
   * too, and a signer may sign again; the name of what was signed must not change with that.
   */
  readonly hash: Sha256;
}

const headerMembers = ['alg', 'kid', 'typ'] as const;
const allNames: readonly string[] = Object.values(signatureNames).flat();

/** Shape only, no cryptography. Errors: MALFORMED, CONTENT_TOO_LARGE, TOKEN_CHARACTERS, TYP_MISMATCH, ALG_NOT_ALLOWED. */
export function readJws(type: SignedType, token: unknown): Result<ReadJws> {
  const { typ, maxLength } = signedTypes[type];
  const segments = splitToken(token, 3, maxLength);
  if (!segments.ok) return segments;
  const [protectedHeader = '', payload = ''] = segments.value;
  const header = readHeader(protectedHeader, typ, headerMembers);
  if (!header.ok) return header;
  const { alg, kid } = header.value;
  if (typeof alg !== 'string' || !allNames.includes(alg)) return err(new AppError('ALG_NOT_ALLOWED'));
  if (!isThumbprint(kid)) return err(new AppError('MALFORMED', undefined, { field: 'kid' }));
  const value = readCanonicalJson(Buffer.from(payload, 'base64url'));
  if (!value.ok) return value;
  return ok({ kid, alg, payload: value.value, hash: sha256(`${protectedHeader}.${payload}`) });
}

export const signJws = (type: SignedType, payload: object, key: SigningKey): string =>
  signToken(canonicalBytes(payload), { kid: key.kid, typ: signedTypes[type].typ }, key);

/** The algorithm comes from the key's record; the token only has to agree. Errors: as `readJws`, SIGNATURE_INVALID. */
export function verifyJws(type: SignedType, token: string, key: VerificationKey): Result<ReadJws> {
  const read = readJws(type, token);
  if (!read.ok) return read;
  const algorithms: readonly string[] = signatureNames[key.alg];
  if (read.value.kid !== key.kid) return err(new AppError('SIGNATURE_INVALID', 'The token names another key.'));
  if (!algorithms.includes(read.value.alg)) return err(new AppError('ALG_NOT_ALLOWED'));
  return verifySignature(token, key) ? read : err(new AppError('SIGNATURE_INVALID'));
}
