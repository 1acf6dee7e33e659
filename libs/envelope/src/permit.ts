import {
  AppError,
  type ErrorCode,
  type Result,
  type Sha256,
  type Thumbprint,
  canonicalJson,
  err,
  numericDate,
  ok,
} from '#kernel';
import { type Basis, basisItem } from './basis.js';
import { readJws, signJws, verifyJws } from './compact-jws.js';
import { errorCode, hash, numericDate as numericDateField } from './fields.js';
import type { SigningKey, VerificationKey } from './keys.js';
import type { Manifest } from './manifest.js';
import { closed, flag, list, oneOf, parseAs } from './shape.js';

/** Consent says: at this moment this basis holds for this message and this release request. */
export interface Permit {
  manifestHash: Sha256;
  releaseRequestHash: Sha256;
  /** What was found valid: the context's basis, word for word. */
  basis: Basis[];
  /** `none`: the kind counts no use. */
  use: 'first' | 'repeat' | 'none';
  iat: number;
  /** At most 10 s after `iat`. */
  exp: number;
}

/** Consent says why not. `final`: it will never hold again for this message. */
export interface PermitRefusal {
  manifestHash: Sha256;
  releaseRequestHash: Sha256;
  code: ErrorCode;
  final: boolean;
  iat: number;
}

/** Seconds for which a permit may be good. */
export const permitMaxAge = 10;
/** Seconds by which clocks of hub services may differ. */
export const hubSkew = 2;

const permitShape = closed<Permit>({
  manifestHash: hash,
  releaseRequestHash: hash,
  basis: list(basisItem, { max: 16 }),
  use: oneOf('first', 'repeat', 'none'),
  iat: numericDateField,
  exp: numericDateField,
});

const refusalShape = closed<PermitRefusal>({
  manifestHash: hash,
  releaseRequestHash: hash,
  code: errorCode,
  final: flag,
  iat: numericDateField,
});

export const signPermit = async (permit: Permit, key: SigningKey): Promise<string> => signJws('permit', permit, key);

/** Unverified, with the key that it names. Errors: PERMIT_INVALID and no other. */
export function readPermit(token: string): Result<Permit & { readonly kid: Thumbprint }> {
  const read = readJws('permit', token);
  if (!read.ok) return invalid(read.error.code);
  const permit = parseAs(permitShape, read.value.payload);
  return permit.ok ? ok({ ...permit.value, kid: read.value.kid }) : invalid(permit.error.code);
}

/** A permit by this key that holds now. What it permits is for `checkPermit`. Errors: PERMIT_INVALID and no other. */
export async function verifyPermit(token: string, key: VerificationKey, now: Date): Promise<Result<Permit>> {
  const verified = verifyJws('permit', token, key);
  if (!verified.ok) return invalid(verified.error.code);
  const permit = parseAs(permitShape, verified.value.payload);
  if (!permit.ok) return invalid(permit.error.code);
  const { iat, exp } = permit.value;
  const at = numericDate(now);
  if (exp <= iat || exp - iat > permitMaxAge) return invalid('lifetime');
  return at >= iat - hubSkew && at < exp + hubSkew ? permit : invalid('time');
}

/** Is it for this message, on this basis, and for this release request? Errors: PERMIT_INVALID. */
export function checkPermit(
  permit: Permit,
  { manifest, releaseRequestHash }: { readonly manifest: Manifest; readonly releaseRequestHash: Sha256 },
): Result<void> {
  if (permit.manifestHash !== manifest.manifestHash) return invalid('manifestHash');
  if (permit.releaseRequestHash !== releaseRequestHash) return invalid('releaseRequestHash');
  return canonicalJson(permit.basis) === canonicalJson(manifest.context.basis) ? ok(undefined) : invalid('basis');
}

export const signPermitRefusal = async (refusal: PermitRefusal, key: SigningKey): Promise<string> =>
  signJws('permit-refusal', refusal, key);

/** The key that a refusal names, unverified. Errors: MALFORMED and the like. */
export function permitRefusalKid(token: string): Result<Thumbprint> {
  const read = readJws('permit-refusal', token);
  return read.ok ? ok(read.value.kid) : read;
}

/** Errors: MALFORMED, TYP_MISMATCH, ALG_NOT_ALLOWED, SIGNATURE_INVALID and the like. */
export async function verifyPermitRefusal(token: string, key: VerificationKey): Promise<Result<PermitRefusal>> {
  const verified = verifyJws('permit-refusal', token, key);
  return verified.ok ? parseAs(refusalShape, verified.value.payload) : verified;
}

const invalid = (reason: string) => err(new AppError('PERMIT_INVALID', undefined, { reason }));
