import { randomBytes } from 'node:crypto';
import { link, readFile, rename } from 'node:fs/promises';
import { KeyEncryptionKey, unwrapSecrets } from '#envelope';
import { AppError, type Result, err, ok } from '#kernel';
import { loadOrCreateServiceKey } from '#platform';
import { shredFile, syncFolderOf } from './shred-file.js';

const keyBytes = 32;

/** Beside the key's file: the key that takes its place, and the one that is being destroyed. */
const nextOf = (path: string): string => `${path}.next`;
const condemnedOf = (path: string): string => `${path}.destroyed`;

/**
 * The key-encryption key that wraps the entries' secrets. It lives in a file outside PostgreSQL and its backups; without it
 * every body is gone. An erasure leaves it: a next key is made, which wraps everything from that moment on, the survivors are
 * wrapped anew, and the former key is destroyed, so that no copy of the database opens what was erased. The files say how far
 * that has come, whenever the process stops.
 */
export class EntryKek {
  private current: KeyEncryptionKey;
  private former: KeyEncryptionKey | undefined;

  /** @param path of the file; without one the keys live in memory only */
  constructor(
    key: Buffer,
    private readonly path?: string,
  ) {
    this.current = new KeyEncryptionKey(key);
  }

  /** Errors: CONFIG_INVALID. */
  static async load(path: string): Promise<EntryKek> {
    const kek = new EntryKek(Buffer.alloc(keyBytes), path);
    await kek.reload();
    return kek;
  }

  /** As the files stand now: another instance may have left the key that this one knows. Ends a destruction that was begun. */
  async reload(): Promise<void> {
    if (this.path === undefined) return;
    const key = await readKey(this.path, { make: true });
    const next = await readKey(nextOf(this.path));
    if (await exists(condemnedOf(this.path))) {
      if (next) await rename(nextOf(this.path), this.path);
      await shredFile(condemnedOf(this.path));
      this.current = next ?? key!;
      this.former = undefined;
    } else {
      this.current = next ?? key!;
      this.former = next && key;
    }
    await syncFolderOf(this.path);
  }

  /** The key that wraps. */
  get present(): KeyEncryptionKey {
    return this.current;
  }

  /** Of the key that wraps. */
  get id(): string {
    return this.current.id;
  }

  /** Of the key that is being left. */
  get formerId(): string | undefined {
    return this.former?.id;
  }

  wrap(secret: Buffer): Buffer {
    return this.current.wrap(secret);
  }

  /**
   * @param id of the key that wrapped it
   *
   * Errors: LEAF_MISMATCH (that key is gone, or another wrapped it, or it was changed).
   */
  unwrap(wrapped: Uint8Array, id: string = this.id): Result<Buffer> {
    const key = [this.current, this.former].find((one) => one?.id === id);
    return key?.unwrap(wrapped) ?? err(new AppError('LEAF_MISMATCH', 'the key that wrapped the secret is gone'));
  }

  /** Each as `unwrap`, all together; undefined for one that does not unwrap. */
  unwrapAll(secrets: Parameters<typeof unwrapSecrets>[0]): (Buffer | undefined)[] {
    return unwrapSecrets(secrets, this.former ? [this.current, this.former] : [this.current]);
  }

  /** The same secret under the key that wraps now. Errors: LEAF_MISMATCH. */
  rewrap(wrapped: Buffer, id: string): Result<Buffer> {
    if (id === this.id) return ok(wrapped);
    const secret = this.unwrap(wrapped, id);
    return secret.ok ? ok(this.wrap(secret.value)) : secret;
  }

  /** Each as `rewrap`, all together; undefined for one that does not unwrap. */
  rewrapAll(secrets: Parameters<typeof unwrapSecrets>[0]): (Buffer | undefined)[] {
    const opened = this.unwrapAll(secrets);
    const anew = this.current.wrapAll(opened.filter((secret) => secret !== undefined))[Symbol.iterator]();
    return opened.map((secret) => secret && anew.next().value);
  }

  /** A next key is durable and wraps from here on. Goes on with one that is there already. */
  async beginLeaving(): Promise<void> {
    if (this.former) return;
    const next =
      this.path === undefined
        ? new KeyEncryptionKey(randomBytes(keyBytes))
        : await readKey(nextOf(this.path), { make: true });
    if (this.path !== undefined) await syncFolderOf(this.path);
    this.former = this.current;
    this.current = next!;
  }

  /** The former key is gone for good: nothing that it wrapped may be needed any more. */
  async destroyFormer(): Promise<void> {
    if (!this.former) return;
    if (this.path !== undefined) {
      // Another instance was faster: what stands in the file now is the key that wraps, and is not to be written over.
      if ((await readKey(this.path))?.id !== this.former.id) return this.reload();
      await link(this.path, condemnedOf(this.path));
      await syncFolderOf(this.path);
      await rename(nextOf(this.path), this.path);
      await syncFolderOf(this.path);
      await shredFile(condemnedOf(this.path));
    }
    this.former = undefined;
  }
}

const exists = (path: string): Promise<boolean> =>
  readFile(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );

async function readKey(path: string, { make = false } = {}): Promise<KeyEncryptionKey | undefined> {
  if (!make && !(await exists(path))) return undefined;
  const file = await loadOrCreateServiceKey(path, async () => ({
    kty: 'oct',
    alg: 'A256KW',
    k: randomBytes(keyBytes).toString('base64url'),
  }));
  const key = KeyEncryptionKey.fromJwk(file);
  if (!key) throw new AppError('CONFIG_INVALID', 'ENTRY_KEK_FILE holds no A256KW key');
  return key;
}
