import { CompactEncrypt, CompactSign, compactDecrypt, compactVerify } from 'jose';
import { type ContentEncryption, direct, keyAgreement, signatureNames } from './compact-crypto.js';
import type { ReceivingKey, RecipientKey, SigningKey, VerificationKey } from './keys.js';

/** What compact-crypto.ts does, done by jose with the same allow-lists: the reference to which it is held. */

export const signToken = (
  payload: Uint8Array,
  header: { kid: string; typ: string },
  key: SigningKey,
): Promise<string> => new CompactSign(payload).setProtectedHeader({ alg: key.alg, ...header }).sign(key.privateKey);

/** Whether the signature is this key's, by an algorithm of this key. */
export async function verifySignature(token: string, key: VerificationKey): Promise<boolean> {
  try {
    await compactVerify(token, key.publicKey, { algorithms: [...signatureNames[key.alg]] });
    return true;
  } catch {
    return false;
  }
}

interface SealedHeader {
  enc: ContentEncryption;
  typ: string;
  kid?: string;
}

export const encryptTo = (plaintext: Uint8Array, header: SealedHeader, key: RecipientKey): Promise<string> =>
  new CompactEncrypt(plaintext).setProtectedHeader({ alg: keyAgreement, ...header }).encrypt(key.publicKey);

export const encryptUnder = (plaintext: Uint8Array, header: SealedHeader, key: Uint8Array): Promise<string> =>
  new CompactEncrypt(plaintext).setProtectedHeader({ alg: direct, ...header }).encrypt(key);

/** With a receiving key by key agreement, with bytes directly. Undefined when it is not sealed so or was changed. */
export async function decryptToken(
  token: string,
  key: ReceivingKey | Uint8Array,
  enc: ContentEncryption,
): Promise<Buffer | undefined> {
  const shared = key instanceof Uint8Array;
  try {
    const { plaintext } = await compactDecrypt(token, shared ? key : key.privateKey, {
      keyManagementAlgorithms: [shared ? direct : keyAgreement],
      contentEncryptionAlgorithms: [enc],
      // `zip` is refused by the header check already.
      maxDecompressedLength: 0,
    });
    return Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
  } catch {
    return undefined;
  }
}
