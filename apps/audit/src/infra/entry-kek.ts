import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { AppError, type Result, err, isSha256, ok, sha256 } from '#kernel';
import { loadOrCreateServiceKey } from '#platform';

/** Initial value of AES key wrap (RFC 3394 §2.2.3.1): a wrong key or a changed byte does not unwrap. */
const initialValue = Buffer.from('A6A6A6A6A6A6A6A6', 'hex');
const keyBytes = 32;

/**
 * Key that wraps the entries' secrets: AES-256 key wrap, RFC 3394, which needs no nonce and so knows no limit of uses. It
 * lives in a file outside PostgreSQL and its backups; without it every body is gone.
 */
export class EntryKek {
  /** Names the key in each row, so that an erasure run can tell the survivors under the old one. */
  readonly id: string;

  constructor(private readonly key: Buffer) {
    if (key.length !== keyBytes) throw new TypeError('a key-encryption key has 32 bytes');
    this.id = sha256(Buffer.concat([Buffer.from('kotovayla-entry-kek-id\0'), key])).slice(0, 8);
  }

  static async load(path: string): Promise<EntryKek> {
    const file = await loadOrCreateServiceKey(path, async () => ({
      kty: 'oct',
      alg: 'A256KW',
      k: randomBytes(keyBytes).toString('base64url'),
    }));
    // 32 bytes in base64url have the form of a SHA-256.
    if (!('k' in file) || !isSha256(file.k)) throw new AppError('CONFIG_INVALID', 'ENTRY_KEK_FILE holds no A256KW key');
    return new EntryKek(Buffer.from(file.k, 'base64url'));
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
