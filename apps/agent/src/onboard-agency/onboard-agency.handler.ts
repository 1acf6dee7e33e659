import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type LoggedKey, sealPseudonymKey } from '#envelope';
import { type AgencyId, AppError, type Clock, type ExchangeId, type MessageId, newExchangeId } from '#kernel';
import { CLOCK, Database } from '#platform';
import { LogFollower } from '../follow-log/log-follower.js';
import { KeyStore } from '../infra/key-store.js';
import { OutboxStore } from '../infra/outbox-store.js';
import { KeyRecords } from '../keep-keys/key-records.js';
import { Wakeup } from '../run-agent/wakeup.js';
import { SealOutgoing } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { type KeysDto, keyUses, type KeyUse, type RotatedPseudonymKeyDto } from './onboarding.dto.js';

/** The catalogue has no purpose for setting up co-operation; this one is nearest. */
const ONBOARDING_PURPOSE = 'coordination';
const PSEUDONYM_KEY_BYTES = 32;

/** Makes an agency's keys, publishes their records, and shares the pseudonym key with agencies that join. */
@Injectable()
export class OnboardAgency {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(KeyStore) private readonly store: KeyStore,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(KeyRecords) private readonly records: KeyRecords,
    @Inject(SealOutgoing) private readonly sealOutgoing: SealOutgoing,
    @Inject(OutboxStore) private readonly outbox: OutboxStore,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Makes what is missing. A first signing key signs its own record; each other record is signed by the signing key that the
   * log shows, or by the first one before there is any.
   */
  async makeKeys(agency: ServedAgency): Promise<KeysDto> {
    for (const use of keyUses) {
      const held = agency.vault.list().some(({ purpose }) => purpose === use);
      if (!held && !(await this.madeBefore(agency, use))) await this.records.make(agency, use);
    }
    return this.keys(agency);
  }

  /** Posts the records of all keys that the log does not show yet, the signing key first. @throws AppError the hub's */
  async publish(agency: ServedAgency): Promise<KeysDto> {
    await this.records.publish(agency);
    return this.keys(agency);
  }

  async keys(agency: ServedAgency): Promise<KeysDto> {
    const logged = new Map(this.log.keys.keysOf(agency.id).map((key) => [key.kid, key]));
    const made = await this.store.made(agency.id);
    const first = made.find(({ use }) => use === 'signing');
    return {
      agency: agency.id,
      ...(first === undefined ? {} : { firstKeyThumbprint: first.kid }),
      // The witness's key is the process's, known by policy files and not by the log.
      keys: agency.vault.list().flatMap(({ purpose, kid, version, current, addedAt }) => {
        if (purpose === 'witness') return [];
        const shown = kid === undefined ? undefined : logged.get(kid);
        return {
          use: purpose,
          ...(kid === undefined ? {} : { thumbprint: kid }),
          ...(version === undefined ? {} : { version }),
          current,
          addedAt,
          ...(shown === undefined ? {} : timesOf(shown)),
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

  /**
   * Makes the next version, which all use from a moment that leaves time to bring it to them, and seals it to every agency
   * that can be written to. Repeated before that moment it brings the same version again.
   *
   * @throws AppError FORBIDDEN (the key is another agency's to make), PSEUDONYM_KEY_MISSING
   */
  async rotatePseudonymKey(agency: ServedAgency, useAfterSeconds: number): Promise<RotatedPseudonymKeyDto> {
    if (agency.settings.pseudonymKeyFrom.length > 0)
      throw new AppError('FORBIDDEN', 'the agency from which the key is taken makes the next one');
    const present = agency.pseudonymKey();
    if (!present.ok) throw present.error;
    const now = this.clock.now();
    const waiting = agency.pseudonymVersions().find(({ useFrom }) => useFrom > now);
    const version = waiting?.version ?? Math.max(...agency.vault.pseudonymKeyVersions()) + 1;
    const useFrom = (waiting?.useFrom ?? new Date(now.getTime() + useAfterSeconds * 1_000)).toISOString();
    if (!waiting) await agency.vault.put('pseudonym', { version, key: randomBytes(PSEUDONYM_KEY_BYTES) }, { useFrom });
    await this.log.catchUp();
    const others = this.log.keys.agencies(now).filter((id) => id !== agency.id);
    for (const other of others) await this.shareVersion(agency, other, version);
    return { version, useFrom, sharedWith: others };
  }

  /**
   * Seals it to an agency that was onboarded, by a message like any other: each version that is still needed.
   *
   * @throws AppError PSEUDONYM_KEY_MISSING …
   */
  async sharePseudonymKey(
    agency: ServedAgency,
    recipient: AgencyId,
  ): Promise<{ exchangeId: ExchangeId; messageId: MessageId }> {
    await this.log.catchUp();
    let shared: { exchangeId: ExchangeId; messageId: MessageId } | undefined;
    for (const version of agency.vault.pseudonymKeyVersions())
      shared = await this.shareVersion(agency, recipient, version);
    if (!shared) throw new AppError('PSEUDONYM_KEY_MISSING');
    return shared;
  }

  private async shareVersion(
    agency: ServedAgency,
    recipient: AgencyId,
    version: number,
  ): Promise<{ exchangeId: ExchangeId; messageId: MessageId }> {
    const key = agency.vault.pseudonymKey(version);
    if (!key.ok) throw key.error;
    const recipientKey = await this.log.keys.receivingKey(recipient, this.clock.now());
    if (!recipientKey.ok) throw recipientKey.error;
    const useFrom = agency.pseudonymVersions().find((held) => held.version === version)?.useFrom;
    const shared = { ...key.value, ...(useFrom === undefined ? {} : { useFrom: useFrom.toISOString() }) };
    const token = await sealPseudonymKey(shared, recipientKey.value, agency.signingKey());
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
    return (await this.store.made(agency.id)).some((key) => key.use === use);
  }
}

const timesOf = ({ leafIndex, notBefore, notAfter, revokedAt }: LoggedKey) => ({
  leafIndex,
  usableFrom: notBefore.toISOString(),
  usableUntil: notAfter.toISOString(),
  ...(revokedAt === undefined ? {} : { revokedAt: revokedAt.toISOString() }),
});
