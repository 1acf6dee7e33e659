import { setTimeout as delay } from 'node:timers/promises';
import { type AgencyId, AppError } from '#kernel';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type VaultFiles, openAgencyVault } from '../infra/auditor-vault.js';
import type { PublicHub } from '../infra/public-hub.js';

const pollEveryMs = 250;

/**
 * Posts the signed records of the vault's keys and waits until the log shows them, which makes the agency active. Posting
 * again is harmless. Errors: AGENCY_NOT_ONBOARDED, KEY_UNTRUSTED (another first key was registered), VAULT_KEY_MISSING,
 * TIMEOUT.
 *
 * @param waitSeconds 0 to return at once
 */
export async function publishAuditorKeys(
  agency: AgencyId,
  { files, hub, waitSeconds }: { readonly files: VaultFiles; readonly hub: PublicHub; readonly waitSeconds: number },
): Promise<CommandOutcome> {
  const vault = await openAgencyVault(agency, files);
  const published = vault
    .list()
    .flatMap(({ purpose, kid, meta }) =>
      typeof meta['record'] === 'string' ? [{ use: purpose, thumbprint: kid, record: meta['record'] }] : [],
    )
    .sort((a, b) => Number(b.use === 'signing') - Number(a.use === 'signing'));
  if (published.length === 0) throw new AppError('VAULT_KEY_MISSING', 'Make the keys first: auditor keys.');
  await hub.publishKeys(published.map(({ record }) => record));
  const status = await statusAfter(hub, agency, waitSeconds);
  if (waitSeconds > 0 && status !== 'active')
    throw new AppError('TIMEOUT', `The keys are published, but ${agency} is still ${status}.`);
  const keys = published.map(({ use, thumbprint }) => ({ use, thumbprint }));
  return {
    ok: true,
    data: { agency, status, keys },
    lines: [`${keys.length} keys of ${agency} are published; the agency is ${status}.`],
  };
}

async function statusAfter(hub: PublicHub, agency: AgencyId, seconds: number): Promise<string> {
  const until = Date.now() + seconds * 1_000;
  for (;;) {
    const status = (await hub.agencies()).find(({ id }) => id === agency)?.status ?? 'unknown';
    if (status === 'active' || Date.now() >= until) return status;
    await delay(pollEveryMs);
  }
}
