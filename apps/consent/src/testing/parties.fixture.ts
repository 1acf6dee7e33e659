import { serializeCatalogue } from '#catalogue';
import { type Agency, AgencyKey, type Snapshot } from '#contracts';
import {
  type AccountIdentification,
  type ConsentAct,
  type ConsentProposal,
  type ConsentRecord,
  generateReceivingKey,
  generateSigningKey,
  importRecipientKey,
  type MessageContext,
  type ReceivingKey,
  sealMessage,
  signReleaseRequest,
  type SigningKey,
  signStatement,
  type SubjectLink,
} from '#envelope';
import {
  type AgencyId,
  type Clock,
  newEventId,
  newMessageId,
  numericDate,
  type Pseudonym,
  type Sha256,
  unwrap,
} from '#kernel';
import { catalogue, contextOf, county, kela, municipality, proposalOf, recordOf } from './facts.fixture.js';

const DAY_MS = 86_400_000;
const catalogueJson = serializeCatalogue(catalogue);

/** An agency with its keys, as its agent holds them. */
export interface Party {
  readonly id: AgencyId;
  readonly signing: SigningKey;
  readonly receiving: ReceivingKey;
}

/** What exchange asks a permit for. */
export interface ReleaseItem {
  readonly manifest: string;
  readonly releaseRequest: string;
}

/** Three agencies with logged keys, the directory's snapshot of them, and what their agents sign. */
export class Parties {
  readonly suspended = new Set<AgencyId>();
  readonly revoked = new Set<string>();

  private constructor(
    readonly municipality: Party,
    readonly county: Party,
    readonly kela: Party,
    private readonly clock: Clock,
  ) {}

  static async meet(clock: Clock): Promise<Parties> {
    const party = async (id: AgencyId): Promise<Party> => ({
      id,
      signing: await generateSigningKey(),
      receiving: await generateReceivingKey(),
    });
    return new Parties(await party(municipality), await party(county), await party(kela), clock);
  }

  get all(): Party[] {
    return [this.municipality, this.county, this.kela];
  }

  snapshot(version = 1n): Snapshot {
    const now = this.clock.now().getTime();
    const agencyOf = ({ id }: Party): Agency => ({
      id,
      kind: id.charAt(0),
      businessId: '0203026-2',
      nameFi: id,
      nameSv: id,
      status: this.suspended.has(id) ? 'suspended' : 'active',
      contact: undefined,
    });
    const keyOf = ({ id, signing }: Party): AgencyKey =>
      AgencyKey.fromPartial({
        agency: id,
        use: 'signing',
        kid: signing.kid,
        jwkJson: JSON.stringify(signing.publicJwk),
        notBefore: new Date(now - 400 * DAY_MS),
        notAfter: new Date(now + 400 * DAY_MS),
        ...(this.revoked.has(signing.kid) && { revokedAt: new Date(now - DAY_MS) }),
      });
    return {
      version,
      agencies: this.all.map(agencyOf),
      keys: this.all.map(keyOf),
      catalogue: { version: 1, json: catalogueJson },
    };
  }

  /** A consent of the usual kind that holds now, signed by the municipality. */
  record(changes: Partial<ConsentRecord> = {}, signWith = this.municipality.signing): Promise<string> {
    const now = this.clock.now().getTime();
    const record = recordOf({
      validFrom: new Date(now - DAY_MS).toISOString(),
      validUntil: new Date(now + 90 * DAY_MS).toISOString(),
      collectedAt: new Date(now - DAY_MS).toISOString(),
      ...changes,
    });
    return signStatement('consent', record, signWith);
  }

  /** What the municipality asks for: the same as the usual consent. */
  proposal(changes: Partial<ConsentProposal> = {}, signWith = this.municipality.signing): Promise<string> {
    const now = this.clock.now().getTime();
    const proposal = proposalOf({
      validUntil: new Date(now + 90 * DAY_MS).toISOString(),
      createdAt: new Date(now).toISOString(),
      lapsesAt: new Date(now + 14 * DAY_MS).toISOString(),
      ...changes,
    });
    return signStatement('consent-proposal', proposal, signWith);
  }

  /** Told by this agency: the client's withdrawal, unless changed. */
  act(by: Party, changes: Partial<ConsentAct> & Pick<ConsentAct, 'consentId'>): Promise<string> {
    const act: ConsentAct = {
      v: 1,
      version: 1,
      act: 'withdraw',
      by: 'subject',
      channel: 'telephone',
      agency: by.id,
      worker: 'worker-1',
      jti: newEventId(),
      iat: numericDate(this.clock.now()),
      ...changes,
    };
    return signStatement('consent-act', act, by.signing);
  }

  link(by: Party, subject: Pseudonym, earlier: Pseudonym, changes: Partial<SubjectLink> = {}): Promise<string> {
    const told = { agency: by.id, worker: 'worker-1', jti: newEventId(), iat: numericDate(this.clock.now()) };
    return signStatement('subject-link', { v: 1, subject, earlier, ...told, ...changes }, by.signing);
  }

  exclusion(by: Party, subject: Pseudonym, decider: Pseudonym): Promise<string> {
    const told = { agency: by.id, worker: 'worker-1', jti: newEventId(), iat: numericDate(this.clock.now()) };
    return signStatement(
      'decider-exclusion',
      { v: 1, subject, decider, reason: 'conflict-of-interest', ...told },
      by.signing,
    );
  }

  /** The municipality has identified the client strongly a moment ago, unless changed. */
  identification(
    subject: Pseudonym,
    changes: Partial<AccountIdentification> = {},
    by = this.municipality,
  ): Promise<string> {
    const now = numericDate(this.clock.now());
    const identified: AccountIdentification = {
      v: 1,
      subject,
      agency: by.id,
      method: 'https://tunnistus.example',
      level: 'substantial',
      authTime: now - 20,
      idTokenHash: `${'I'.repeat(42)}A` as Sha256,
      jti: newEventId(),
      iat: now,
      ...changes,
    };
    return signStatement('account-identification', identified, by.signing);
  }

  /** The county's answer to the municipality unless changed, with the recipient's request to open it. */
  async release(
    changes: Partial<MessageContext> = {},
    request: { readonly by?: Party; readonly iat?: number } = {},
  ): Promise<ReleaseItem> {
    const manifest = await this.manifest(changes);
    const by = request.by ?? this.of(contextOf(changes).recipient);
    const releaseRequest = await signReleaseRequest(
      {
        manifestHash: manifest.manifestHash,
        agency: by.id,
        worker: 'worker-1',
        jti: newEventId(),
        iat: request.iat ?? numericDate(this.clock.now()),
      },
      by.signing,
    );
    return { manifest: manifest.manifest, releaseRequest };
  }

  async manifest(changes: Partial<MessageContext> = {}): ReturnType<typeof sealed> {
    const now = numericDate(this.clock.now());
    const context = contextOf({ messageId: newMessageId(), iat: now, exp: now + 86_400, ...changes });
    const recipient = this.of(context.recipient);
    return sealed({ ...context, recipientKey: recipient.receiving.kid }, this.of(context.sender), recipient);
  }

  private of(id: AgencyId): Party {
    const party = this.all.find((one) => one.id === id);
    if (!party) throw new Error(`${id} is no party here`);
    return party;
  }
}

/** Only the manifest matters to consent; the receiving key stands in for audit's release key. */
const sealed = async (context: MessageContext, sender: Party, recipient: Party) => {
  const recipientKey = unwrap(await importRecipientKey(recipient.receiving.publicJwk));
  return unwrap(
    await sealMessage({
      context,
      subjects: context.subjects.map((pseudonym) => ({ pseudonym, type: 'provisional', value: 'TEST-900' })),
      content: {},
      signingKey: sender.signing,
      recipientKey,
      releaseKey: recipientKey,
    }),
  );
};
