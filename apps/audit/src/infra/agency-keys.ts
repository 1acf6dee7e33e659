import { type RecipientKey, type VerificationKey, importRecipientKey, importVerificationKey } from '#envelope';
import type { AgencyKey } from '#contracts';
import { type AgencyId, AppError, type Result, type Thumbprint, err, ok } from '#kernel';
import { type DirectoryView, keyUsableAt } from '#platform';
import type { KeyProof } from './key-leaves.js';

/** Agencies' logged keys, looked up in the log and imported once for each snapshot. */
export class AgencyKeys {
  private readonly verification = new WeakMap<AgencyKey, Promise<Result<VerificationKey>>>();
  private readonly recipient = new WeakMap<AgencyKey, Promise<Result<RecipientKey>>>();

  constructor(
    readonly directory: DirectoryView,
    private readonly isLogged: KeyProof,
  ) {}

  /** Signing key of this agency, judged at the moment of signing. Errors: KEY_NOT_LOGGED, SIGNATURE_INVALID, ALG_NOT_ALLOWED. */
  signing(agency: AgencyId, kid: Thumbprint, at: Date): Promise<Result<VerificationKey>> {
    return this.ofUse('signing', { agency, kid, at });
  }

  /** The same of the agency's auditors, whose keys no agent holds. */
  auditing(agency: AgencyId, kid: Thumbprint, at: Date): Promise<Result<VerificationKey>> {
    return this.ofUse('auditor-signing', { agency, kid, at });
  }

  private async ofUse(
    use: 'signing' | 'auditor-signing',
    { agency, kid, at }: { readonly agency: AgencyId; readonly kid: Thumbprint; readonly at: Date },
  ): Promise<Result<VerificationKey>> {
    const key = this.directory.key(agency, kid);
    if (key?.use !== use) return err(new AppError('KEY_NOT_LOGGED'));
    if (!keyUsableAt(key, at)) return err(new AppError('SIGNATURE_INVALID', 'the key was not valid at that time'));
    return this.loaded(this.verification, key, importVerificationKey);
  }

  /** The same where the moment is known only later: with the time within which the key counts, in seconds. */
  async signingEver(agency: AgencyId, kid: Thumbprint): Promise<Result<SigningKeyInTime>> {
    const key = this.directory.key(agency, kid);
    if (key?.use !== 'signing' || !key.notBefore || !key.notAfter) return err(new AppError('KEY_NOT_LOGGED'));
    const imported = await this.loaded(this.verification, key, importVerificationKey);
    if (!imported.ok) return imported;
    const until = key.revokedAt && key.revokedAt < key.notAfter ? key.revokedAt : key.notAfter;
    return ok({ key: imported.value, signable: { from: seconds(key.notBefore), until: seconds(until) } });
  }

  /**
   * The receiving key that a message names. A key that was merely rotated still receives what was sealed to it.
   * Errors: RECIPIENT_KEY_UNKNOWN, KEY_REVOKED, KEY_NOT_LOGGED.
   */
  async receiving(agency: AgencyId, kid: Thumbprint): Promise<Result<RecipientKey>> {
    const key = this.directory.key(agency, kid);
    if (key?.use !== 'receiving') return err(new AppError('RECIPIENT_KEY_UNKNOWN'));
    if (key.revokedAt !== undefined) return err(new AppError('KEY_REVOKED'));
    return this.loaded(this.recipient, key, importRecipientKey);
  }

  /** The newest receiving key that may be used now; none while an agency is being onboarded. */
  async currentReceiving(agency: AgencyId, now: Date): Promise<RecipientKey | undefined> {
    const usable = this.directory.keysOf(agency).filter((key) => key.use === 'receiving' && keyUsableAt(key, now));
    const newest = usable.sort((a, b) => Number(b.notBefore) - Number(a.notBefore))[0];
    if (!newest) return undefined;
    const key = await this.loaded(this.recipient, newest, importRecipientKey);
    return key.ok ? key.value : undefined;
  }

  /** Errors: RECIPIENT_UNKNOWN. */
  active(agency: AgencyId): Result<void> {
    return this.directory.agency(agency)?.status === 'active' ? ok(undefined) : err(new AppError('RECIPIENT_UNKNOWN'));
  }

  private loaded<K>(
    cache: WeakMap<AgencyKey, Promise<Result<K>>>,
    key: AgencyKey,
    load: (jwk: unknown) => Promise<Result<K>>,
  ): Promise<Result<K>> {
    const known = cache.get(key);
    if (known) return known;
    const loading = this.isLogged(key).then((logged): Result<K> | Promise<Result<K>> =>
      logged ? load(JSON.parse(key.jwkJson)) : err(new AppError('KEY_NOT_LOGGED')),
    );
    // A log that could not be asked said nothing about the key.
    loading.catch(() => cache.delete(key));
    cache.set(key, loading);
    return loading;
  }
}

export interface SigningKeyInTime {
  readonly key: VerificationKey;
  readonly signable: { readonly from: number; readonly until: number };
}

/** With fractions: within one second, before and after revocation must not be the same. */
const seconds = (at: Date): number => at.getTime() / 1000;
