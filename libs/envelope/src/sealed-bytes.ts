import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export const nonceBytes = 12;
const tagBytes = 16;

/** AES-256-GCM: nonce ‖ ciphertext ‖ tag. */
export function sealBytes(plaintext: Uint8Array, key: Buffer, nonce: Uint8Array = randomBytes(nonceBytes)): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const sealed = Buffer.allocUnsafe(nonceBytes + plaintext.length + tagBytes);
  sealed.set(nonce);
  sealed.set(cipher.update(plaintext), nonceBytes);
  // GCM gives nothing more at the end but the tag.
  cipher.final();
  sealed.set(cipher.getAuthTag(), nonceBytes + plaintext.length);
  return sealed;
}

/** `undefined` when they were not sealed under this key or were changed. */
export function openBytes(bytes: Uint8Array, key: Buffer): Buffer | undefined {
  if (bytes.length < nonceBytes + tagBytes) return undefined;
  try {
    const nonce = bytes.subarray(0, nonceBytes);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    const plaintext = decipher.update(bytes.subarray(nonceBytes, -tagBytes));
    // GCM gives nothing more at the end; it says whether the tag is right.
    decipher.final();
    return plaintext;
  } catch {
    return undefined;
  }
}
