import { Inject, Injectable } from '@nestjs/common';
import { type LoggedKey, type SigningKey, signStatement, usableAt } from '#envelope';
import { AppError, type Clock, numericDate, type Thumbprint } from '#kernel';
import { CLOCK, LOGGER, type Logger } from '#platform';
import { LogFollower } from '../follow-log/log-follower.js';
import { PublicHub } from '../hub-client/hub-client.js';
import { KeyStore } from '../infra/key-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { rotatedUses } from './keep-keys.dto.js';
import { KeyRecords } from './key-records.js';
import { RecoveryKey } from './recovery-key.js';

/** For keys that were stolen or lost: new ones without an overlap, and the old ones revoked at once. */
@Injectable()
export class ReplaceKeys {
  constructor(
    @Inject(KeyRecords) private readonly records: KeyRecords,
    @Inject(KeyStore) private readonly store: KeyStore,
    @Inject(RecoveryKey) private readonly recovery: RecoveryKey,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(PublicHub) private readonly hub: PublicHub,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Revokes a key at once, whoever made it; what was sealed to a revoked receiving key becomes undeliverable, and its
   * senders are told. Where it was the last of its use, a new one takes its place.
   *
   * @throws AppError NOT_FOUND (the log shows no such key of this agency), VAULT_KEY_MISSING (it needs the recovery key),
   *   those of the hub
   */
  async revoke(agency: ServedAgency, kid: Thumbprint): Promise<void> {
    const key = this.log.keys.keysOf(agency.id).find((known) => known.kid === kid);
    if (!key) throw new AppError('NOT_FOUND', 'the log shows no such key of this agency');
    if (key.revokedAt === undefined) await this.replace(agency, [key]);
  }

  /**
   * Gives an agency that lost its keys new ones, on the recovery key's word, and revokes those that it no longer holds.
   * Repeating it changes nothing more.
   *
   * @throws AppError VAULT_KEY_MISSING (no signing key that counts and no recovery key at hand), those of the hub
   */
  async recover(agency: ServedAgency): Promise<void> {
    await this.log.catchUp();
    const now = this.clock.now();
    const lost = this.log.keys
      .keysOf(agency.id)
      .filter((key) => key.use !== 'recovery' && usableAt(key, endOf(key, now)) && !agency.vault.byKid(key.kid).ok);
    await this.replace(agency, lost);
  }

  private async replace(agency: ServedAgency, ending: readonly LoggedKey[]): Promise<void> {
    const recovery = await this.recovery.find(agency);
    const kids = new Set(ending.map(({ kid }) => kid));
    const signing = this.remaining(agency, 'signing', kids);
    // Without the recovery key a signing key ends by its own word, or by that of another one.
    const voucher = recovery ?? signing ?? this.remaining(agency, 'signing', new Set());
    if (!voucher) throw new AppError('VAULT_KEY_MISSING', 'connect the medium with the recovery key');
    const fresh = signing ?? (await this.newSigningKey(agency, voucher));
    for (const use of rotatedUses)
      if (use !== 'signing' && !this.covered(agency, use, kids)) await this.records.make(agency, use, fresh);
    const revocations = await Promise.all(ending.map(({ kid }) => this.revocation(agency, kid, voucher)));
    for (const revocation of revocations) {
      await this.store.addRevocation(agency.id, revocation, this.clock.now());
      agency.rememberRevoked(revocation.kid);
    }
    // What a key vouches for must be there before it ends by its own word; else nothing goes before the revocation.
    if (kids.has(voucher.kid)) await this.records.publish(agency);
    for (const { kid, token } of revocations) {
      await this.hub.revokeKey(token);
      this.logger.warn({ agency: agency.id, kid }, 'key revoked');
    }
    await this.records.publish(agency);
  }

  /** One that waits for the log already, or a new one. */
  private async newSigningKey(agency: ServedAgency, voucher: SigningKey): Promise<SigningKey> {
    const waiting = this.records.unpublished(agency).findLast(({ use }) => use === 'signing');
    const held = waiting && agency.vault.byKid(waiting.kid);
    if (held?.ok && held.value.purpose !== 'receiving') return held.value.key;
    const made = await this.records.make(agency, 'signing', voucher);
    if (!made) throw new Error('a signing key that does not sign');
    return made;
  }

  /** A usable key of this agency that stays. */
  private remaining(agency: ServedAgency, use: 'signing', ending: ReadonlySet<Thumbprint>): SigningKey | undefined {
    const stays = (kid: Thumbprint): boolean => agency.holds(kid) && !ending.has(kid);
    const newest = this.log.keys.newest(agency.id, use, this.clock.now(), stays);
    const held = newest && agency.vault.byKid(newest.kid);
    return held?.ok && held.value.purpose !== 'receiving' ? held.value.key : undefined;
  }

  /** Does a key of this use stay, or is one on its way to the log? */
  private covered(agency: ServedAgency, use: string, ending: ReadonlySet<Thumbprint>): boolean {
    const stays = this.log.keys
      .keysOf(agency.id)
      .some(
        (key) =>
          key.use === use &&
          !ending.has(key.kid) &&
          agency.holds(key.kid) &&
          usableAt(key, endOf(key, this.clock.now())),
      );
    return stays || this.records.unpublished(agency).some((record) => record.use === use);
  }

  private async revocation(agency: ServedAgency, kid: Thumbprint, voucher: SigningKey) {
    const now = this.clock.now();
    const statement = { agency: agency.id, kid, at: now.toISOString(), iat: numericDate(now) };
    return { kid, token: await signStatement('agency-key-revocation', statement, voucher) };
  }
}

/** Now, or when it begins to count: a key that is about to be used counts as one. */
const endOf = ({ notBefore }: LoggedKey, now: Date): Date => (notBefore > now ? notBefore : now);
