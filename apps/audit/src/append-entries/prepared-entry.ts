import type { ReleaseFact, Topic } from '#contracts';
import {
  type Basis,
  type Chain,
  type ClearRecord,
  type EntryEvidence,
  type LogBody,
  commitmentKeyOf,
  encodeClearEntry,
  inChainOrder,
  newEntrySecret,
  opaqueEntry,
  sealEntry,
  sealEvidence,
} from '#envelope';
import { type AgencyId, AppError, type EventId, type Pseudonym, type Sha256, canonicalJson } from '#kernel';
import { countsForConsent, keptEvidence } from '../domain/entry-types.js';
import type { EntryKek } from '../infra/entry-kek.js';

/** What an opaque entry has beside its leaf. */
export interface SealedPart {
  /** Of the body, for the leaf. */
  readonly commitment: Buffer;
  /** Of its places, in the order of its chains. */
  readonly salts: readonly Buffer[];
  readonly body: Buffer;
  readonly kek: string;
  readonly wrappedSecret: Buffer;
  /** The statements that the body names by hash, where they are kept. */
  readonly evidence?: Buffer;
}

/** Opening of an opaque leaf, for those who get a receipt. Never stored in clear. */
export interface LeafOpening {
  /** Canonical JSON. */
  readonly body: string;
  readonly commitmentKey: Buffer;
}

/** Columns of the index table: what is searched, and what later decisions look up. */
export interface IndexColumns {
  readonly type: string;
  readonly at: string;
  readonly exchangeId?: string;
  readonly exchangeNumber?: number;
  readonly messageId?: string;
  readonly manifestHash?: Sha256;
  readonly sender?: AgencyId;
  readonly recipient?: AgencyId;
  readonly actor?: AgencyId;
  /** Case worker's pseudonym at the actor's agency. */
  readonly worker?: string;
  readonly subjects?: readonly Pseudonym[];
  readonly categories?: readonly number[];
  /** Provisions on which the parties process or by which secrecy is lifted, and `consent` where a consent lifts it. */
  readonly basis?: readonly string[];
  readonly purpose?: string;
  readonly code?: string;
  /** Without a version it can be found, and says nothing about whether the consent holds. */
  readonly consent?: { readonly id: string; readonly version?: number };
  readonly request?: { readonly jti: string; readonly hash: Sha256 };
  /** Agencies that may find the entry as one of theirs. */
  readonly parties: readonly AgencyId[];
}

/** An entry with everything that can be computed before its place in the log is known, off the commit path. */
export interface PreparedEntry {
  readonly eventId: EventId;
  /** What the tree hashes, where it is in clear. */
  readonly clear?: Buffer;
  readonly sealed?: SealedPart;
  /** In which it gets the next number: its parties' and its subjects'. None where it is in clear, for all to count. */
  readonly chains: readonly Chain[];
  readonly index: IndexColumns;
  /** By which the record came; audit's own entries have none. */
  readonly topic?: Topic;
  /** The Logged event carries a receipt, with this sealed opening where the receiver has a key to seal it to. */
  readonly receipt?: { readonly opening: string };
  /** Published beside the Logged event. */
  readonly releaseFact?: Omit<ReleaseFact, 'leafIndex'>;
}

export function prepareOpaque(
  body: LogBody,
  kek: EntryKek,
  extra: {
    readonly request?: { readonly jti: string; readonly hash: Sha256 };
    readonly told?: readonly AgencyId[];
    readonly topic?: Topic;
    /** Signed statements, by kind. */
    readonly tokens?: EntryEvidence;
  } = {},
): PreparedEntry & { readonly opening: LeafOpening } {
  const secret = newEntrySecret();
  const parties = [body.sender, body.recipient, body.actor?.agency, ...(extra.told ?? [])].filter(
    (agency, at, all) => agency !== undefined && all.indexOf(agency) === at,
  ) as AgencyId[];
  const chains = inChainOrder([...parties, ...(body.subjects ?? [])]);
  const kept = keptEvidence(body.type, extra.tokens ?? {});
  return {
    eventId: body.eventId,
    sealed: {
      ...sealEntry(body, secret, chains.length),
      kek: kek.id,
      wrappedSecret: kek.wrap(secret),
      ...(Object.keys(kept).length > 0 && { evidence: sealEvidence(kept, secret) }),
    },
    chains,
    index: {
      type: body.type,
      at: body.at,
      ...(body.exchangeId && { exchangeId: body.exchangeId }),
      ...(body.seq && { exchangeNumber: body.seq }),
      ...(body.messageId && { messageId: body.messageId }),
      ...(body.manifestHash && { manifestHash: body.manifestHash }),
      ...(body.sender && { sender: body.sender }),
      ...(body.recipient && { recipient: body.recipient }),
      ...(body.actor && { actor: body.actor.agency }),
      ...(body.actor?.worker !== undefined && { worker: body.actor.worker }),
      ...(body.subjects && { subjects: body.subjects }),
      ...(body.categories && { categories: body.categories }),
      ...(body.basis && { basis: basisWords(body.basis) }),
      ...(body.purpose && { purpose: body.purpose }),
      ...(body.code && { code: body.code }),
      ...(body.consent && { consent: consentColumns(body, body.consent) }),
      ...(extra.request && { request: extra.request }),
      parties,
    },
    ...(extra.topic && { topic: extra.topic }),
    // Most entries are never opened again by this process.
    get opening(): LeafOpening {
      return { body: canonicalJson(body), commitmentKey: commitmentKeyOf(secret) };
    },
  };
}

/** Errors: UNAVAILABLE: the key that wrapped its secret is gone since. */
export function underPresentKek(entry: PreparedEntry, kek: EntryKek): PreparedEntry {
  const { sealed } = entry;
  if (!sealed || sealed.kek === kek.id) return entry;
  const wrapped = kek.rewrap(sealed.wrappedSecret, sealed.kek);
  if (!wrapped.ok) throw new AppError('UNAVAILABLE', 'the entry was prepared under a key that is gone');
  return { ...entry, sealed: { ...sealed, kek: kek.id, wrappedSecret: wrapped.value } };
}

const consentColumns = (
  { type, assertedBy }: LogBody,
  { id, version }: NonNullable<LogBody['consent']>,
): NonNullable<IndexColumns['consent']> => (countsForConsent(type, assertedBy) ? { id, version } : { id });

/** What a search by basis finds: each provision, and `consent`, once. */
function basisWords(basis: readonly Basis[]): string[] {
  const words = basis.flatMap(({ processing, secrecyLift }) => [
    processing.sender,
    processing.recipient,
    'statute' in secrecyLift ? secrecyLift.statute.id : 'consent',
  ]);
  return [...new Set(words)];
}

export function prepareClear(
  eventId: EventId,
  record: ClearRecord,
  index: Pick<IndexColumns, 'type' | 'at' | 'parties'>,
): PreparedEntry {
  return { eventId, clear: encodeClearEntry(eventId, record), chains: [], index };
}

/** What the tree hashes. Throws where the entry has neither a record in clear nor a place. */
export function entryOf({ eventId, clear, sealed }: PreparedEntry, places: Buffer | undefined): Buffer {
  if (clear) return clear;
  if (!sealed || !places) throw new TypeError('an opaque entry without its places');
  return opaqueEntry(eventId, sealed.commitment, places);
}
