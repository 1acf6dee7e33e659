import { randomBytes } from 'node:crypto';
import { KeyEncryptionKey } from '#envelope';
import { AppError } from '#kernel';
import { loadOrCreateServiceKey } from '#platform';

const keyBytes = 32;

/**
 * Key that wraps the entries' secrets. It lives in a file outside PostgreSQL and its backups; without it every body is gone.
 */
export class EntryKek extends KeyEncryptionKey {
  static async load(path: string): Promise<EntryKek> {
    const file = await loadOrCreateServiceKey(path, async () => ({
      kty: 'oct',
      alg: 'A256KW',
      k: randomBytes(keyBytes).toString('base64url'),
    }));
    const kek = KeyEncryptionKey.fromJwk(file);
    if (!kek) throw new AppError('CONFIG_INVALID', 'ENTRY_KEK_FILE holds no A256KW key');
    return kek;
  }
}
