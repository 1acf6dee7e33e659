import { AppError, type Result, err, ok } from '#kernel';
import { canonicalBytes, readCanonicalJson } from './canonical.js';
import { openSealed, readSealed, sealTo } from './compact-jwe.js';
import type { ReceivingKey, RecipientKey } from './keys.js';
import { type Check, closed, optional, parseAs, text, that } from './shape.js';

/** What audit seals to one party of an entry: the leaf's opening and, to the recipient upon release, K. */
export interface ReleasedKey {
  /** K, 64 bytes; absent in the sender's `accepted` notice. */
  readonly contentKey?: Buffer;
  /** Canonical JSON of the entry's LogBody. */
  readonly body: string;
  /** 32 bytes under which the leaf commits to the body. */
  readonly commitmentKey: Buffer;
}

interface ReleasedKeyPayload {
  k?: string;
  body: string;
  commitmentKey: string;
}

const anyText: Check<string> = that((value): value is string => typeof value === 'string');

const payloadShape = closed<ReleasedKeyPayload>({
  k: optional(text(/^[A-Za-z0-9_-]{85}[AQgw]$/)),
  body: anyText,
  commitmentKey: text(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/),
});

export const sealReleasedKey = async (released: ReleasedKey, recipientKey: RecipientKey): Promise<string> => {
  const { contentKey, body, commitmentKey } = released;
  const opening = { body, commitmentKey: commitmentKey.toString('base64url') };
  const payload: ReleasedKeyPayload =
    contentKey === undefined ? opening : { ...opening, k: contentKey.toString('base64url') };
  return sealTo('released-key', canonicalBytes(payload), recipientKey);
};

/** Authenticated by `verifyReceipt` only. Errors: those of a token's shape; RECIPIENT_KEY_UNKNOWN; RECEIPT_INVALID. */
export async function openReleasedKey(token: string, receivingKey: ReceivingKey): Promise<Result<ReleasedKey>> {
  const header = readSealed('released-key', token);
  if (!header.ok) return header;
  if (header.value.kid !== receivingKey.kid) return err(new AppError('RECIPIENT_KEY_UNKNOWN'));
  const plaintext = openSealed('released-key', token, receivingKey);
  if (plaintext === undefined) return err(new AppError('RECEIPT_INVALID', 'The opening of the entry does not open.'));
  const value = readCanonicalJson(plaintext);
  if (!value.ok) return value;
  const payload = parseAs(payloadShape, value.value, 'RECEIPT_INVALID');
  if (!payload.ok) return payload;
  const { k, body, commitmentKey } = payload.value;
  const opening = { body, commitmentKey: Buffer.from(commitmentKey, 'base64url') };
  return ok(k === undefined ? opening : { ...opening, contentKey: Buffer.from(k, 'base64url') });
}
