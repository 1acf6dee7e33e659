import { AppError, type Result, type Thumbprint, err, isThumbprint, ok } from '#kernel';
import { readHeader } from './compact-header.js';
import { decryptToken, direct, encryptTo, encryptUnder, keyAgreement } from './compact-crypto.js';
import type { ReceivingKey, RecipientKey } from './keys.js';
import { type SealedType, sealedTypes, splitToken } from './profile.js';
import { isRecord } from './shape.js';

const agreementMembers = ['alg', 'enc', 'epk', 'kid', 'typ'] as const;
const directMembers = ['alg', 'enc', 'typ'] as const;
const ephemeralMembers: readonly string[] = ['kty', 'crv', 'x', 'y'];

/** Seals to a key (ECDH-ES with an ephemeral key of its own each time). */
export function sealTo(type: SealedType, plaintext: Uint8Array, key: RecipientKey): string {
  const { typ, enc } = sealedTypes[type];
  return encryptTo(plaintext, { enc, kid: key.kid, typ }, key);
}

/** Header of a token made by `sealTo`. Errors: MALFORMED, CONTENT_TOO_LARGE, TOKEN_CHARACTERS, TYP_MISMATCH, ALG_NOT_ALLOWED. */
export function readSealed(type: SealedType, token: unknown): Result<{ readonly kid: Thumbprint }> {
  const { typ, enc, maxLength } = sealedTypes[type];
  const segments = splitToken(token, 5, maxLength);
  if (!segments.ok) return segments;
  const [protectedHeader = '', encryptedKey] = segments.value;
  const header = readHeader(protectedHeader, typ, agreementMembers);
  if (!header.ok) return header;
  const { alg, enc: named, epk, kid } = header.value;
  if (alg !== keyAgreement || named !== enc) return err(new AppError('ALG_NOT_ALLOWED'));
  if (!isThumbprint(kid)) return err(new AppError('MALFORMED', undefined, { field: 'kid' }));
  if (encryptedKey !== '') return err(new AppError('MALFORMED', 'ECDH-ES has no encrypted key.'));
  if (!isRecord(epk) || !Object.keys(epk).every((member) => ephemeralMembers.includes(member))) {
    return err(new AppError('MALFORMED', undefined, { field: 'epk' }));
  }
  return ok({ kid });
}

/** Undefined when the token is not sealed to this key or was changed; the caller's code says what that means for it. */
export function openSealed(type: SealedType, token: string, key: ReceivingKey): Buffer | undefined {
  const header = readSealed(type, token);
  if (!header.ok || header.value.kid !== key.kid) return undefined;
  return decryptToken(token, key, sealedTypes[type].enc);
}

/** Seals under a symmetric key that is used for nothing else. */
export function sealUnder(type: SealedType, plaintext: Uint8Array, key: Uint8Array): string {
  const { typ, enc } = sealedTypes[type];
  return encryptUnder(plaintext, { enc, typ }, key);
}

/** Shape of a token made by `sealUnder`. Errors: as `readSealed`. */
export function readSealedUnder(type: SealedType, token: unknown): Result<void> {
  const { typ, enc, maxLength } = sealedTypes[type];
  const segments = splitToken(token, 5, maxLength);
  if (!segments.ok) return segments;
  const [protectedHeader = '', encryptedKey] = segments.value;
  const header = readHeader(protectedHeader, typ, directMembers);
  if (!header.ok) return header;
  if (header.value.alg !== direct || header.value.enc !== enc) return err(new AppError('ALG_NOT_ALLOWED'));
  if (encryptedKey !== '') return err(new AppError('MALFORMED', 'Direct encryption has no encrypted key.'));
  return ok(undefined);
}

/** Undefined when it is not sealed under this key or was changed. */
export function openUnder(type: SealedType, token: string, key: Uint8Array): Buffer | undefined {
  if (!readSealedUnder(type, token).ok) return undefined;
  return decryptToken(token, key, sealedTypes[type].enc);
}
