import { randomBytes } from 'node:crypto';
import type { SigningKey } from '#envelope';
import { type AgencyId, type Clock, numericDate, unwrap } from '#kernel';
import type { AuditSession } from './audit-session.js';
import { type VaultFiles, openAgencyVault } from './auditor-vault.js';
import type { HubSettings } from './hub-settings.js';
import { openSession } from './open-session.js';

/** Who looks or acts, with keys that no agent holds. */
export interface Auditor {
  readonly agency: AgencyId;
  /** Case worker, by the pseudonym that the agency knows. */
  readonly worker?: string;
  readonly files: VaultFiles;
}

/** Who signs: an act is always somebody's. */
export type Signer = Auditor & { readonly worker: string };

/** What every statement to audit says of who signs it. */
export interface Said {
  v: 1;
  agency: AgencyId;
  worker: string;
  jti: string;
  iat: number;
}

/** Errors: as `openSession`. */
export const lookingSession = ({ agency, files }: Auditor, hub: HubSettings): Promise<AuditSession> =>
  openSession({ agency, files }, hub);

/** Query of a look by this auditor. */
export const lookBy = ({ worker }: Pick<Auditor, 'worker'>, query: Readonly<Record<string, string>> = {}): string => {
  const members = new URLSearchParams({ ...query, ...(worker !== undefined && { askedBy: worker }) }).toString();
  return members === '' ? '' : `?${members}`;
};

/** Errors: as `openAgencyVault`, VAULT_KEY_MISSING. */
export async function signatureOf(signer: Signer, clock: Clock): Promise<{ key: SigningKey; said: Said }> {
  const { agency, worker, files } = signer;
  const vault = await openAgencyVault(agency, files);
  const jti = randomBytes(16).toString('base64url');
  return {
    key: unwrap(vault.current('auditor-signing')),
    said: { v: 1, agency, worker, jti, iat: numericDate(clock.now()) },
  };
}
