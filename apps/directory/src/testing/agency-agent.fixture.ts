import {
  generateReceivingKey,
  generateSigningKey,
  type KeyRecord,
  type PublicJwk,
  type ReceivingKey,
  type SigningKey,
  signStatement,
} from '#envelope';
import { type AgencyId, agencyId, type Clock, numericDate, type Thumbprint } from '#kernel';

const DAY_MS = 86_400_000;

/** What an agency's agent makes and signs at its onboarding. */
export class AgencyAgent {
  private constructor(
    readonly id: AgencyId,
    readonly signing: SigningKey,
    readonly receiving: ReceivingKey,
    readonly clientAuth: SigningKey,
    readonly recovery: SigningKey,
    private readonly clock: Clock,
  ) {}

  static async of(id: string, clock: Clock): Promise<AgencyAgent> {
    return new AgencyAgent(
      agencyId(id),
      await generateSigningKey(),
      await generateReceivingKey(),
      await generateSigningKey(),
      await generateSigningKey(),
      clock,
    );
  }

  /** A record of a key for a use, signed with the signing key unless said otherwise. */
  record(
    use: KeyRecord['use'],
    jwk: PublicJwk,
    signWith: SigningKey = this.signing,
    changes: Partial<KeyRecord> = {},
  ): Promise<string> {
    const now = this.clock.now();
    return signStatement(
      'agency-key',
      {
        v: 1,
        agency: this.id,
        use,
        jwk,
        notBefore: new Date(now.getTime() - 60_000).toISOString(),
        notAfter: new Date(now.getTime() + 400 * DAY_MS).toISOString(),
        iat: numericDate(now),
        ...changes,
      },
      signWith,
    );
  }

  /** The records of all four uses, the signing key first. */
  records(): Promise<string[]> {
    return Promise.all([
      this.record('signing', this.signing.publicJwk),
      this.record('receiving', this.receiving.publicJwk),
      this.record('client-auth', this.clientAuth.publicJwk),
      this.record('recovery', this.recovery.publicJwk),
    ]);
  }

  revocation(kid: Thumbprint, signWith: SigningKey = this.signing, at = this.clock.now()): Promise<string> {
    const now = this.clock.now();
    return signStatement(
      'agency-key-revocation',
      { agency: this.id, kid, at: at.toISOString(), iat: numericDate(now) },
      signWith,
    );
  }
}
