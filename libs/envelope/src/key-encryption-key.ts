import { KeyObject, createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import { AppError, type Result, err, isSha256, ok, sha256 } from '#kernel';

/** Initial value of AES key wrap (RFC 3394 §2.2.3.1): a wrong key or a changed byte does not unwrap. */
const initialValue = Buffer.from('A6A6A6A6A6A6A6A6', 'hex');
const keyBytes = 32;

/** Wraps the secrets of log entries: AES-256 key wrap, RFC 3394, which needs no nonce and so knows no limit of uses. */
export class KeyEncryptionKey {
  /** Names the key in each row, so that rows under an older one can be told. */
  readonly id: string;
  /** Can be lent to a thread, as its bytes stay where they are. */
  readonly key: KeyObject;

  constructor(key: Buffer | KeyObject) {
    this.key = key instanceof KeyObject ? key : createSecretKey(key);
    if (this.key.symmetricKeySize !== keyBytes) throw new TypeError('a key-encryption key has 32 bytes');
    const named = Buffer.concat([Buffer.from('kotovayla-entry-kek-id\0'), this.key.export()]);
    this.id = sha256(named).slice(0, 8);
  }

  /** From its JWK (`oct`, A256KW); undefined for anything else. */
  static fromJwk(jwk: unknown): KeyEncryptionKey | undefined {
    const key = keyOf(jwk);
    return key && new KeyEncryptionKey(key);
  }

  wrap(secret: Buffer): Buffer {
    const cipher = createCipheriv('id-aes256-wrap', this.key, initialValue);
    return Buffer.concat([cipher.update(secret), cipher.final()]);
  }

  /** Errors: LEAF_MISMATCH (another key, or changed). */
  unwrap(wrapped: Uint8Array): Result<Buffer> {
    try {
      const decipher = createDecipheriv('id-aes256-wrap', this.key, initialValue);
      return ok(Buffer.concat([decipher.update(wrapped), decipher.final()]));
    } catch {
      return err(new AppError('LEAF_MISMATCH', 'the secret of the entry does not unwrap'));
    }
  }
}

/** 32 bytes in base64url have the form of a SHA-256. */
function keyOf(jwk: unknown): Buffer | undefined {
  if (typeof jwk !== 'object' || jwk === null || !('k' in jwk) || !isSha256(jwk.k)) return undefined;
  return Buffer.from(jwk.k, 'base64url');
}
