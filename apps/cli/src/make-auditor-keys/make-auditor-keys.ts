import { type KeyRecord, type SigningKey, generateReceivingKey, generateSigningKey, signStatement } from '#envelope';
import { type AgencyId, type Clock, numericDate, unwrap } from '#kernel';
import type { KeyPairPurpose, Vault } from '#key-vault';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type VaultFiles, openOrCreateAgencyVault } from '../infra/auditor-vault.js';

/** What a supervising authority needs: it sends nothing, but signs its records, gets receipts and signs in. */
const purposes = ['signing', 'receiving', 'client-auth'] as const satisfies readonly KeyPairPurpose[];
type AuditorPurpose = (typeof purposes)[number];

/** How long a key may be used; renewed before. */
const keyLifetimeMs = 2 * 365 * 86_400_000;
/** A clock that is a little ahead must not make a key that nobody may use yet. */
const backdatedMs = 5 * 60_000;

/**
 * Makes the keys that are missing in the vault, and the vault itself. The thumbprint of the first signing key is what the
 * operator of the hub compares with the authority by another way than this network. Errors: VAULT_LOCKED, VAULT_DAMAGED.
 */
export async function makeAuditorKeys(agency: AgencyId, files: VaultFiles, clock: Clock): Promise<CommandOutcome> {
  const vault = await openOrCreateAgencyVault(agency, files);
  for (const purpose of purposes) {
    if (!vault.current(purpose).ok) await makeKey(vault, purpose, clock.now());
  }
  const keys = vault
    .list()
    .map(({ purpose, kid, addedAt, current }) => ({ use: purpose, thumbprint: kid, addedAt, current }));
  const thumbprint = keys.find(({ use }) => use === 'signing')?.thumbprint;
  return {
    ok: true,
    data: { agency, thumbprint, keys },
    lines: [
      `Thumbprint of the first signing key of ${agency}: ${thumbprint}`,
      ...keys.map((key) => `  ${key.use.padEnd(12)}${key.thumbprint}`),
    ],
  };
}

/** Key and record go into the vault at once: a crash leaves neither without the other. */
async function makeKey(vault: Vault, purpose: AuditorPurpose, now: Date): Promise<void> {
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
      notBefore: new Date(now.getTime() - backdatedMs).toISOString(),
      notAfter: new Date(now.getTime() + keyLifetimeMs).toISOString(),
      iat: numericDate(now),
    },
    signer,
  );
