import { type KeyRecord, type SigningKey, generateReceivingKey, generateSigningKey, signStatement } from '#envelope';
import { type AgencyId, type Clock, numericDate, partyKindOf, unwrap } from '#kernel';
import type { KeyPairPurpose, Vault } from '#key-vault';
import { auditorUses, keyPeriod } from '../domain/auditor-keys.js';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type VaultFiles, openOrCreateAgencyVault } from '../infra/auditor-vault.js';

/** What a supervising authority needs: it sends nothing, but signs its records, gets receipts, signs in, and audits. */
const authoritysPurposes = [
  'signing',
  'receiving',
  'client-auth',
  ...auditorUses,
] as const satisfies readonly KeyPairPurpose[];
type AuditorPurpose = (typeof authoritysPurposes)[number];

/**
 * Makes the keys that are missing in the vault, and the vault itself. A supervising authority's has all keys of that agency; the
 * thumbprint of the first signing key is what the operator of the hub compares with it by another way than this network. Another
 * agency's auditor gets keys of its own beside the agency's, which count when the agency has appointed it
 * (`auditor appoint`). Errors: VAULT_LOCKED, VAULT_DAMAGED.
 */
export async function makeAuditorKeys(agency: AgencyId, files: VaultFiles, clock: Clock): Promise<CommandOutcome> {
  const vault = await openOrCreateAgencyVault(agency, files);
  const supervises = partyKindOf(agency) === 'A';
  for (const purpose of supervises ? authoritysPurposes : auditorUses) {
    if (!vault.current(purpose).ok) await makeKey(vault, purpose, { now: clock.now(), recorded: supervises });
  }
  const keys = vault.list().map(({ purpose, kid, publicJwk, addedAt, current }) => ({
    use: purpose,
    thumbprint: kid,
    jwk: publicJwk,
    addedAt,
    current,
  }));
  const thumbprint = keys.find(({ use }) => use === 'signing')?.thumbprint;
  return {
    ok: true,
    data: { agency, ...(thumbprint !== undefined && { thumbprint }), keys },
    lines: [
      supervises
        ? `Thumbprint of the first signing key of ${agency}: ${thumbprint}`
        : `Keys of an auditor of ${agency}. They count when the agency appoints it, with this list as JSON: auditor appoint.`,
      ...keys.map((key) => `  ${key.use.padEnd(16)}${key.thumbprint}`),
    ],
  };
}

/** Key and record go into the vault at once: a crash leaves neither without the other. */
async function makeKey(
  vault: Vault,
  purpose: AuditorPurpose,
  { now, recorded }: { readonly now: Date; readonly recorded: boolean },
): Promise<void> {
  if (!recorded && purpose !== 'receiving') return vault.put(purpose, await generateSigningKey(), {});
  if (purpose === 'receiving') {
    const key = await generateReceivingKey();
    const record = await signRecord(vault, { purpose, jwk: key.publicJwk, signer: signerOf(vault), now });
    return vault.put('receiving', key, { record });
  }
  const key = await generateSigningKey();
  // The first signing key vouches for itself; the operator compared its thumbprint.
  const signer = purpose === 'signing' ? key : signerOf(vault);
  const record = await signRecord(vault, { purpose, jwk: key.publicJwk, signer, now });
  return vault.put(purpose, key, { record });
}

const signerOf = (vault: Vault): SigningKey => unwrap(vault.current('signing'));

const signRecord = (
  vault: Vault,
  { purpose, jwk, signer, now }: { purpose: AuditorPurpose; jwk: KeyRecord['jwk']; signer: SigningKey; now: Date },
): Promise<string> =>
  signStatement(
    'agency-key',
    {
      v: 1,
      agency: vault.agency,
      use: purpose,
      jwk,
      ...keyPeriod(now),
      iat: numericDate(now),
    },
    signer,
  );
