import { type AgencyId, unwrap } from '#kernel';
import { AuditSession } from './audit-session.js';
import { type VaultFiles, openAgencyVault } from './auditor-vault.js';
import type { HubSettings } from './hub-settings.js';

/** Whose vault opens the session: an agency reads its own entries, a supervising authority all. */
export interface SessionReader {
  readonly agency: AgencyId;
  readonly files: VaultFiles;
}

/** Errors: as `openAgencyVault` and `AuditSession.open`. */
export async function openSession({ agency, files }: SessionReader, hub: HubSettings): Promise<AuditSession> {
  const vault = await openAgencyVault(agency, files);
  const settings = {
    agency,
    gateway: await hub.get('gateway'),
    issuer: await hub.get('issuer'),
    audience: await hub.get('audience'),
  };
  return AuditSession.open(settings, unwrap(vault.current('client-auth')));
}
