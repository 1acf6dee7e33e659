import { AppError, type Result, err, ok } from '#kernel';

/** Design page 2, "Profile": what is accepted; everything else is refused. */

/** Bytes of content as UTF-8 JSON, until messages may have attachments. */
export const maxContentBytes = 32 * 1024;

/** One `typ` per kind of token, with its greatest length in characters. A message's three parts make 128 KiB together. */
export const signedTypes = {
  manifest: { typ: 'kotovayla-manifest+jws', maxLength: 16 * 1024 },
  inner: { typ: 'kotovayla-inner+jws', maxLength: 72 * 1024 },
  'release-request': { typ: 'kotovayla-release-request+jws', maxLength: 2 * 1024 },
  permit: { typ: 'kotovayla-permit+jws', maxLength: 16 * 1024 },
  'permit-refusal': { typ: 'kotovayla-permit-refusal+jws', maxLength: 2 * 1024 },
  outcome: { typ: 'kotovayla-outcome+jws', maxLength: 64 * 1024 },
  consent: { typ: 'kotovayla-consent+jws', maxLength: 16 * 1024 },
  'consent-proposal': { typ: 'kotovayla-consent-proposal+jws', maxLength: 64 * 1024 },
  'consent-act': { typ: 'kotovayla-consent-act+jws', maxLength: 4 * 1024 },
  'subject-link': { typ: 'kotovayla-subject-link+jws', maxLength: 4 * 1024 },
  'decider-exclusion': { typ: 'kotovayla-decider-exclusion+jws', maxLength: 4 * 1024 },
  'account-identification': { typ: 'kotovayla-account-identification+jws', maxLength: 4 * 1024 },
  'consent-notice': { typ: 'kotovayla-consent-notice+jws', maxLength: 4 * 1024 },
  'agency-key': { typ: 'kotovayla-agency-key+jws', maxLength: 4 * 1024 },
  'agency-key-revocation': { typ: 'kotovayla-agency-key-revocation+jws', maxLength: 4 * 1024 },
  mismatch: { typ: 'kotovayla-mismatch+jws', maxLength: 4 * 1024 },
  'hub-key': { typ: 'kotovayla-hub-key+jws', maxLength: 4 * 1024 },
  'report-decision': { typ: 'kotovayla-report-decision+jws', maxLength: 4 * 1024 },
  'pseudonym-key': { typ: 'kotovayla-pseudonym-key+jws', maxLength: 2 * 1024 },
  // A selection may name indices.
  'erasure-proposal': { typ: 'kotovayla-erasure-proposal+jws', maxLength: 128 * 1024 },
  'erasure-approval': { typ: 'kotovayla-erasure-approval+jws', maxLength: 4 * 1024 },
  'legal-hold': { typ: 'kotovayla-legal-hold+jws', maxLength: 128 * 1024 },
  'legal-hold-lift': { typ: 'kotovayla-legal-hold-lift+jws', maxLength: 4 * 1024 },
  'alert-act': { typ: 'kotovayla-alert-act+jws', maxLength: 4 * 1024 },
  'alert-notice': { typ: 'kotovayla-alert-notice+jws', maxLength: 2 * 1024 },
  'break-glass': { typ: 'kotovayla-break-glass+jws', maxLength: 4 * 1024 },
  'break-glass-review': { typ: 'kotovayla-break-glass-review+jws', maxLength: 4 * 1024 },
  'audit-look': { typ: 'kotovayla-audit-look+jws', maxLength: 4 * 1024 },
  'disclosure-view': { typ: 'kotovayla-disclosure-view+jws', maxLength: 2 * 1024 },
  'service-call': { typ: 'kotovayla-service-call+jws', maxLength: 2 * 1024 },
} as const;
export type SignedType = keyof typeof signedTypes;

export const sealedTypes = {
  inner: { typ: 'kotovayla-inner+jwe', enc: 'A256GCM', maxLength: 100 * 1024 },
  // CBC-HS512 commits to its key, AES-GCM does not: nobody can make one ciphertext that opens to two contents.
  outer: { typ: 'kotovayla-outer+jwe', enc: 'A256CBC-HS512', maxLength: 108 * 1024 },
  capsule: { typ: 'kotovayla-capsule+jwe', enc: 'A256GCM', maxLength: 2 * 1024 },
  'released-key': { typ: 'kotovayla-released-key+jwe', enc: 'A256GCM', maxLength: 32 * 1024 },
  'pseudonym-key': { typ: 'kotovayla-pseudonym-key+jwe', enc: 'A256GCM', maxLength: 4 * 1024 },
} as const;
export type SealedType = keyof typeof sealedTypes;

const tokenCharacters = /^[A-Za-z0-9_.-]*$/;
// Stray bits in a segment's last character would give one token many spellings (RFC 4648 §3.5).
const lastCharacter = [/$/, /(?!)/, /[AQgw]$/, /[AEIMQUYcgkosw048]$/] as const;
const isCanonicalBase64url = (segment: string): boolean => lastCharacter[segment.length % 4]?.test(segment) ?? false;

/**
 * The segments of a compact token. Size and spelling are judged before anything is parsed. Errors: MALFORMED,
 * CONTENT_TOO_LARGE, TOKEN_CHARACTERS (characters beside `A-Z a-z 0-9 _ - .`, or base64url that is not canonical).
 */
export function splitToken(token: unknown, count: 3 | 5, maxLength: number): Result<readonly string[]> {
  if (typeof token !== 'string') return err(new AppError('MALFORMED', 'A compact token is a string.'));
  if (token.length > maxLength) return err(new AppError('CONTENT_TOO_LARGE', undefined, { maxLength }));
  if (!tokenCharacters.test(token)) return err(new AppError('TOKEN_CHARACTERS'));
  const segments = token.split('.');
  if (segments.length !== count) return err(new AppError('MALFORMED', `A token of this kind has ${count} segments.`));
  if (!segments.every(isCanonicalBase64url)) {
    return err(new AppError('TOKEN_CHARACTERS', 'A segment is not canonical base64url.'));
  }
  return ok(segments);
}
