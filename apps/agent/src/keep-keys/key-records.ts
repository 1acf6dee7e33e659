import { Inject, Injectable } from '@nestjs/common';
import {
  generateReceivingKey,
  generateSigningKey,
  type KeyRecord,
  type LoggedKey,
  type SigningKey,
  signStatement,
} from '#envelope';
import { type Clock, numericDate, type Thumbprint } from '#kernel';
import { CLOCK } from '#platform';
import { LogFollower } from '../follow-log/log-follower.js';
import { PublicHub } from '../hub-client/hub-client.js';
import { KeyStore } from '../infra/key-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

type KeyUse = KeyRecord['use'];

/** How long a key may be used; renewed before. */
const KEY_LIFETIME_MS = 2 * 365 * 86_400_000;
/** A clock that is a little ahead must not make a key that nobody may use yet. */
const BACKDATED_MS = 5 * 60_000;
const DAY_MS = 86_400_000;

/** Makes keys with their signed records, and posts the records that the log does not show yet. */
@Injectable()
export class KeyRecords {
  constructor(
    @Inject(KeyStore) private readonly store: KeyStore,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(PublicHub) private readonly hub: PublicHub,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Key and record go into the vault at once: a crash leaves neither a key without record nor a record without key.
   *
   * @param signer key that vouches for it; of a first signing key it is the key itself
   * @param earlier key whose place it takes after the overlap
   */
  async make(
    agency: ServedAgency,
    use: KeyUse,
    signer?: SigningKey,
    earlier?: LoggedKey,
  ): Promise<SigningKey | undefined> {
    const key = use === 'receiving' ? await generateReceivingKey() : await generateSigningKey();
    const vouching = signer ?? ('alg' in key && use === 'signing' ? key : agency.signingKey());
    const now = this.clock.now().getTime();
    const { overlapDays, useAfterSeconds } = agency.settings.keys;
    const notBefore =
      earlier === undefined || useAfterSeconds === 0 ? now - BACKDATED_MS : now + useAfterSeconds * 1_000;
    const until = now + overlapDays * DAY_MS;
    const record = await signStatement(
      'agency-key',
      {
        v: 1,
        agency: agency.id,
        use,
        jwk: key.publicJwk,
        notBefore: new Date(notBefore).toISOString(),
        notAfter: new Date(now + KEY_LIFETIME_MS).toISOString(),
        ...(earlier === undefined ? {} : { supersedes: { kid: earlier.kid, until: new Date(until).toISOString() } }),
        iat: numericDate(this.clock.now()),
      },
      vouching,
    );
    agency.rememberMade(key.kid);
    if ('alg' in key) await agency.vault.put(use as Exclude<KeyUse, 'receiving'>, key, { record });
    else await agency.vault.put('receiving', key, { record });
    await this.store.addMade(agency.id, { kid: key.kid, use }, this.clock.now());
    return 'alg' in key ? key : undefined;
  }

  /** Of keys that the log does not show yet, oldest first. */
  unpublished(agency: ServedAgency): { kid: Thumbprint; use: string; record: string }[] {
    return agency.vault
      .list()
      .flatMap(({ kid, purpose, meta }) =>
        kid === undefined || this.log.keys.isLogged(agency.id, kid) || typeof meta.record !== 'string'
          ? []
          : [{ kid, use: purpose, record: meta.record }],
      );
  }

  /** Posting again what the hub knows is harmless. @throws AppError the hub's */
  async publish(agency: ServedAgency): Promise<void> {
    const records = this.unpublished(agency).map(({ record }) => record);
    if (records.length > 0) await this.hub.publishKeys(records);
  }
}
