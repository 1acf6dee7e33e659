import { readFileSync } from 'node:fs';
import { type Catalogue, type CategorySchema, serializeCatalogue } from '#catalogue';
import { type Agency, AgencyKey, type Snapshot, type Submission } from '#contracts';
import {
  type Basis,
  type MessageContext,
  type MessageKind,
  type ReceivingKey,
  type SealedMessage,
  type SigningKey,
  generateReceivingKey,
  generateSigningKey,
  importRecipientKey,
  kindRules,
  sealMessage,
  signReleaseRequest,
} from '#envelope';
import {
  type AgencyId,
  type Clock,
  type ConsentId,
  type ExchangeId,
  type MessageId,
  type Pseudonym,
  type Sha256,
  agencyId,
  newEventId,
  newExchangeId,
  newMessageId,
  numericDate,
  unwrap,
} from '#kernel';

const DAY_S = 86_400;
const data = new URL('../../../directory/data/', import.meta.url);
const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, data), 'utf8'));

function catalogue(): Catalogue {
  const categories = read('categories.json') as Catalogue['categories'];
  return {
    categories,
    purposes: read('purposes.json') as Catalogue['purposes'],
    refusalReasons: read('refusal-reasons.json') as Catalogue['refusalReasons'],
    statutes: read('statutes.json') as Catalogue['statutes'],
    territories: read('territories.json') as Catalogue['territories'],
    deadlines: read('deadlines.json') as Catalogue['deadlines'],
    necessityTemplates: read('necessity-templates.json') as Catalogue['necessityTemplates'],
    schemas: Object.fromEntries(
      categories.map(({ number, schema }) => [String(number), read(schema) as CategorySchema]),
    ),
  };
}

export const catalogueJson = serializeCatalogue(catalogue());

/** An agency with its keys, as its agent holds them. */
export interface Party {
  readonly id: AgencyId;
  readonly signing: SigningKey;
  readonly receiving: ReceivingKey;
}

export interface MessageWish {
  readonly from: Party;
  readonly to: Party;
  readonly kind: MessageKind;
  readonly exchangeId?: ExchangeId;
  readonly messageId?: MessageId;
  readonly inReplyTo?: Sha256;
  readonly categories?: number[];
  readonly purpose?: string;
  readonly consentId?: ConsentId;
  readonly subject?: Pseudonym;
  readonly urgency?: MessageContext['urgency'];
  readonly deadline?: string;
  readonly iat?: number;
  readonly exp?: number;
  readonly content?: string;
  readonly signWith?: SigningKey;
  readonly sealTo?: ReceivingKey;
}

export interface Sent extends SealedMessage {
  readonly context: MessageContext;
  readonly submission: Submission;
}

/** Test persons have individual numbers 900 to 999 only; to the hub they are pseudonyms anyway. */
export const somebody = `p1.${'A'.repeat(42)}E` as Pseudonym;

/** Three agencies, one release key, and the directory's snapshot of them. */
export class Network {
  readonly revoked = new Map<string, Date>();
  readonly suspended = new Set<string>();
  /** Keys beside each party's first ones. */
  readonly further: { agency: AgencyId; use: 'signing' | 'receiving'; key: SigningKey | ReceivingKey }[] = [];
  /** Supervising authorities, which send nothing here. */
  readonly supervising: AgencyId[] = [];
  version = 1n;

  private constructor(
    readonly municipality: Party,
    readonly county: Party,
    readonly kela: Party,
    readonly releaseKey: ReceivingKey,
    readonly clock: Clock,
  ) {}

  static async create(clock: Clock): Promise<Network> {
    const party = async (id: string): Promise<Party> => ({
      id: agencyId(id),
      signing: await generateSigningKey(),
      receiving: await generateReceivingKey(),
    });
    return new Network(
      await party('K-235'),
      await party('H-07'),
      await party('L-KELA'),
      await generateReceivingKey(),
      clock,
    );
  }

  parties(): Party[] {
    return [this.municipality, this.county, this.kela];
  }

  snapshot(): Snapshot {
    const agencyOf = (id: AgencyId): Agency => ({
      id,
      kind: id.charAt(0),
      businessId: '0000000-0',
      nameFi: id,
      nameSv: id,
      status: this.suspended.has(id) ? 'suspended' : 'active',
      contact: undefined,
    });
    const first = this.parties().flatMap(({ id, signing, receiving }) => [
      { agency: id, use: 'signing', key: signing },
      { agency: id, use: 'receiving', key: receiving },
    ]);
    const keys = [...first, ...this.further].map(({ agency, use, key }) =>
      AgencyKey.fromPartial({
        agency,
        use,
        kid: key.kid,
        jwkJson: JSON.stringify(key.publicJwk),
        notBefore: new Date(this.clock.now().getTime() - DAY_S * 1000),
        notAfter: new Date(this.clock.now().getTime() + 365 * DAY_S * 1000),
        ...(this.revoked.has(key.kid) && { revokedAt: this.revoked.get(key.kid)! }),
      }),
    );
    return {
      version: this.version,
      agencies: [...this.parties().map(({ id }) => id), ...this.supervising].map(agencyOf),
      keys,
      catalogue: { version: 1, json: catalogueJson },
    };
  }

  /** Seals what an agent would seal, and wraps it as the gateway would. */
  async seal(wish: MessageWish): Promise<Sent> {
    const { from, to, kind } = wish;
    const now = numericDate(this.clock.now());
    const categories = wish.categories ?? (kindRules[kind].needsBasis ? [9] : []);
    const basis: Basis[] = kindRules[kind].needsBasis
      ? [
          {
            categories,
            processing: { sender: '681/2023-87', recipient: '681/2023-87' },
            secrecyLift:
              wish.consentId === undefined
                ? { statute: { id: '681/2023-87', version: 1 } }
                : { consent: { id: wish.consentId, version: 1 } },
          },
        ]
      : [];
    const context: MessageContext = {
      v: 1,
      suite: 'KV1',
      messageId: wish.messageId ?? newMessageId(),
      exchangeId: wish.exchangeId ?? newExchangeId(),
      kind,
      ...(wish.inReplyTo !== undefined && { inReplyTo: wish.inReplyTo }),
      sender: from.id,
      recipient: to.id,
      recipientKey: (wish.sealTo ?? to.receiving).kid,
      subjects: [wish.subject ?? somebody],
      purpose: wish.purpose ?? 'plan',
      categories,
      basis,
      ...(wish.urgency !== undefined && { urgency: wish.urgency }),
      ...(wish.deadline !== undefined && { deadline: wish.deadline }),
      iat: wish.iat ?? now,
      exp: wish.exp ?? now + 7 * DAY_S,
      blobs: [],
    };
    const sealed = unwrap(
      await sealMessage({
        context,
        subjects: context.subjects.map((pseudonym) => ({ pseudonym, type: 'provisional', value: 'TEST-900' })),
        content: { text: wish.content ?? 'content' },
        signingKey: wish.signWith ?? from.signing,
        recipientKey: unwrap(await importRecipientKey((wish.sealTo ?? to.receiving).publicJwk)),
        releaseKey: unwrap(await importRecipientKey(this.releaseKey.publicJwk)),
      }),
    );
    const { manifest, capsule, outer } = sealed;
    return {
      ...sealed,
      context,
      submission: {
        submissionId: newEventId(),
        agency: from.id,
        manifest,
        capsule,
        outer,
        receivedAt: this.clock.now(),
      },
    };
  }

  releaseRequest(by: Party, manifestHash: Sha256, jti: string = newEventId()): Promise<string> {
    return signReleaseRequest(
      { manifestHash, agency: by.id, worker: 'worker-1', jti, iat: numericDate(this.clock.now()) },
      by.signing,
    );
  }
}
