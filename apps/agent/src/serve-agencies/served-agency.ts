import { createHmac } from 'node:crypto';
import type { PseudonymKey, ReceivingKey, SigningKey } from '#envelope';
import { type AgencyId, AppError, err, ok, type Pseudonym, type Result, type Thumbprint } from '#kernel';
import type { Vault } from '#key-vault';
import type { AgencySettings } from '../agency-settings.js';
import type { HubClient } from '../hub-client/hub-client.js';

/** One agency that this agent serves: vault, token and connection of its own; nothing of it is shared with another. */
export class ServedAgency {
  /** Thumbprints of keys that were made here, also those that left the vault (recovery). */
  private readonly made = new Set<Thumbprint>();

  constructor(
    readonly settings: AgencySettings,
    readonly vault: Vault,
    readonly hub: HubClient,
    made: Iterable<Thumbprint>,
    private readonly workerKey: Buffer,
    private readonly isLogged: (kid: Thumbprint) => boolean,
  ) {
    for (const kid of made) this.made.add(kid);
  }

  get id(): AgencyId {
    return this.settings.id;
  }

  /** Has it the keys with which the hub lets it in? */
  get onboarding(): boolean {
    return !this.vault.current('client-auth').ok || !this.vault.current('signing').ok;
  }

  /**
   * The newest key of its use that the log shows, for others accept no other; before onboarding the newest that there is.
   *
   * @throws AppError VAULT_KEY_MISSING
   */
  signingKey(): SigningKey {
    return this.newestLogged('signing');
  }

  /** Client-authentication key, as `signingKey`. */
  clientKey(): SigningKey {
    return this.newestLogged('client-auth');
  }

  private newestLogged(purpose: 'signing' | 'client-auth'): SigningKey {
    const logged = this.vault.list().findLast((key) => key.purpose === purpose && key.kid && this.isLogged(key.kid));
    const held = logged?.kid === undefined ? undefined : this.vault.byKid(logged.kid);
    if (held?.ok && held.value.purpose !== 'receiving') return held.value.key;
    return taken(this.vault.current(purpose));
  }

  /** The private half of the key that a message was sealed to, also after a rotation. Errors: VAULT_KEY_MISSING. */
  receivingKey(kid: Thumbprint): Result<ReceivingKey> {
    const held = this.vault.byKid(kid);
    if (!held.ok) return held;
    return held.value.purpose === 'receiving' ? ok(held.value.key) : err(new AppError('VAULT_KEY_MISSING'));
  }

  /** Errors: PSEUDONYM_KEY_MISSING. */
  pseudonymKeyOf(pseudonym: Pseudonym): Result<PseudonymKey> {
    return this.vault.pseudonymKey(Number(pseudonym.slice(1, pseudonym.indexOf('.'))));
  }

  madeHere(kid: Thumbprint): boolean {
    return this.made.has(kid) || this.vault.byKid(kid).ok;
  }

  rememberMade(kid: Thumbprint): void {
    this.made.add(kid);
  }

  /**
   * The per-agency pseudonym by which log entries name a case worker or system. Its key is random, stays in the agency's
   * own database, and neither the hub nor another agency can recompute what it makes.
   */
  workerPseudonym(name: string): string {
    return createHmac('sha256', this.workerKey).update(name.normalize('NFKC'), 'utf8').digest('base64url');
  }
}

function taken<T>(result: Result<T>): T {
  if (!result.ok) throw result.error;
  return result.value;
}
