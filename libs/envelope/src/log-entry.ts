import {
  type AgencyId,
  AppError,
  type ConsentId,
  type ErrorCode,
  type EventId,
  type ExchangeId,
  type MessageId,
  type Pseudonym,
  type Result,
  type Sha256,
  err,
  isEventId,
  ok,
} from '#kernel';
import { type Basis, basisItem } from './basis.js';
import { canonicalBytes, readCanonicalJson } from './canonical.js';
import {
  agency,
  categories,
  code,
  consentId,
  errorCode,
  eventId as eventIdField,
  exchangeId,
  hash,
  instant,
  messageId,
  subjects,
  version,
  worker,
} from './fields.js';
import { type Tombstone, tombstone } from './tombstone.js';
import { evidenceKeyOf, keyBytes } from './entry-keys.js';
import { openBytes, sealBytes } from './sealed-bytes.js';
import { HmacKey } from './hmac.js';
import { type Check, closed, either, integer, isRecord, list, oneOf, optional, parseAs, text, that } from './shape.js';

/** What an entry of the log says. Sealed outside the tree; the leaf commits to it. No content, no identity codes. */
export interface LogBody {
  v: 1;
  eventId: EventId;
  /** Such as `message-accepted`. */
  type: string;
  at: string;
  exchangeId?: ExchangeId;
  /** Number within the exchange, so that verifiers see gaps. */
  seq?: number;
  messageId?: MessageId;
  manifestHash?: Sha256;
  sender?: AgencyId;
  recipient?: AgencyId;
  actor?: { agency: AgencyId; worker?: string };
  subjects?: Pseudonym[];
  categories?: number[];
  basis?: Basis[];
  purpose?: string;
  code?: ErrorCode;
  /** Version 0: only proposed. */
  consent?: { id: ConsentId; version: number };
  /** Hashes of the signed evidence, by its kind. */
  evidence?: Record<string, Sha256>;
  /** Of an entry about a look into the log itself. */
  search?: LogSearch;
  /** Of an alert that the log and a producer's records differ. */
  differences?: LogDifference[];
  /** `hub`: no agency signed it. */
  assertedBy: 'agency' | 'hub';
}

/** What somebody looked for in the log, and what was found. Subjects that were looked for are the entry's `subjects`. */
export interface LogSearch {
  /** Its own entries, or as a supervising authority everybody's. */
  scope: 'own' | 'all';
  /** Those of the filters that were given; every one is a code, an identifier or a time. */
  query: Record<string, string>;
  /** Entries in the answer. */
  found: number;
  /** Their first and last index. */
  first?: number;
  last?: number;
}

export const differenceKinds = [
  'event-without-leaf',
  'event-refused',
  'leaf-without-event',
  'other-content',
  'leaf-gone',
  'transfer-without-leaf',
  'leaf-without-transfer',
  'row-without-event',
  'event-without-row',
] as const;

/**
 * What a producer has and the log has not, or the reverse (decision 0037). `event-refused`: audit can make no entry of the
 * event; `other-content`: both have it and say different things; `leaf-gone`: a leaf that was there is no more. A transfer is a message in exchange's own table;
 * a row is what another producer keeps of an event, as it is now.
 */
export interface LogDifference {
  kind: (typeof differenceKinds)[number];
  /** Name of the producer's topic. */
  producer: string;
  /** Of the message's acceptance where a transfer's own event is not known. */
  eventId?: EventId;
  leafIndex?: number;
  /** Type of the entry that is there, or should be. */
  type?: string;
  manifestHash?: Sha256;
}

/**
 * Entries that stand in the leaf itself: because agents must be able to find a key of theirs that they did not make, and
 * everybody what was erased.
 */
export type ClearRecord =
  | {
      type: 'agency';
      agency: AgencyId;
      kind: string;
      businessId: string;
      status: 'active' | 'suspended';
      at: string;
    }
  | { type: 'agency-key'; record: string }
  | { type: 'agency-key-revocation'; record: string }
  | { type: 'hub-key'; record: string }
  | { type: 'catalogue'; version: number; hash: Sha256; at: string }
  /** Which entries below `size` stand in clear: the digest of the list of them (decision 0042). */
  | { type: 'clear-list'; size: number; digest: Sha256; at: string }
  | Tombstone;

export type DecodedEntry =
  | {
      readonly kind: 'opaque';
      readonly eventId: EventId;
      readonly commitment: Buffer;
      /** `placesHash` of its places in the chains of its parties and subjects; entries older than these have none. */
      readonly places?: Buffer;
    }
  | { readonly kind: 'clear'; readonly eventId: EventId; readonly record: ClearRecord };

const evidence: Check<Record<string, Sha256>> = that(
  (value): value is Record<string, Sha256> =>
    isRecord(value) &&
    Object.keys(value).length <= 16 &&
    Object.entries(value).every(
      ([name, digest]) => /^[a-z][A-Za-z0-9-]{0,31}$/.test(name) && hash(digest, '') === undefined,
    ),
);

const evidenceTokens: Check<EntryEvidence> = that(
  (value): value is EntryEvidence =>
    isRecord(value) &&
    Object.entries(value).every(
      ([name, token]) =>
        /^[a-z][A-Za-z0-9-]{0,31}$/.test(name) && typeof token === 'string' && /^[A-Za-z0-9_.-]+$/.test(token),
    ),
);

const query: Check<Record<string, string>> = that(
  (value): value is Record<string, string> =>
    isRecord(value) &&
    Object.keys(value).length <= 16 &&
    Object.entries(value).every(
      ([name, wanted]) =>
        /^[a-z][A-Za-z]{0,31}$/.test(name) &&
        typeof wanted === 'string' &&
        /^[\p{L}\p{N}][\p{L}\p{N} ,./:§_-]{0,255}$/u.test(wanted),
    ),
);

const search: Check<LogSearch> = closed<LogSearch>({
  scope: oneOf('own', 'all'),
  query,
  found: integer(0),
  first: optional(integer(0)),
  last: optional(integer(0)),
});

const difference: Check<LogDifference> = closed<LogDifference>({
  kind: oneOf(...differenceKinds),
  producer: text(/^[a-z]+(\.[a-z0-9]+)+$/),
  eventId: optional(eventIdField),
  leafIndex: optional(integer(0)),
  type: optional(code),
  manifestHash: optional(hash),
});

const bodyShape: Check<LogBody> = closed<LogBody>({
  v: oneOf(1),
  eventId: eventIdField,
  type: code,
  at: instant,
  exchangeId: optional(exchangeId),
  seq: optional(integer(0)),
  messageId: optional(messageId),
  manifestHash: optional(hash),
  sender: optional(agency),
  recipient: optional(agency),
  actor: optional(closed<NonNullable<LogBody['actor']>>({ agency, worker: optional(worker) })),
  subjects: optional(subjects),
  categories: optional(categories),
  basis: optional(list(basisItem, { max: 16 })),
  purpose: optional(code),
  code: optional(errorCode),
  consent: optional(closed<{ id: ConsentId; version: number }>({ id: consentId, version: integer(0, 1_000_000) })),
  evidence: optional(evidence),
  search: optional(search),
  differences: optional(list(difference, { max: 100 })),
  assertedBy: oneOf('agency', 'hub'),
});

type Clear<T extends ClearRecord['type']> = Extract<ClearRecord, { type: T }>;

const signedRecord = text(/^[A-Za-z0-9_.-]{1,8192}$/);
const clearShape: Check<ClearRecord> = either(
  closed<Clear<'agency'>>({
    type: oneOf('agency'),
    agency,
    kind: code,
    businessId: text(/^[0-9A-Za-z.-]{1,32}$/),
    status: oneOf('active', 'suspended'),
    at: instant,
  }),
  either(
    closed<{ type: 'agency-key' | 'agency-key-revocation' | 'hub-key'; record: string }>({
      type: oneOf('agency-key', 'agency-key-revocation', 'hub-key'),
      record: signedRecord,
    }) as Check<Clear<'agency-key'> | Clear<'agency-key-revocation'> | Clear<'hub-key'>>,
    either(
      closed<Clear<'catalogue'>>({ type: oneOf('catalogue'), version, hash, at: instant }),
      either(
        closed<Clear<'clear-list'>>({ type: oneOf('clear-list'), size: integer(0), digest: hash, at: instant }),
        tombstone,
      ),
    ),
  ),
);

/** Opaque, from before entries were numbered. */
const opaqueMark = 0x01;
const clearMark = 0x02;
/** Opaque, with its places. */
const placedMark = 0x03;
const eventIdBytes = 16;

/** HMAC-SHA-256 over the canonical body. */
export function bodyCommitment(body: LogBody, commitmentKey: Buffer): Buffer {
  if (commitmentKey.length !== keyBytes) throw new TypeError('a commitment key has 32 bytes');
  return new HmacKey(commitmentKey).digest(canonicalBytes(body));
}

/**
 * What the tree hashes for an ordinary entry: 0x03 ‖ event id ‖ commitment to the body ‖ `placesHash`; without places
 * 0x01 ‖ event id ‖ commitment. Shows nobody anything.
 */
export function opaqueEntry(eventId: EventId, commitment: Buffer, places?: Buffer): Buffer {
  if (commitment.length !== keyBytes || (places && places.length !== keyBytes))
    throw new TypeError('commitment and places hash have 32 bytes');
  const entry = Buffer.allocUnsafe(1 + eventIdBytes + keyBytes + (places ? keyBytes : 0));
  entry[0] = places ? placedMark : opaqueMark;
  writeEventId(entry, eventId);
  entry.set(commitment, 1 + eventIdBytes);
  if (places) entry.set(places, 1 + eventIdBytes + keyBytes);
  return entry;
}

/** The entry of this body. Throws TypeError when the body names another event. */
export function encodeOpaqueEntry(eventId: EventId, body: LogBody, commitmentKey: Buffer, places?: Buffer): Buffer {
  if (body.eventId !== eventId) throw new TypeError('the body names another event');
  return opaqueEntry(eventId, bodyCommitment(body, commitmentKey), places);
}

/** What the tree hashes for an entry in clear: 0x02 ‖ event id ‖ canonical JSON. Throws TypeError on another record. */
export function encodeClearEntry(eventId: EventId, record: ClearRecord): Buffer {
  if (!parseAs(clearShape, record).ok) throw new TypeError('not a clear record');
  const text = canonicalBytes(record);
  const entry = Buffer.allocUnsafe(1 + eventIdBytes + text.length);
  entry[0] = clearMark;
  writeEventId(entry, eventId);
  entry.set(text, 1 + eventIdBytes);
  return entry;
}

/** Behind the mark. */
function writeEventId(entry: Buffer, eventId: EventId): void {
  if (!isEventId(eventId)) throw new TypeError('not an event id');
  entry.write(eventId, 1, 'hex');
}

/** Errors: MALFORMED. */
export function decodeEntry(bytes: Uint8Array): Result<DecodedEntry> {
  const entry = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rest = entry.subarray(1 + eventIdBytes);
  const eventId = entry.toString('hex', 1, 1 + eventIdBytes);
  if (!isEventId(eventId)) return malformed();
  if (entry[0] === opaqueMark && rest.length === keyBytes) {
    return ok({ kind: 'opaque', eventId, commitment: Buffer.from(rest) });
  }
  if (entry[0] === placedMark && rest.length === 2 * keyBytes) {
    const [commitment, places] = [rest.subarray(0, keyBytes), rest.subarray(keyBytes)].map((part) => Buffer.from(part));
    if (commitment && places) return ok({ kind: 'opaque', eventId, commitment, places });
  }
  if (entry[0] !== clearMark) return malformed();
  const value = readCanonicalJson(rest);
  if (!value.ok) return value;
  const record = parseAs(clearShape, value.value);
  return record.ok ? ok({ kind: 'clear', eventId, record: record.value }) : record;
}

/** A log body, if it is one. Errors: MALFORMED. */
export const parseLogBody = (value: unknown): Result<LogBody> => parseAs(bodyShape, value);

/** Signed statements behind an entry, compact JWS by their kinds; sealed so that they end with the entry's secret. */
export type EntryEvidence = Readonly<Record<string, string>>;

/** Under a key of their own. */
export const sealEvidence = (tokens: EntryEvidence, secret: Buffer): Buffer =>
  sealBytes(canonicalBytes(tokens), evidenceKeyOf(secret));

/** Errors: LEAF_MISMATCH when it was not sealed under this secret or was changed; MALFORMED. */
export function openEvidence(bytes: Uint8Array, secret: Buffer): Result<EntryEvidence> {
  const plaintext = openBytes(bytes, evidenceKeyOf(secret));
  if (plaintext === undefined) return err(new AppError('LEAF_MISMATCH', 'The sealed evidence does not open.'));
  const value = readCanonicalJson(plaintext);
  return value.ok ? parseAs(evidenceTokens, value.value) : value;
}

const malformed = () => err(new AppError('MALFORMED', 'These bytes are no entry of the log.'));
