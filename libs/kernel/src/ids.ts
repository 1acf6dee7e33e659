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
/** A UUID as 32 lower-case hex digits; names one event in outbox, Kafka and log leaf alike. */
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

/**
 * UUIDv7 (RFC 9562, section 5.7) of the ten seconds in which it is made, with 74 random bits: names made about the same time
 * stand together in every index, wherever rows come in by the thousand. Not of the millisecond (section 6.1 lets us): the names
 * of events stand in leaves that anyone reads, and witnesses' cosignatures tell the time no closer.
 */
function newUuid(): string {
  return timeNow().hyphened + randomUUID().slice(15);
}

/** The digits up to the version's, with hyphens and without. */
let time = { tenSeconds: -1, hyphened: '', plain: '' };

function timeNow(): typeof time {
  const tenSeconds = Math.floor(Date.now() / 10_000);
  if (tenSeconds === time.tenSeconds) return time;
  const digits = (tenSeconds * 10_000).toString(16).padStart(12, '0');
  time = { tenSeconds, hyphened: `${digits.slice(0, 8)}-${digits.slice(8)}-7`, plain: `${digits}7` };
  return time;
}

export const newMessageId = (): MessageId => newUuid() as MessageId;
export const newExchangeId = (): ExchangeId => newUuid() as ExchangeId;
export const newConsentId = (): ConsentId => newUuid() as ConsentId;
export function newEventId(): EventId {
  const random = randomUUID();
  return (timeNow().plain + random.slice(15, 18) + random.slice(19, 23) + random.slice(24)) as EventId;
}

/** Parse or throw: for configuration, fixtures and values that were validated before. */
export function agencyId(value: string): AgencyId {
  if (!isAgencyId(value)) throw new TypeError(`not an agency id: ${value}`);
  return value;
}
