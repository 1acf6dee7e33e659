import { randomUUID } from 'node:crypto';

declare const brand: unique symbol;
type Branded<T extends string> = string & { readonly [brand]: T };

/**
 * The addressable party: one unit of an organisation in one role, with keys and a mailbox of its own. Party kind, hyphen,
 * code of the reference data: `K-235` (municipality), `T-01` (employment authority), `H-03` (county), `L-KELA`.
 */
export type AgencyId = Branded<'AgencyId'>;
/** UUID chosen by the sender. A message is named by (sender, message id), never by the id alone. */
export type MessageId = Branded<'MessageId'>;
/** UUID chosen by the agency that opens the exchange. */
export type ExchangeId = Branded<'ExchangeId'>;
/** UUID chosen by the collecting agency. */
export type ConsentId = Branded<'ConsentId'>;
/** 128 random bits as 32 lower-case hex digits; names one event in outbox, Kafka and log leaf alike. */
export type EventId = Branded<'EventId'>;
/** RFC 7638 JWK thumbprint with SHA-256, base64url, 43 characters. */
export type Thumbprint = Branded<'Thumbprint'>;
/** SHA-256, base64url, 43 characters. */
export type Sha256 = Branded<'Sha256'>;
/** Subject pseudonym: `p<key version>.<HMAC-SHA-256 in base64url>` (design: Subjects). */
export type Pseudonym = Branded<'Pseudonym'>;

/** K municipality, T employment authority, H county, L Kela, M Migri, D DVV, V reception centre, E centre or KEHA, O provider, R representative, A supervising authority. */
export const partyKinds = ['K', 'T', 'H', 'L', 'M', 'D', 'V', 'E', 'O', 'R', 'A'] as const;
export type PartyKind = (typeof partyKinds)[number];

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const agencyIdPattern = /^[KTHLMDVEORA]-[0-9A-Z]{1,16}$/;
const DIGEST = /^[A-Za-z0-9_-]{43}$/;
const PSEUDONYM = /^p[1-9][0-9]{0,3}\.[A-Za-z0-9_-]{43}$/;
const EVENT_ID = /^[0-9a-f]{32}$/;

const text = (value: unknown, pattern: RegExp): value is string => typeof value === 'string' && pattern.test(value);

export const isAgencyId = (value: unknown): value is AgencyId => text(value, agencyIdPattern);
export const isMessageId = (value: unknown): value is MessageId => text(value, UUID);
export const isExchangeId = (value: unknown): value is ExchangeId => text(value, UUID);
export const isConsentId = (value: unknown): value is ConsentId => text(value, UUID);
export const isEventId = (value: unknown): value is EventId => text(value, EVENT_ID);
export const isThumbprint = (value: unknown): value is Thumbprint => text(value, DIGEST);
export const isSha256 = (value: unknown): value is Sha256 => text(value, DIGEST);
export const isPseudonym = (value: unknown): value is Pseudonym => text(value, PSEUDONYM);

export const partyKindOf = (agency: AgencyId): PartyKind => agency.charAt(0) as PartyKind;

export const newMessageId = (): MessageId => randomUUID() as string as MessageId;
export const newExchangeId = (): ExchangeId => randomUUID() as string as ExchangeId;
export const newConsentId = (): ConsentId => randomUUID() as string as ConsentId;
export const newEventId = (): EventId => randomUUID().replaceAll('-', '') as EventId;

/** Parse or throw: for configuration, fixtures and values that were validated before. */
export function agencyId(value: string): AgencyId {
  if (!isAgencyId(value)) throw new TypeError(`not an agency id: ${value}`);
  return value;
}
