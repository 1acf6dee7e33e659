import { readFile } from 'node:fs/promises';
import { types } from 'node:util';
import {
  type AgencyId,
  AppError,
  type Result,
  type Sha256,
  type Thumbprint,
  err,
  ok,
  sha256,
  systemClock,
} from '#kernel';
import type { PseudonymKey, PublicJwk, ReceivingKey, SigningKey } from '#envelope';
import { createFile, replaceFile } from './durable-file.js';
import {
  type HeldKey,
  type KeyMeta,
  type KeyPairPurpose,
  type KeyPurpose,
  type VaultContent,
  contentOf,
  storedForm,
} from './vault-content.js';
import { type VaultHeader, readVaultFile, writeVaultFile } from './vault-file.js';
import { type VaultKeys, type VaultSecret, deriveKeys, newDerivation } from './vault-secret.js';

/** Kind of key for each purpose. */
export interface KeysByPurpose {
  signing: SigningKey;
  receiving: ReceivingKey;
  recovery: SigningKey;
  'client-auth': SigningKey;
  /** Ed25519: cosigns checkpoints of the log, and signs nothing else. */
  witness: SigningKey;
  /** Of an auditor, in the auditor's own vault: signs looks at the log and acts upon it. */
  'auditor-signing': SigningKey;
  'auditor-auth': SigningKey;
  pseudonym: PseudonymKey;
}

/** What may be shown of a key. */
export interface KeyListing {
  readonly purpose: KeyPurpose;
  /** Of a key pair. */
  readonly kid?: Thumbprint;
  readonly publicJwk?: PublicJwk;
  /** Of a pseudonym key. */
  readonly version?: number;
  readonly addedAt: string;
  /** Is it what `current` gives for its purpose? */
  readonly current: boolean;
  readonly meta: KeyMeta;
}

export interface VaultLocation {
  readonly path: string;
  readonly secret: VaultSecret;
}

/**
 * Custody of the private keys of one agency in one encrypted file. What `put` and its like were awaited for is durable.
 * Writes of one process are in order; a second process that wrote in between is noticed (CONFLICT), not overwritten.
 */
export class Vault {
  readonly #location: { readonly path: string; readonly header: VaultHeader; readonly keys: VaultKeys };
  #content: VaultContent;
  #fileHash: Sha256;
  #lastWrite: Promise<void> = Promise.resolve();

  private constructor(path: string, header: VaultHeader, keys: VaultKeys, content: VaultContent, text: string) {
    this.#location = { path, header, keys };
    this.#content = content;
    this.#fileHash = sha256(text);
  }

  /** Errors: NOT_FOUND, VAULT_LOCKED, VAULT_DAMAGED. */
  static async open({ path, secret }: VaultLocation): Promise<Result<Vault>> {
    const text = await readFile(path, 'utf8').catch(absent);
    if (text === undefined) return err(new AppError('NOT_FOUND', 'There is no vault file.'));
    const file = await readVaultFile(text, secret);
    if (!file.ok) return file;
    const { header, keys, content } = file.value;
    return ok(new Vault(path, header, keys, await contentOf(content), text));
  }

  /** Errors: CONFLICT (there is a file already: a vault is never overwritten), VAULT_LOCKED (key file unusable). */
  static async create({ path, secret, agency }: VaultLocation & { readonly agency: AgencyId }): Promise<Result<Vault>> {
    const derivation = newDerivation(secret);
    const keys = await deriveKeys(secret, derivation);
    if (!keys.ok) return keys;
    const header: VaultHeader = { v: 1, agency, derivation, check: keys.value.check };
    const content: VaultContent = { keys: [], pseudonymKeys: [] };
    const text = writeVaultFile(header, keys.value, storedForm(content));
    try {
      await createFile(path, text);
    } catch (error) {
      if (isSystemError(error, 'EEXIST')) return err(new AppError('CONFLICT', 'There is a vault file already.'));
      throw error;
    }
    return ok(new Vault(path, header, keys.value, content, text));
  }

  get agency(): AgencyId {
    return this.#location.header.agency;
  }

  /**
   * Keeps a key, which becomes the current one of its purpose; earlier ones stay for what was sealed to them. Putting
   * the same key again changes its meta only. Throws AppError CONFLICT: the key serves another purpose, the pseudonym
   * key of that version is another, or another process wrote the file.
   */
  async put<P extends KeyPurpose>(purpose: P, key: KeysByPurpose[P], meta: KeyMeta = {}): Promise<void> {
    const addedAt = systemClock.now().toISOString();
    if (purpose === 'pseudonym') {
      const held = { ...(key as PseudonymKey), meta, addedAt };
      return this.#change((content) => ({ ...content, pseudonymKeys: withPseudonymKey(content, held) }));
    }
    const held = { purpose, key, meta, addedAt } as HeldKey;
    return this.#change((content) => ({ ...content, keys: withKey(content, held) }));
  }

  /** The key of this purpose that was put last. Errors: VAULT_KEY_MISSING. */
  current<P extends KeyPairPurpose>(purpose: P): Result<KeysByPurpose[P]> {
    const held = this.#content.keys.findLast((candidate) => candidate.purpose === purpose);
    return held === undefined ? missing() : ok(held.key as KeysByPurpose[P]);
  }

  /** Errors: VAULT_KEY_MISSING. */
  byKid(kid: Thumbprint): Result<HeldKey> {
    const held = this.#content.keys.find((candidate) => candidate.key.kid === kid);
    return held === undefined ? missing() : ok(held);
  }

  /** Public metadata only. */
  list(): readonly KeyListing[] {
    const { keys, pseudonymKeys } = this.#content;
    const newest = newestVersion(this.#content);
    return [
      ...keys.map(({ purpose, key, meta, addedAt }, index) => ({
        purpose,
        kid: key.kid,
        publicJwk: key.publicJwk,
        addedAt,
        meta,
        current: keys.findLastIndex((other) => other.purpose === purpose) === index,
      })),
      ...pseudonymKeys.map(({ version, meta, addedAt }) => ({
        purpose: 'pseudonym' as const,
        version,
        addedAt,
        meta,
        current: version === newest,
      })),
    ];
  }

  setPseudonymKey(version: number, key: Buffer): Promise<void> {
    return this.put('pseudonym', { version, key });
  }

  /** The pseudonym key of that version, or the newest. Errors: PSEUDONYM_KEY_MISSING. */
  pseudonymKey(version: number | undefined = newestVersion(this.#content)): Result<PseudonymKey> {
    const held = this.#content.pseudonymKeys.find((candidate) => candidate.version === version);
    return held === undefined
      ? err(new AppError('PSEUDONYM_KEY_MISSING'))
      : ok({ version: held.version, key: Buffer.from(held.key) });
  }

  /** Destroys a pseudonym key for good, as `remove`. */
  async removePseudonymKey(version: number): Promise<void> {
    const without = (content: VaultContent): VaultContent => ({
      ...content,
      pseudonymKeys: content.pseudonymKeys.filter((held) => held.version !== version),
    });
    await this.#change(without);
    await this.#change(without);
  }

  /** Versions held, ascending: during a rotation there are two. */
  pseudonymKeyVersions(): number[] {
    return this.#content.pseudonymKeys.map(({ version }) => version).sort((a, b) => a - b);
  }

  /**
   * Writes the current recovery key to a vault file of its own, to be kept offline, reads that file back, and only then
   * takes the key out of this vault and out of its backup. Errors: VAULT_KEY_MISSING, CONFLICT (file exists), VAULT_LOCKED.
   */
  async moveRecoveryKeyOffline(offline: VaultLocation): Promise<Result<Thumbprint>> {
    const recovery = this.current('recovery');
    if (!recovery.ok) return recovery;
    const { kid } = recovery.value;
    const created = await Vault.create({ ...offline, agency: this.agency });
    if (!created.ok) return created;
    await created.value.put('recovery', recovery.value);
    const reopened = await Vault.open(offline);
    if (!reopened.ok) return reopened;
    if (!reopened.value.byKid(kid).ok) return missing();
    await this.remove(kid);
    return ok(kid);
  }

  /** Destroys a key for good: the backup is overwritten as well. Nothing happens when there is none. */
  async remove(kid: Thumbprint): Promise<void> {
    const without = (content: VaultContent): VaultContent => ({
      ...content,
      keys: content.keys.filter(({ key }) => key.kid !== kid),
    });
    await this.#change(without);
    // Written twice, so that the backup, too, is a version without the key.
    await this.#change(without);
  }

  /** One change after another; memory follows the disk, never the other way. */
  #change(next: (content: VaultContent) => VaultContent): Promise<void> {
    const write = this.#lastWrite.then(async () => {
      const { path, header, keys } = this.#location;
      const content = next(this.#content);
      if (content === this.#content) return;
      const onDisk = await readFile(path, 'utf8').catch(absent);
      if (onDisk === undefined || sha256(onDisk) !== this.#fileHash) {
        throw new AppError('CONFLICT', 'Another process changed the vault file. Open it again.');
      }
      const text = writeVaultFile(header, keys, storedForm(content));
      await replaceFile(path, text);
      this.#content = content;
      this.#fileHash = sha256(text);
    });
    this.#lastWrite = write.catch(() => undefined);
    return write;
  }
}

/** Errors: NOT_FOUND, VAULT_LOCKED (wrong secret), VAULT_DAMAGED (incomplete or changed; the backup lies beside it). */
export const openVault = (location: VaultLocation): Promise<Result<Vault>> => Vault.open(location);

/** Errors: CONFLICT (there is one already), VAULT_LOCKED (empty passphrase, unusable key file). */
export const createVault = (location: VaultLocation & { readonly agency: AgencyId }): Promise<Result<Vault>> =>
  Vault.create(location);

function withKey({ keys }: VaultContent, held: HeldKey): HeldKey[] {
  const index = keys.findIndex(({ key }) => key.kid === held.key.kid);
  const present = keys[index];
  if (present === undefined) return [...keys, held];
  if (present.purpose !== held.purpose) throw new AppError('CONFLICT', 'One key, one use.');
  return keys.with(index, { ...present, meta: held.meta });
}

function withPseudonymKey(
  { pseudonymKeys }: VaultContent,
  held: VaultContent['pseudonymKeys'][number],
): VaultContent['pseudonymKeys'] {
  if (held.key.length !== 32 || !Number.isSafeInteger(held.version) || held.version < 1) {
    throw new TypeError('a pseudonym key has 32 bytes and a version from 1');
  }
  const index = pseudonymKeys.findIndex(({ version }) => version === held.version);
  const present = pseudonymKeys[index];
  if (present === undefined) return [...pseudonymKeys, { ...held, key: Buffer.from(held.key) }];
  // Another key under the same version would give every known person a second pseudonym.
  if (!present.key.equals(held.key)) throw new AppError('CONFLICT', 'That version has another pseudonym key.');
  return pseudonymKeys.with(index, { ...present, meta: held.meta });
}

const newestVersion = ({ pseudonymKeys }: VaultContent): number | undefined =>
  pseudonymKeys.length === 0 ? undefined : Math.max(...pseudonymKeys.map(({ version }) => version));

const missing = () => err(new AppError('VAULT_KEY_MISSING'));

const isSystemError = (error: unknown, code: string): boolean =>
  types.isNativeError(error) && 'code' in error && error.code === code;

function absent(error: unknown): undefined {
  if (isSystemError(error, 'ENOENT')) return undefined;
  throw error;
}
