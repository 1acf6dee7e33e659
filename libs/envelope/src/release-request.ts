import { type AgencyId, AppError, type Result, type Sha256, type Thumbprint, err, numericDate, ok } from '#kernel';
import { type ReadJws, readJws, signJws, verifyJws } from './compact-jws.js';
import { agency, hash, numericDate as numericDateField, tokenId, worker } from './fields.js';
import type { SigningKey, VerificationKey } from './keys.js';
import { closed, parseAs } from './shape.js';

/** The recipient asks for the one-time key of one message. */
export interface ReleaseRequest {
  manifestHash: Sha256;
  agency: AgencyId;
  /** The case worker's pseudonym at that agency. */
  worker: string;
  /** The same one gives the same leaf again; a new one needs a new permit. */
  jti: string;
  iat: number;
}

/** With the hash by which permit and log name it. */
export type SignedReleaseRequest = ReleaseRequest & { readonly hash: Sha256 };

const shape = closed<ReleaseRequest>({
  manifestHash: hash,
  agency,
  worker,
  jti: tokenId,
  iat: numericDateField,
});

/** Seconds for which a release request is good. */
export const releaseRequestMaxAge = 60;
/** Seconds by which an agency's clock may be ahead. */
export const agencySkew = 60;

export const signReleaseRequest = async (request: ReleaseRequest, key: SigningKey): Promise<string> =>
  signJws('release-request', request, key);

/** Unverified. Errors: MALFORMED, TOKEN_CHARACTERS, CONTENT_TOO_LARGE, TYP_MISMATCH, ALG_NOT_ALLOWED. */
export function readReleaseRequest(token: string): Result<SignedReleaseRequest & { readonly kid: Thumbprint }> {
  const read = readJws('release-request', token);
  if (!read.ok) return read;
  const request = requestOf(read.value);
  return request.ok ? ok({ ...request.value, kid: read.value.kid }) : request;
}

/** Errors: as `readReleaseRequest`, SIGNATURE_INVALID. */
export async function verifyReleaseRequest(token: string, key: VerificationKey): Promise<Result<SignedReleaseRequest>> {
  const verified = verifyJws('release-request', token, key);
  return verified.ok ? requestOf(verified.value) : verified;
}

/** Is it for this message and fresh? Errors: RELEASE_REQUEST_INVALID. */
export function checkReleaseRequest(
  request: ReleaseRequest,
  expected: { readonly manifestHash: Sha256; readonly agency: AgencyId },
  now: Date,
): Result<void> {
  const age = numericDate(now) - request.iat;
  const fits = request.manifestHash === expected.manifestHash && request.agency === expected.agency;
  return fits && age <= releaseRequestMaxAge && age >= -agencySkew
    ? ok(undefined)
    : err(new AppError('RELEASE_REQUEST_INVALID'));
}

function requestOf({ payload, hash: requestHash }: ReadJws): Result<SignedReleaseRequest> {
  const request = parseAs(shape, payload);
  return request.ok ? ok({ ...request.value, hash: requestHash }) : request;
}
