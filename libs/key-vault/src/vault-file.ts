import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { type AgencyId, AppError, type Result, canonicalJson, err, isAgencyId, ok } from '#kernel';
import { type Derivation, type VaultKeys, type VaultSecret, deriveKeys } from './vault-secret.js';

/** What stands readable in front; bound to the ciphertext as associated data. */
export interface VaultHeader {
  readonly v: 1;
  readonly agency: AgencyId;
  readonly derivation: Derivation;
  readonly check: string;
}

const nonceBytes = 12;
const tagBytes = 16;
const cipherName = 'aes-256-gcm';

/** Text of a vault file: JSON with the header, nonce and AES-256-GCM ciphertext. A fresh nonce each time. */
export function writeVaultFile(header: VaultHeader, keys: VaultKeys, content: unknown): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(cipherName, keys.encryption, nonce).setAAD(Buffer.from(canonicalJson(header)));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(content), 'utf8'), cipher.final(), cipher.getAuthTag()]);
  const file = { ...header, nonce: nonce.toString('base64url'), sealed: sealed.toString('base64url') };
  return `${JSON.stringify(file, null, 2)}\n`;
}

export interface OpenedVaultFile {
  readonly header: VaultHeader;
  readonly keys: VaultKeys;
  readonly content: unknown;
}

/** Errors: VAULT_LOCKED (wrong secret), VAULT_DAMAGED (incomplete or changed). */
export async function readVaultFile(text: string, secret: VaultSecret): Promise<Result<OpenedVaultFile>> {
  const file = parseFile(text);
  if (file === undefined) return err(new AppError('VAULT_DAMAGED'));
  const { nonce, sealed, ...header } = file;
  const keys = await deriveKeys(secret, header.derivation);
  if (!keys.ok) return keys;
  if (keys.value.check !== header.check) return err(new AppError('VAULT_LOCKED'));
  const content = decrypt(header, keys.value, Buffer.from(nonce, 'base64url'), Buffer.from(sealed, 'base64url'));
  return content === undefined ? err(new AppError('VAULT_DAMAGED')) : ok({ header, keys: keys.value, content });
}

function decrypt(header: VaultHeader, keys: VaultKeys, nonce: Buffer, sealed: Buffer): unknown {
  try {
    const decipher = createDecipheriv(cipherName, keys.encryption, nonce, { authTagLength: tagBytes })
      .setAAD(Buffer.from(canonicalJson(header)))
      .setAuthTag(sealed.subarray(-tagBytes));
    const plaintext = Buffer.concat([decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()]);
    return JSON.parse(plaintext.toString('utf8'));
  } catch {
    return undefined;
  }
}

type VaultFile = VaultHeader & { readonly nonce: string; readonly sealed: string };

const isText = (value: unknown): value is string => typeof value === 'string';
const isCost = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) > 0;

function parseFile(text: string): VaultFile | undefined {
  try {
    return asVaultFile(JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

function asVaultFile(value: unknown): VaultFile | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { v, agency, derivation, check, nonce, sealed } = value as Record<string, unknown>;
  if (v !== 1 || !isAgencyId(agency) || !isDerivation(derivation)) return undefined;
  if (!isText(check) || !isText(nonce) || !isText(sealed)) return undefined;
  return { v, agency, derivation, check, nonce, sealed };
}

function isDerivation(value: unknown): value is Derivation {
  if (typeof value !== 'object' || value === null) return false;
  const { name, cost, blockSize, parallel, salt } = value as Record<string, unknown>;
  if (!isText(salt)) return false;
  return name === 'key-file' || (name === 'scrypt' && [cost, blockSize, parallel].every(isCost));
}
