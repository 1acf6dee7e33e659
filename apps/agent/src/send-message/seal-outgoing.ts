import { Inject, Injectable } from '@nestjs/common';
import {
  type Basis,
  type IdentifierType,
  type JsonObject,
  type MessageContext,
  type MessageKind,
  normaliseIdentifier,
  pseudonymOf,
  type RecipientKey,
  sealMessage,
  type SubjectIdentity,
} from '#envelope';
import {
  type AgencyId,
  type Clock,
  err,
  type ExchangeId,
  newMessageId,
  numericDate,
  ok,
  type Pseudonym,
  type Result,
  type Sha256,
  unwrap,
} from '#kernel';
import { CLOCK } from '#platform';
import type { MessageContent } from '../domain/content.js';
import { LogFollower } from '../follow-log/log-follower.js';
import { ProtectedClients } from '../infra/protected-clients.js';
import type { OutgoingRow } from '../infra/outbox-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

/** How long a message may wait unopened where nobody says otherwise (design: hub content expires after 30 days). */
const DEFAULT_LIFETIME_MS = 30 * 86_400_000;
/** Seconds left between a message's end and the destruction of the release key. */
const BEFORE_DESTRUCTION_S = 60;

/** A client as the agency's own systems name one. */
export interface ClientIdentity {
  readonly type: IdentifierType;
  readonly value: string;
  readonly name?: string;
  /** Has a turvakielto. */
  readonly protected?: boolean;
}

export interface Outgoing {
  readonly exchangeId: ExchangeId;
  readonly kind: MessageKind;
  readonly recipient: AgencyId;
  readonly inReplyTo?: Sha256;
  /** From `subjectsOf`, or as they stood in what is answered. */
  readonly subjects: readonly SubjectIdentity[];
  readonly purpose: string;
  readonly categories: readonly number[];
  readonly basis: readonly Basis[];
  readonly urgency?: 'urgent' | 'normal' | 'consultation';
  readonly deadline?: string;
  /** Told to the hub where a consent limits the period. */
  readonly dataPeriod?: { readonly from: string; readonly to: string };
  readonly expiresAt?: Date;
  readonly content: MessageContent;
}

interface Framed {
  readonly context: MessageContext;
  readonly recipientKey: RecipientKey;
  readonly releaseKey: RecipientKey;
}

/** Seals what an agency sends, by keys from the log only. */
@Injectable()
export class SealOutgoing {
  constructor(
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(ProtectedClients) private readonly protectedClients: ProtectedClients,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Errors: RECIPIENT_UNKNOWN, RECIPIENT_KEY_UNKNOWN, RELEASE_KEY_UNKNOWN, MALFORMED, BASIS_MALFORMED, CONTENT_TOO_LARGE.
   */
  async seal(agency: ServedAgency, outgoing: Outgoing): Promise<Result<OutgoingRow>> {
    const framed = await this.frame(agency, outgoing);
    if (!framed.ok) return framed;
    const { context, recipientKey, releaseKey } = framed.value;
    const sealed = await sealMessage({
      context,
      subjects: await this.marked(agency, outgoing.subjects),
      content: JSON.parse(JSON.stringify(outgoing.content)) as JsonObject,
      signingKey: agency.signingKey(),
      recipientKey,
      releaseKey,
    });
    if (!sealed.ok) return sealed;
    return ok({
      agency: agency.id,
      messageId: context.messageId,
      exchangeId: outgoing.exchangeId,
      kind: outgoing.kind,
      recipient: outgoing.recipient,
      inReplyTo: outgoing.inReplyTo,
      categories: context.categories,
      manifest: sealed.value.manifest,
      capsule: sealed.value.capsule,
      outer: sealed.value.outer,
      manifestHash: sealed.value.manifestHash,
      content: outgoing.content,
    });
  }

  /**
   * The context that the message has, and the keys to which it is sealed. Errors: RECIPIENT_UNKNOWN, RECIPIENT_KEY_UNKNOWN,
   * RELEASE_KEY_UNKNOWN.
   */
  async frame(agency: ServedAgency, outgoing: Omit<Outgoing, 'content'>): Promise<Result<Framed>> {
    const now = this.clock.now();
    const recipientKey = await this.recipientKey(outgoing.recipient, now);
    if (!recipientKey.ok) return recipientKey;
    const releaseKey = await this.log.keys.releaseKey(now);
    if (!releaseKey.ok) return releaseKey;

    const wished = outgoing.expiresAt ?? new Date(now.getTime() + DEFAULT_LIFETIME_MS);
    const latest = numericDate(releaseKey.value.destroyAfter) - BEFORE_DESTRUCTION_S;
    const context: MessageContext = {
      v: 1,
      suite: 'KV1',
      messageId: newMessageId(),
      exchangeId: outgoing.exchangeId,
      kind: outgoing.kind,
      ...(outgoing.inReplyTo === undefined ? {} : { inReplyTo: outgoing.inReplyTo }),
      sender: agency.id,
      recipient: outgoing.recipient,
      recipientKey: recipientKey.value.kid,
      subjects: outgoing.subjects.map(({ pseudonym }) => pseudonym),
      purpose: outgoing.purpose,
      categories: [...outgoing.categories].sort((a, b) => a - b),
      basis: [...outgoing.basis],
      ...(outgoing.dataPeriod === undefined ? {} : { dataPeriod: { ...outgoing.dataPeriod } }),
      ...(outgoing.urgency === undefined ? {} : { urgency: outgoing.urgency }),
      ...(outgoing.deadline === undefined ? {} : { deadline: outgoing.deadline }),
      iat: numericDate(now),
      exp: Math.min(numericDate(wished), latest),
      blobs: [],
    };
    return ok({ context, recipientKey: recipientKey.value, releaseKey: releaseKey.value.key });
  }

  /** The mark travels with whom it protects, in every message. */
  private async marked(agency: ServedAgency, subjects: readonly SubjectIdentity[]): Promise<SubjectIdentity[]> {
    const known = await this.protectedClients.among(agency.id, subjects);
    return subjects.map((subject) => (known.includes(subject) ? { ...subject, protected: true } : subject));
  }

  /** A recipient that was onboarded a moment ago is found once the log has been read again. */
  private async recipientKey(recipient: AgencyId, now: Date) {
    const known = await this.log.keys.receivingKey(recipient, now);
    if (known.ok) return known;
    await this.log.catchUp();
    return this.log.keys.receivingKey(recipient, now);
  }
}

/** Pseudonyms for clients, never offered to callers. Errors: IDENTITY_CODE_INVALID, PSEUDONYM_KEY_MISSING. */
export function subjectsOf(agency: ServedAgency, clients: readonly ClientIdentity[]): Result<SubjectIdentity[]> {
  if (clients.length === 0) return ok([]);
  const key = agency.pseudonymKey();
  if (!key.ok) return key;
  const subjects: SubjectIdentity[] = [];
  for (const { type, value, name, protected: marked } of clients) {
    const normalised = normaliseIdentifier(type, value);
    if (!normalised.ok) return normalised;
    const pseudonym = pseudonymOf(key.value, type, normalised.value);
    if (!pseudonym.ok) return err(pseudonym.error);
    subjects.push({
      pseudonym: pseudonym.value,
      type,
      value: normalised.value,
      ...(name === undefined ? {} : { name }),
      ...(marked ? { protected: true as const } : {}),
    });
  }
  return ok(subjects);
}

/** As `subjectsOf`. @throws AppError */
export function subjectsFor(agency: ServedAgency, clients: readonly ClientIdentity[]): SubjectIdentity[] {
  const subjects = subjectsOf(agency, clients);
  if (!subjects.ok) throw subjects.error;
  return subjects.value;
}

/** The one client of a request or referral, with the pseudonym by which the hub knows the person. @throws AppError as `subjectsOf` */
export function subjectOf(agency: ServedAgency, client: ClientIdentity): SubjectIdentity {
  const subjects = subjectsOf(agency, [client]);
  if (!subjects.ok) throw subjects.error;
  const [subject] = subjects.value;
  if (!subject) throw new Error('a client without a pseudonym');
  return subject;
}

/** By every version of the pseudonym key that is held, the newest last. @throws AppError IDENTITY_CODE_INVALID */
export const everyPseudonymOf = (agency: ServedAgency, { type, value }: ClientIdentity): Pseudonym[] =>
  agency
    .pseudonymVersions()
    .map(({ version }) => unwrap(pseudonymOf(unwrap(agency.vault.pseudonymKey(version)), type, value)));
