import { type PublicJwk, importVerificationKey, signStatement, thumbprintOf } from '#envelope';
import { type AgencyId, AppError, type Clock, type Thumbprint, isThumbprint, numericDate, unwrap } from '#kernel';
import { type AuditorUse, auditorUses, keyPeriod } from '../domain/auditor-keys.js';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type VaultFiles, openAgencyVault } from '../infra/auditor-vault.js';
import type { PublicHub } from '../infra/public-hub.js';

interface Appointing {
  readonly agency: AgencyId;
  /** The agency's vault, which the agent holds. */
  readonly files: VaultFiles;
  readonly hub: PublicHub;
  readonly clock: Clock;
}

/**
 * The agency vouches for an auditor's keys, which the auditor made and keeps. They stand in the log in clear, and the agency's
 * agent raises an alarm until a person has looked: nobody becomes auditor unseen. Errors: MALFORMED, those of the vault and of
 * the directory.
 *
 * @param made what `auditor keys --json` printed: public halves only
 */
export async function appointAuditor(made: string, { agency, files, hub, clock }: Appointing): Promise<CommandOutcome> {
  const keys = await keysIn(made, agency);
  const signer = unwrap((await openAgencyVault(agency, files)).current('signing'));
  const now = clock.now();
  const records = keys.map(({ use, jwk }) =>
    signStatement('agency-key', { v: 1, agency, use, jwk, ...keyPeriod(now), iat: numericDate(now) }, signer),
  );
  await hub.publishKeys(await Promise.all(records));
  const appointed = keys.map(({ use, kid }) => ({ use, thumbprint: kid }));
  return {
    ok: true,
    data: { agency, keys: appointed },
    lines: [
      `An auditor of ${agency} is appointed, as soon as the log shows the keys:`,
      ...appointed.map(({ use, thumbprint }) => `  ${use.padEnd(16)}${thumbprint}`),
    ],
  };
}

/** Ends an auditor's keys at once: no token and no signature by them counts any more. Errors: as before. */
export async function dismissAuditor(
  thumbprints: readonly string[],
  { agency, files, hub, clock }: Appointing,
): Promise<CommandOutcome> {
  const signer = unwrap((await openAgencyVault(agency, files)).current('signing'));
  const at = clock.now();
  for (const kid of thumbprints) {
    if (!isThumbprint(kid)) throw new AppError('MALFORMED', 'A thumbprint has 43 characters of base64url.');
    const said = { agency, kid, at: at.toISOString(), iat: numericDate(at) };
    await hub.revokeKey(await signStatement('agency-key-revocation', said, signer));
  }
  return {
    ok: true,
    data: { agency, revoked: thumbprints },
    lines: [`${thumbprints.length} keys of ${agency} are revoked.`],
  };
}

interface MadeKey {
  readonly use: AuditorUse;
  readonly kid: Thumbprint;
  readonly jwk: PublicJwk;
}

/** Only an auditor's: nothing else of an agency is vouched for by this way. */
async function keysIn(made: string, agency: AgencyId): Promise<MadeKey[]> {
  const { agency: of, keys } = parsed(made) as { readonly agency?: unknown; readonly keys?: unknown };
  if (of !== agency) throw new AppError('MALFORMED', `These are no keys of an auditor of ${agency}.`);
  const listed = (Array.isArray(keys) ? keys : []) as { use?: unknown; jwk?: unknown }[];
  const found: MadeKey[] = [];
  for (const { use, jwk } of listed) {
    const known = auditorUses.find((one) => one === use);
    if (known === undefined) continue;
    unwrap(await importVerificationKey(jwk));
    found.push({ use: known, kid: await thumbprintOf(jwk as PublicJwk), jwk: jwk as PublicJwk });
  }
  if (found.length === 0) throw new AppError('MALFORMED', 'There is no key of an auditor in it.');
  return found;
}

function parsed(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
