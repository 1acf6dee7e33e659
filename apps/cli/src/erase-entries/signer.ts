import { randomBytes } from 'node:crypto';
import type { SigningKey } from '#envelope';
import { type AgencyId, type Clock, numericDate, unwrap } from '#kernel';
import { type VaultFiles, openAgencyVault } from '../infra/auditor-vault.js';

/** Who signs a statement to audit: a case worker, by the pseudonym that the agency knows, with the agency's key. */
export interface SignerOptions {
  readonly agency: AgencyId;
  readonly worker: string;
  readonly files: VaultFiles;
}

export interface Signature {
  readonly key: SigningKey;
  readonly said: { v: 1; agency: AgencyId; worker: string; jti: string; iat: number };
}

/** Errors: as `openAgencyVault`, VAULT_KEY_MISSING. */
export async function signatureOf({ agency, worker, files }: SignerOptions, clock: Clock): Promise<Signature> {
  const vault = await openAgencyVault(agency, files);
  const jti = randomBytes(16).toString('base64url');
  return {
    key: unwrap(vault.current('signing')),
    said: { v: 1, agency, worker, jti, iat: numericDate(clock.now()) },
  };
}
