import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { generateReceivingKey, generateSigningKey, sealPseudonymKey, signStatement, type SigningKey } from '#envelope';
import {
  type AgencyId,
  AppError,
  type Clock,
  type ExchangeId,
  type MessageId,
  newExchangeId,
  numericDate,
} from '#kernel';
import { CLOCK, Database } from '#platform';
import { LogFollower } from '../follow-log/log-follower.js';
import { PublicHub } from '../hub-client/hub-client.js';
import { LogStore } from '../infra/log-store.js';
import { OutboxStore } from '../infra/outbox-store.js';
import { Wakeup } from '../run-agent/wakeup.js';
import { SealOutgoing } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { type KeysDto, keyUses, type KeyUse } from './onboarding.dto.js';

/** How long a key may be used; renewed before. */
const KEY_LIFETIME_MS = 2 * 365 * 86_400_000;
/** A clock that is a little ahead must not make a key that nobody may use yet. */
const BACKDATED_MS = 5 * 60_000;
/** The catalogue has no purpose for setting up co-operation; this one is nearest. */
const ONBOARDING_PURPOSE = 'coordination';
const PSEUDONYM_KEY_BYTES = 32;

/** Makes an agency's keys, publishes their records, and shares the pseudonym key with agencies that join. */
@Injectable()
export class OnboardAgency {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(LogStore) private readonly store: LogStore,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(PublicHub) private readonly hub: PublicHub,
    @Inject(SealOutgoing) private readonly sealOutgoing: SealOutgoing,
    @Inject(OutboxStore) private readonly outbox: OutboxStore,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Makes what is missing, and new keys for the uses that are to be rotated. A first signing key signs its own record; each
   * other record is signed by the signing key that the log shows, or by the first one before there is any.
   */
  async makeKeys(agency: ServedAgency, rotate: readonly KeyUse[] = []): Promise<KeysDto> {
    for (const use of keyUses) {
      const made = agency.vault.list().some(({ purpose }) => purpose === use) || (await this.madeBefore(agency, use));
      if (!made || rotate.includes(use)) await this.makeKey(agency, use);
    }
    return this.keys(agency);
  }

  /** Posts the records of all keys that the log does not show yet, the signing key first. @throws AppError the hub's */
  async publish(agency: ServedAgency): Promise<KeysDto> {
    const records = agency.vault
      .list()
      .flatMap(({ kid, meta }) =>
        kid === undefined || this.log.keys.isLogged(agency.id, kid) || typeof meta.record !== 'string'
          ? []
          : [meta.record],
      );
    if (records.length > 0) await this.hub.publishKeys(records);
    return this.keys(agency);
  }

  async keys(agency: ServedAgency): Promise<KeysDto> {
    const logged = new Map(this.log.keys.keysOf(agency.id).map(({ kid, leafIndex }) => [kid, leafIndex]));
    const made = await this.store.madeKeys(agency.id);
    const first = made.find(({ use }) => use === 'signing');
    return {
      agency: agency.id,
      ...(first === undefined ? {} : { firstKeyThumbprint: first.kid }),
      keys: agency.vault.list().map(({ purpose, kid, version, current, addedAt }) => {
        const leafIndex = kid === undefined ? undefined : logged.get(kid);
        return {
          use: purpose,
          ...(kid === undefined ? {} : { thumbprint: kid }),
          ...(version === undefined ? {} : { version }),
          current,
          addedAt,
          ...(leafIndex === undefined ? {} : { leafIndex }),
        };
      }),
    };
  }

  /** The first agency makes the key that all share. @throws AppError CONFLICT when this agency has one */
  async makePseudonymKey(agency: ServedAgency): Promise<KeysDto> {
    if (agency.vault.pseudonymKey().ok) throw new AppError('CONFLICT', 'there is a pseudonym key already');
    await agency.vault.setPseudonymKey(1, randomBytes(PSEUDONYM_KEY_BYTES));
    return this.keys(agency);
  }

  /** Seals it to an agency that was onboarded, by a message like any other. @throws AppError PSEUDONYM_KEY_MISSING … */
  async sharePseudonymKey(
    agency: ServedAgency,
    recipient: AgencyId,
  ): Promise<{ exchangeId: ExchangeId; messageId: MessageId }> {
    const key = agency.vault.pseudonymKey();
    if (!key.ok) throw key.error;
    await this.log.catchUp();
    const recipientKey = await this.log.keys.receivingKey(recipient, this.clock.now());
    if (!recipientKey.ok) throw recipientKey.error;
    const token = await sealPseudonymKey(key.value, recipientKey.value, agency.signingKey());
    const sealed = await this.sealOutgoing.seal(agency, {
      exchangeId: newExchangeId(),
      kind: 'notice',
      recipient,
      subjects: [],
      purpose: ONBOARDING_PURPOSE,
      categories: [],
      basis: [],
      content: { type: 'pseudonym-key', token },
    });
    if (!sealed.ok) throw sealed.error;
    // What is kept for showing must not hold the key a second time.
    const row = { ...sealed.value, content: { type: 'pseudonym-key' as const, token: 'sent' } };
    await this.outbox.add(this.database, row, this.clock.now());
    this.wakeup.notify(agency.id, 'send');
    return { exchangeId: row.exchangeId, messageId: row.messageId };
  }

  private async madeBefore(agency: ServedAgency, use: KeyUse): Promise<boolean> {
    return (await this.store.madeKeys(agency.id)).some((key) => key.use === use);
  }

  /** Key and record go into the vault at once: a crash leaves neither a key without record nor a record without key. */
  private async makeKey(agency: ServedAgency, use: KeyUse): Promise<void> {
    const isFirst = !agency.vault.current('signing').ok;
    const key = use === 'receiving' ? await generateReceivingKey() : await generateSigningKey();
    const signer = use === 'signing' && isFirst ? (key as SigningKey) : agency.signingKey();
    const now = this.clock.now();
    const record = await signStatement(
      'agency-key',
      {
        v: 1,
        agency: agency.id,
        use,
        jwk: key.publicJwk,
        notBefore: new Date(now.getTime() - BACKDATED_MS).toISOString(),
        notAfter: new Date(now.getTime() + KEY_LIFETIME_MS).toISOString(),
        iat: numericDate(now),
      },
      signer,
    );
    agency.rememberMade(key.kid);
    if ('alg' in key) await agency.vault.put(use as Exclude<KeyUse, 'receiving'>, key, { record });
    else await agency.vault.put('receiving', key, { record });
    await this.store.addMadeKey({ agency: agency.id, kid: key.kid, use, at: now });
  }
}
