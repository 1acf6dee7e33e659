import {
  importVerificationKey,
  type KeyRecord,
  mayVouchFor,
  readStatement,
  thumbprintOf,
  verifyStatement,
} from '#envelope';
import { AppError, err, ok, type Result, type Thumbprint } from '#kernel';

/** A key that may vouch for another: published before, in force, not revoked. */
export interface TrustedKey {
  readonly kid: Thumbprint;
  readonly use: KeyRecord['use'];
  readonly jwk: object;
}

export interface TrustedRecord {
  readonly token: string;
  readonly record: KeyRecord;
  readonly kid: Thumbprint;
}

/**
 * Is this record signed by a key that may vouch for it (design: First trust)? The one key that vouches for itself is the
 * signing key whose thumbprint was compared out of band; another signing key needs the previous one or the recovery key,
 * another recovery key the previous recovery key; every other use needs a signing key.
 *
 * @param firstKey thumbprint that the operator compared; once its record is known, it must not be asked about again: a
 *   revoked key would vouch for itself anew
 * @param trusted keys published before, earlier records of the same post included
 * Errors: KEY_UNTRUSTED, SIGNATURE_INVALID, MALFORMED and the like
 */
export async function trustRecord(
  token: string,
  firstKey: Thumbprint,
  trusted: readonly TrustedKey[],
): Promise<Result<TrustedRecord>> {
  const read = readStatement('agency-key', token);
  if (!read.ok) return read;
  const { kid: signer, payload: record } = read.value;
  const kid = await thumbprintOf(record.jwk);
  const hasRecovery = trusted.some(({ use }) => use === 'recovery');
  const isFirst = record.use === 'signing' && kid === firstKey && signer === kid;
  const voucher = isFirst
    ? record
    : trusted.find((key) => key.kid === signer && mayVouchFor(key.use, record.use, hasRecovery));
  if (!voucher) return err(new AppError('KEY_UNTRUSTED'));
  const key = await importVerificationKey(voucher.jwk);
  if (!key.ok) return key;
  const verified = await verifyStatement('agency-key', token, key.value);
  if (!verified.ok) return verified;
  return ok({ token, record: verified.value, kid });
}
