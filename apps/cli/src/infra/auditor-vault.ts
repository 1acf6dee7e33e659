import { existsSync } from 'node:fs';
import type { AgencyId } from '#kernel';
import { AppError, unwrap } from '#kernel';
import { type Vault, createKeyFile, createVault, openVault } from '#key-vault';

export interface VaultFiles {
  readonly vault: string;
  readonly keyFile: string;
}

/** @throws AppError NOT_FOUND, VAULT_LOCKED, VAULT_DAMAGED; FORBIDDEN when the vault is another agency's */
export async function openAgencyVault(agency: AgencyId, { vault: path, keyFile }: VaultFiles): Promise<Vault> {
  const vault = unwrap(await openVault({ path, secret: { keyFile } }));
  if (vault.agency !== agency) throw new AppError('FORBIDDEN', `The vault belongs to ${vault.agency}.`);
  return vault;
}

/** The same; makes vault and key file where there are none. */
export async function openOrCreateAgencyVault(agency: AgencyId, files: VaultFiles): Promise<Vault> {
  if (existsSync(files.vault)) return openAgencyVault(agency, files);
  if (!existsSync(files.keyFile)) await createKeyFile(files.keyFile);
  return unwrap(await createVault({ path: files.vault, secret: { keyFile: files.keyFile }, agency }));
}
