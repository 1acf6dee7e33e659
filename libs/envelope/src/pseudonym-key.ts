import { AppError, type Result, type Thumbprint, err, ok } from '#kernel';
import { openSealed, readSealed, sealTo } from './compact-jwe.js';
import { signJws, verifyJws } from './compact-jws.js';
import { instant, thumbprint, version } from './fields.js';
import type { ReceivingKey, RecipientKey, SigningKey, VerificationKey } from './keys.js';
import type { PseudonymKey } from './pseudonyms.js';
import { closed, oneOf, optional, parseAs, text } from './shape.js';

interface PseudonymKeyPayload {
  v: 1;
  version: number;
  key: string;
  /** Instant from which it is used; before it the version before is. Without it at once. */
  useFrom?: string;
  /** Whom it was sealed to: signed, so that a recipient cannot pass it on in the first agency's name. */
  recipientKey: Thumbprint;
}

const payloadShape = closed<PseudonymKeyPayload>({
  v: oneOf(1),
  version,
  key: text(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/),
  useFrom: optional(instant),
  recipientKey: thumbprint,
});

/** A pseudonym key on its way, with the instant from which all use it. */
export type SharedPseudonymKey = PseudonymKey & { readonly useFrom?: string };

/** The first agency's agent seals the shared pseudonym key to each agency as it is onboarded: signed, then encrypted. */
export async function sealPseudonymKey(
  { version: keyVersion, key, useFrom }: SharedPseudonymKey,
  recipientKey: RecipientKey,
  signingKey: SigningKey,
): Promise<string> {
  if (key.length !== 32) throw new TypeError('a pseudonym key has 32 bytes');
  const payload: PseudonymKeyPayload = {
    v: 1,
    version: keyVersion,
    key: key.toString('base64url'),
    ...(useFrom === undefined ? {} : { useFrom }),
    recipientKey: recipientKey.kid,
  };
  return sealTo('pseudonym-key', Buffer.from(signJws('pseudonym-key', payload, signingKey)), recipientKey);
}

/** Errors: those of a token's shape; RECIPIENT_KEY_UNKNOWN; OPENED_MISMATCH; SIGNATURE_INVALID. */
export async function openPseudonymKey(
  token: string,
  receivingKey: ReceivingKey,
  senderKey: VerificationKey,
): Promise<Result<SharedPseudonymKey>> {
  const header = readSealed('pseudonym-key', token);
  if (!header.ok) return header;
  if (header.value.kid !== receivingKey.kid) return err(new AppError('RECIPIENT_KEY_UNKNOWN'));
  const signed = openSealed('pseudonym-key', token, receivingKey);
  if (signed === undefined) return err(new AppError('OPENED_MISMATCH'));
  const verified = verifyJws('pseudonym-key', signed.toString('latin1'), senderKey);
  if (!verified.ok) return verified;
  const payload = parseAs(payloadShape, verified.value.payload);
  if (!payload.ok) return payload;
  if (payload.value.recipientKey !== receivingKey.kid) return err(new AppError('OPENED_MISMATCH'));
  const { version: keyVersion, key, useFrom } = payload.value;
  const shared = { version: keyVersion, key: Buffer.from(key, 'base64url') };
  return ok(useFrom === undefined ? shared : { ...shared, useFrom });
}
