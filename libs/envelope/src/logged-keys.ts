import { type AgencyId, AppError, err, isAgencyId, ok, type Result, type Thumbprint } from '#kernel';
import { type HubKeyRecord, type KeyRecord, mayRevoke, mayVouchFor } from './key-record.js';
import {
  importRecipientKey,
  importVerificationKey,
  type PublicJwk,
  type RecipientKey,
  thumbprintOf,
  type VerificationKey,
} from './keys.js';
import type { ClearRecord } from './log-entry.js';
import { readStatement, verifyStatement } from './statements.js';

export interface LoggedKey {
  readonly agency: AgencyId;
  readonly kid: Thumbprint;
  readonly use: KeyRecord['use'];
  readonly jwk: PublicJwk;
  readonly record: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly revokedAt: Date | undefined;
  readonly leafIndex: number;
}

export interface LoggedHubKey {
  readonly kid: Thumbprint;
  readonly service: HubKeyRecord['service'];
  readonly use: HubKeyRecord['use'];
  readonly jwk: PublicJwk;
  readonly useFrom: Date;
  readonly useUntil: Date;
  readonly destroyAfter: Date | undefined;
  readonly leafIndex: number;
  /**
   * Of a log key: the entry from which on it signs no checkpoint, when that was said, and whether it was withdrawn before it had
   * taken over, where that is known.
   */
  readonly retired?: { readonly leafIndex: number; readonly at: Date; readonly withdrawn?: true };
}

/** What one entry in clear changed. */
export type ClearChange =
  | { readonly type: 'key'; readonly key: LoggedKey; readonly ended: LoggedKey | undefined }
  | { readonly type: 'revocation'; readonly key: LoggedKey }
  | { readonly type: 'hub-key'; readonly key: LoggedHubKey }
  | { readonly type: 'agency'; readonly agency: AgencyId; readonly status: string; readonly leafIndex: number }
  | { readonly type: 'catalogue'; readonly version: number; readonly hash: string; readonly leafIndex: number }
  | { readonly type: 'known' };

export const usableAt = (key: LoggedKey, at: Date): boolean =>
  key.notBefore <= at && at < key.notAfter && (key.revokedAt === undefined || at < key.revokedAt);

/** A new key is used once it counts also by a clock that is so much behind ours. */
const SKEW_MS = 60_000;

/**
 * The keys of all agencies and of the hub, from clear leaves of the log and from nowhere else (design: Keys). A first
 * signing key signs itself; each later one is signed by an earlier signing key or the recovery key, a later recovery key by
 * the recovery key, all others by a signing key. What does not follow this chain is refused, whoever put it into the log.
 */
export class LoggedKeys {
  private readonly keys = new Map<AgencyId, LoggedKey[]>();
  private readonly hubKeys = new Map<Thumbprint, LoggedHubKey>();

  constructor(keys: readonly LoggedKey[] = [], hubKeys: readonly LoggedHubKey[] = []) {
    for (const key of keys) this.put(key);
    for (const key of hubKeys) this.hubKeys.set(key.kid, key);
  }

  /**
   * Takes over one entry. Errors: KEY_UNTRUSTED (not signed by whom it should be; `details.agency` names whose key it
   * claims to be), MALFORMED and the like for what is no such record.
   */
  async apply(record: ClearRecord, leafIndex: number): Promise<Result<ClearChange>> {
    switch (record.type) {
      case 'agency-key':
        return this.applyKey(record.record, leafIndex);
      case 'agency-key-revocation':
        return this.applyRevocation(record.record);
      case 'hub-key':
        return this.applyHubKey(record.record, leafIndex);
      case 'agency':
        return ok({ type: 'agency', agency: record.agency, status: record.status, leafIndex });
      case 'catalogue':
        return ok({ type: 'catalogue', version: record.version, hash: record.hash, leafIndex });
      case 'tombstone':
      case 'clear-list':
        return ok({ type: 'known' });
    }
  }

  /** A signing key by which this agency's signature of that moment may be judged. Errors: KEY_NOT_LOGGED, KEY_REVOKED. */
  async signingKey(agency: AgencyId, kid: Thumbprint, at: Date): Promise<Result<VerificationKey>> {
    const key = this.find(agency, kid);
    if (key?.use !== 'signing') return err(new AppError('KEY_NOT_LOGGED', undefined, { agency }));
    if (!usableAt(key, at)) return err(new AppError('KEY_REVOKED', undefined, { agency }));
    return importVerificationKey(key.jwk);
  }

  /** A signing key that counted at some moment between these two. Errors: KEY_NOT_LOGGED, KEY_REVOKED. */
  async signingKeySince(agency: AgencyId, kid: Thumbprint, since: Date, until: Date): Promise<Result<VerificationKey>> {
    const begins = this.find(agency, kid)?.notBefore ?? since;
    return this.signingKey(agency, kid, begins > since && begins <= until ? begins : since);
  }

  /** The receiving key to seal to: the newest that is valid. Errors: RECIPIENT_UNKNOWN, RECIPIENT_KEY_UNKNOWN. */
  async receivingKey(agency: AgencyId, at: Date): Promise<Result<RecipientKey>> {
    if (!this.keys.has(agency)) return err(new AppError('RECIPIENT_UNKNOWN'));
    const key = this.newest(agency, 'receiving', at);
    return key === undefined ? err(new AppError('RECIPIENT_KEY_UNKNOWN')) : importRecipientKey(key.jwk);
  }

  /** Audit's release key of the moment, with the instant that no message may outlive. Errors: RELEASE_KEY_UNKNOWN. */
  async releaseKey(at: Date): Promise<Result<{ readonly key: RecipientKey; readonly destroyAfter: Date }>> {
    const current = [...this.hubKeys.values()]
      .filter((key) => key.service === 'audit' && key.use === 'release' && key.useFrom <= at && at < key.useUntil)
      .sort((a, b) => a.useFrom.getTime() - b.useFrom.getTime())
      .at(-1);
    if (current?.destroyAfter === undefined) return err(new AppError('RELEASE_KEY_UNKNOWN'));
    const key = await importRecipientKey(current.jwk);
    return key.ok ? ok({ key: key.value, destroyAfter: current.destroyAfter }) : key;
  }

  /** The newest key of a use that may be used now, of those that `held` says; while it is very new, the one before it. */
  newest(
    agency: AgencyId,
    use: KeyRecord['use'],
    at: Date,
    held: (kid: Thumbprint) => boolean = () => true,
  ): LoggedKey | undefined {
    const usable = this.keysOf(agency).filter((key) => key.use === use && usableAt(key, at) && held(key.kid));
    const settled = new Date(at.getTime() - SKEW_MS);
    return usable.findLast(({ notBefore }) => notBefore <= settled) ?? usable.at(-1);
  }

  /** Until when a capsule that was made before that moment can be opened: no message lives longer. */
  capsulesEnd(madeBefore: Date): Date | undefined {
    const ends = [...this.hubKeys.values()]
      .filter((key) => key.service === 'audit' && key.use === 'release' && key.useFrom <= madeBefore)
      .flatMap(({ destroyAfter }) => destroyAfter?.getTime() ?? []);
    return ends.length === 0 ? undefined : new Date(Math.max(...ends));
  }

  /** The keys that have signed the log, in the order in which each followed the one before. */
  logKeys(): LoggedHubKey[] {
    return [...this.hubKeys.values()].filter(isLogKey).sort((a, b) => a.leafIndex - b.leafIndex);
  }

  /** Those of them that may sign. */
  private liveLogKeys(): LoggedHubKey[] {
    return this.logKeys().filter(({ retired }) => retired === undefined);
  }

  /** A key that consent, exchange, directory or audit signs with. */
  hubKey(kid: Thumbprint): LoggedHubKey | undefined {
    return this.hubKeys.get(kid);
  }

  isLogged(agency: AgencyId, kid: Thumbprint): boolean {
    return this.find(agency, kid) !== undefined;
  }

  /** Agencies that something can be sealed to. */
  agencies(at: Date): AgencyId[] {
    return [...this.keys.keys()].filter((agency) => this.newest(agency, 'receiving', at) !== undefined).sort();
  }

  keysOf(agency: AgencyId): readonly LoggedKey[] {
    return this.keys.get(agency) ?? [];
  }

  private async applyKey(token: string, leafIndex: number): Promise<Result<ClearChange>> {
    const read = readStatement('agency-key', token);
    if (!read.ok) return read;
    const { agency, use, jwk, notBefore, notAfter, supersedes } = read.value.payload;
    const kid = await thumbprintOf(jwk);
    if (this.find(agency, kid)) return ok({ type: 'known' });
    const signer = await this.signerOf(read.value.kid, { agency, use, jwk, kid, notBefore: new Date(notBefore) });
    const verified = signer.ok ? await verifyStatement('agency-key', token, signer.value) : signer;
    if (!verified.ok) return untrusted(agency);
    const key: LoggedKey = {
      agency,
      kid,
      use,
      jwk,
      record: token,
      notBefore: new Date(notBefore),
      notAfter: new Date(notAfter),
      revokedAt: undefined,
      leafIndex,
    };
    this.put(key);
    return ok({ type: 'key', key, ended: supersedes && this.end(key, supersedes.kid, new Date(supersedes.until)) });
  }

  /** The earlier key of the same use, which lasts no longer than its successor says. */
  private end(successor: LoggedKey, kid: Thumbprint, until: Date): LoggedKey | undefined {
    const earlier = this.find(successor.agency, kid);
    if (!earlier || earlier.use !== successor.use || earlier.notAfter <= until) return undefined;
    const ended: LoggedKey = { ...earlier, notAfter: until };
    this.put(ended);
    return ended;
  }

  /** The key by which a key record must be signed. */
  private async signerOf(
    signedBy: Thumbprint,
    record: { agency: AgencyId; use: KeyRecord['use']; jwk: PublicJwk; kid: Thumbprint; notBefore: Date },
  ): Promise<Result<VerificationKey>> {
    const { agency, use, jwk, kid, notBefore } = record;
    const isFirst = !this.keysOf(agency).some((key) => key.use === 'signing');
    if (use === 'signing' && isFirst) return signedBy === kid ? importVerificationKey(jwk) : untrusted(agency);
    const signer = this.find(agency, signedBy);
    const hasRecovery = this.keysOf(agency).some(
      (key) => key.use === 'recovery' && key.revokedAt === undefined && notBefore < key.notAfter,
    );
    if (!signer || signer.revokedAt !== undefined || !mayVouchFor(signer.use, use, hasRecovery))
      return untrusted(agency);
    return importVerificationKey(signer.jwk);
  }

  private async applyRevocation(token: string): Promise<Result<ClearChange>> {
    const read = readStatement('agency-key-revocation', token);
    if (!read.ok) return read;
    const { agency, kid, at, iat } = read.value.payload;
    const signer = this.find(agency, read.value.kid);
    const key = this.find(agency, kid);
    // The first word stands: a key that ended is not brought back, and one that was revoked revokes no other.
    if (key?.revokedAt !== undefined) return ok({ type: 'known' });
    if (!key || !signer || signer.revokedAt !== undefined || !mayRevoke(signer.use, key.use)) return untrusted(agency);
    const imported = await importVerificationKey(signer.jwk);
    const verified = imported.ok ? await verifyStatement('agency-key-revocation', token, imported.value) : imported;
    if (!verified.ok) return untrusted(agency);
    // Revoking holds at once: what names a later moment counts from its signing.
    const revoked: LoggedKey = { ...key, revokedAt: new Date(Math.min(Date.parse(at), iat * 1_000 + SKEW_MS)) };
    this.put(revoked);
    return ok({ type: 'revocation', key: revoked });
  }

  /**
   * A hub key is believed because audit, the log's only writer, put it there under the log key that was configured by hand;
   * whether it is also the one that was pinned is for the caller to compare. A log key has to follow the one before it.
   */
  private async applyHubKey(token: string, leafIndex: number): Promise<Result<ClearChange>> {
    const read = readStatement('hub-key', token);
    if (!read.ok) return read;
    const { service, use, jwk, useFrom, useUntil, destroyAfter, follows, retires, withdraws, iat } = read.value.payload;
    const kid = await thumbprintOf(jwk);
    const ended = { leafIndex, at: new Date(iat * 1_000) };
    if (retires !== undefined) return this.retire(retires, kid, ended);
    if (withdraws !== undefined) return this.withdraw(withdraws, kid, ended);
    if (this.hubKeys.has(kid)) return ok({ type: 'known' });
    const key: LoggedHubKey = {
      kid,
      service,
      use,
      jwk,
      useFrom: new Date(useFrom),
      useUntil: new Date(useUntil),
      destroyAfter: destroyAfter === undefined ? undefined : new Date(destroyAfter),
      leafIndex,
    };
    if (isLogKey(key) && this.liveLogKeys().at(-1)?.kid !== follows)
      return err(new AppError('KEY_UNTRUSTED', 'the log key does not follow the one before it'));
    this.hubKeys.set(key.kid, key);
    return ok({ type: 'hub-key', key });
  }

  /** A log key ends by the word of a later one, once. */
  private retire(kid: Thumbprint, by: Thumbprint, retired: NonNullable<LoggedHubKey['retired']>): Result<ClearChange> {
    const keys = this.logKeys();
    const at = keys.findIndex((key) => key.kid === kid);
    const ended = keys[at];
    const successor = keys.slice(at + 1).find((key) => key.kid === by);
    if (!ended || !successor || successor.retired)
      return err(new AppError('KEY_UNTRUSTED', 'a log key is retired by what is no later log key'));
    return this.endLogKey(ended, retired);
  }

  /** The newest log key ends by the word of the one that it was to follow, while that is in use. */
  private withdraw(
    kid: Thumbprint,
    by: Thumbprint,
    retired: NonNullable<LoggedHubKey['retired']>,
  ): Result<ClearChange> {
    const ended = this.logKeys().find((key) => key.kid === kid);
    const live = this.liveLogKeys();
    const at = live.findIndex((key) => key.kid === by);
    if (at < 0 || !ended || !(ended.retired?.withdrawn || (live[at + 1] === ended && live.length === at + 2)))
      return err(new AppError('KEY_UNTRUSTED', 'a log key is withdrawn by what is not the one in use before it'));
    return this.endLogKey(ended, { ...retired, withdrawn: true });
  }

  private endLogKey(ended: LoggedHubKey, retired: NonNullable<LoggedHubKey['retired']>): Result<ClearChange> {
    if (ended.retired) return ok({ type: 'known' });
    const key = { ...ended, retired };
    this.hubKeys.set(ended.kid, key);
    return ok({ type: 'hub-key', key });
  }

  private find(agency: AgencyId, kid: Thumbprint): LoggedKey | undefined {
    return this.keys.get(agency)?.find((key) => key.kid === kid);
  }

  private put(key: LoggedKey): void {
    const others = this.keysOf(key.agency).filter(({ kid }) => kid !== key.kid);
    this.keys.set(
      key.agency,
      [...others, key].sort((a, b) => a.leafIndex - b.leafIndex),
    );
  }
}

const isLogKey = ({ service, use }: Pick<LoggedHubKey, 'service' | 'use'>): boolean =>
  service === 'audit' && use === 'log';

const untrusted = (agency: AgencyId) => err(new AppError('KEY_UNTRUSTED', undefined, { agency }));

/** Whose key an untrusted record claims to be. */
export const agencyNamedBy = (error: AppError): AgencyId | undefined =>
  isAgencyId(error.details['agency']) ? error.details['agency'] : undefined;
