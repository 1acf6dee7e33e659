import { type AgencyId, unwrap } from '#kernel';
import { AuditSession } from './audit-session.js';
import { type VaultFiles, openAgencyVault } from './auditor-vault.js';
import type { HubSettings } from './hub-settings.js';

/** Whose auditor's vault opens the session: an agency's reads its own entries, a supervising authority's all. */
export interface SessionReader {
  readonly agency: AgencyId;
  readonly files: VaultFiles;
}

/** Errors: as `openAgencyVault` and `AuditSession.open`, VAULT_KEY_MISSING. */
export async function openSession({ agency, files }: SessionReader, hub: HubSettings): Promise<AuditSession> {
  const vault = await openAgencyVault(agency, files);
  const settings = {
    agency,
    gateway: await hub.get('gateway'),
    issuer: await hub.get('issuer'),
    audience: await hub.get('audience'),
  };
  const keys = { client: unwrap(vault.current('auditor-auth')), signing: unwrap(vault.current('auditor-signing')) };
  return AuditSession.open(settings, keys);
}
