import { type ScryptOptions, hkdfSync, randomBytes, scrypt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { AppError, type Result, err, ok } from '#kernel';
import { createFile } from './durable-file.js';

/** What opens a vault: a passphrase, or a file of exactly 32 random bytes. */
export type VaultSecret = { readonly passphrase: string } | { readonly keyFile: string };

/** How the key comes from the secret; stands in the vault file, so that costs can rise without breaking old files. */
export type Derivation =
  | {
      readonly name: 'scrypt';
      readonly cost: number;
      readonly blockSize: number;
      readonly parallel: number;
      readonly salt: string;
    }
  | { readonly name: 'key-file'; readonly salt: string };

/** Two keys from one secret: one encrypts, one tells a wrong secret from a damaged file. */
export interface VaultKeys {
  readonly encryption: Buffer;
  readonly check: string;
}

const keyBytes = 32;
const saltBytes = 32;

// OWASP's recommendation for 32 MiB of memory.
const scryptCost = { cost: 2 ** 15, blockSize: 8, parallel: 3 } as const;

/** A doctored file must not make the agent allocate without end. */
const maxScryptMemory = 256 * 1024 * 1024;

export function newDerivation(secret: VaultSecret): Derivation {
  const salt = randomBytes(saltBytes).toString('base64url');
  return 'passphrase' in secret ? { name: 'scrypt', ...scryptCost, salt } : { name: 'key-file', salt };
}

/** Errors: VAULT_LOCKED (secret of the other kind, empty passphrase, key file absent or not 32 bytes), VAULT_DAMAGED. */
export async function deriveKeys(secret: VaultSecret, derivation: Derivation): Promise<Result<VaultKeys>> {
  const salt = Buffer.from(derivation.salt, 'base64url');
  const master =
    'passphrase' in secret
      ? await masterOfPassphrase(secret.passphrase, salt, derivation)
      : await masterOfKeyFile(secret.keyFile, derivation);
  if (!master.ok) return master;
  return ok({
    encryption: expand(master.value, salt, 'kotovayla-vault-encryption-v1'),
    check: expand(master.value, salt, 'kotovayla-vault-check-v1').toString('base64url'),
  });
}

/** Makes a key file, readable by its owner alone. Throws EEXIST when there is one. */
export const createKeyFile = (path: string): Promise<void> => createFile(path, randomBytes(keyBytes));

async function masterOfPassphrase(passphrase: string, salt: Buffer, derivation: Derivation): Promise<Result<Buffer>> {
  if (derivation.name !== 'scrypt') return locked('The vault opens with a key file.');
  if (passphrase === '') return locked('The passphrase is empty.');
  const { cost: N, blockSize: r, parallel: p } = derivation;
  if (128 * N * r > maxScryptMemory) return err(new AppError('VAULT_DAMAGED', 'The stored cost is out of range.'));
  return ok(await scryptKey(passphrase.normalize('NFKC'), salt, { N, r, p, maxmem: 2 * maxScryptMemory }));
}

async function masterOfKeyFile(path: string, derivation: Derivation): Promise<Result<Buffer>> {
  if (derivation.name !== 'key-file') return locked('The vault opens with a passphrase.');
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) return locked('The key file cannot be read.');
  return bytes.length === keyBytes ? ok(bytes) : locked(`A key file has ${keyBytes} bytes.`);
}

const scryptKey = (passphrase: string, salt: Buffer, options: ScryptOptions): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(passphrase, salt, keyBytes, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  });

const expand = (master: Buffer, salt: Buffer, info: string): Buffer =>
  Buffer.from(hkdfSync('sha256', master, salt, info, keyBytes));

const locked = (detail: string) => err(new AppError('VAULT_LOCKED', detail));
