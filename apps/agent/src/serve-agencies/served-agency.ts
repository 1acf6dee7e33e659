import { createHmac } from 'node:crypto';
import { keyVersionOf, type LoggedKeys, type PseudonymKey, type ReceivingKey, type SigningKey } from '#envelope';
import { type AgencyId, AppError, type Clock, err, ok, type Pseudonym, type Result, type Thumbprint } from '#kernel';
import type { Vault } from '#key-vault';
import type { AgencySettings } from '../agency-settings.js';
import type { HubClient } from '../hub-client/hub-client.js';

/** One agency that this agent serves: vault, token and connection of its own; nothing of it is shared with another. */
export class ServedAgency {
  private readonly workerKey: Buffer;
  /** Thumbprints of keys that were made here, also those that left the vault (recovery). */
  private readonly made = new Set<Thumbprint>();
  /** Thumbprints of keys that were revoked here; such a key does nothing more, whether or not the log shows it yet. */
  private readonly revoked = new Set<Thumbprint>();

  constructor(
    readonly settings: AgencySettings,
    readonly vault: Vault,
    readonly hub: HubClient,
    known: { readonly made: Iterable<Thumbprint>; readonly revoked: Iterable<Thumbprint>; readonly workerKey: Buffer },
    private readonly logged: () => LoggedKeys,
    private readonly clock: Clock,
  ) {
    for (const kid of known.made) this.made.add(kid);
    for (const kid of known.revoked) this.revoked.add(kid);
    this.workerKey = known.workerKey;
  }

  get id(): AgencyId {
    return this.settings.id;
  }

  /** Has it the keys with which the hub lets it in? */
  get onboarding(): boolean {
    return !this.vault.current('client-auth').ok || !this.vault.current('signing').ok;
  }

  /**
   * The newest key of its use that the log shows as usable, for others accept no other; before onboarding the newest that
   * there is.
   *
   * @throws AppError VAULT_KEY_MISSING; UNAVAILABLE while the log does not show the key that took a revoked one's place
   */
  signingKey(): SigningKey {
    const logged = this.newestLogged('signing');
    if (logged) return logged;
    if (
      this.logged()
        .keysOf(this.id)
        .some(({ use }) => use === 'signing')
    )
      throw new AppError('UNAVAILABLE', 'the log shows no usable signing key that is held here');
    return taken(this.vault.current('signing'));
  }

  /** Client-authentication key: as `signingKey`, and while none counts the newest, which is tried until it does. */
  clientKey(): SigningKey {
    return this.newestLogged('client-auth') ?? taken(this.vault.current('client-auth'));
  }

  private newestLogged(use: 'signing' | 'client-auth'): SigningKey | undefined {
    const newest = this.logged().newest(this.id, use, this.clock.now(), (kid) => this.holds(kid));
    const held = newest && this.vault.byKid(newest.kid);
    return held?.ok && held.value.purpose !== 'receiving' ? held.value.key : undefined;
  }

  /** Is the private half here, and not revoked here? */
  holds(kid: Thumbprint): boolean {
    return this.vault.byKid(kid).ok && !this.revoked.has(kid);
  }

  /** The private half of the key that a message was sealed to, also after a rotation. Errors: VAULT_KEY_MISSING. */
  receivingKey(kid: Thumbprint): Result<ReceivingKey> {
    const held = this.vault.byKid(kid);
    if (!held.ok) return held;
    return held.value.purpose === 'receiving' ? ok(held.value.key) : err(new AppError('VAULT_KEY_MISSING'));
  }

  /** The pseudonym key of the moment: the newest that all use by now. Errors: PSEUDONYM_KEY_MISSING. */
  pseudonymKey(): Result<PseudonymKey> {
    const now = this.clock.now();
    const inUse = this.pseudonymVersions().filter(({ useFrom }) => useFrom <= now);
    return this.vault.pseudonymKey(inUse.at(-1)?.version ?? 0);
  }

  /** Versions held, oldest first, with the instant from which each is or was used. */
  pseudonymVersions(): { readonly version: number; readonly useFrom: Date }[] {
    return this.vault
      .list()
      .flatMap(({ version, meta, addedAt }) =>
        version === undefined
          ? []
          : [{ version, useFrom: new Date(typeof meta.useFrom === 'string' ? meta.useFrom : addedAt) }],
      )
      .sort((a, b) => a.version - b.version);
  }

  /** Errors: PSEUDONYM_KEY_MISSING. */
  pseudonymKeyOf(pseudonym: Pseudonym): Result<PseudonymKey> {
    return this.vault.pseudonymKey(keyVersionOf(pseudonym));
  }

  madeHere(kid: Thumbprint): boolean {
    return this.made.has(kid) || this.vault.byKid(kid).ok;
  }

  rememberMade(kid: Thumbprint): void {
    this.made.add(kid);
  }

  revokedHere(kid: Thumbprint): boolean {
    return this.revoked.has(kid);
  }

  rememberRevoked(kid: Thumbprint): void {
    this.revoked.add(kid);
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
