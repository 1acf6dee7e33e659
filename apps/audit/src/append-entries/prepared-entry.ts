import type { ReleaseFact, Topic } from '#contracts';
import {
  type Basis,
  type Chain,
  type ClearRecord,
  type EntryEvidence,
  type LogBody,
  type OpenEntry,
  type SealedEntry,
  canonicalBody,
  encodeClearEntry,
  inChainOrder,
  opaqueEntry,
  sealEntries,
} from '#envelope';
import { type AgencyId, AppError, type EventId, type Pseudonym, type Sha256 } from '#kernel';
import { countsForConsent, keptEvidence } from '../domain/entry-types.js';
import type { EntryKek } from '../infra/entry-kek.js';

/** What an opaque entry has beside its leaf, and the key that wrapped its secret. */
export type SealedPart = Omit<SealedEntry, 'evidence'> & {
  readonly evidence?: Buffer | undefined;
  readonly kek: string;
};

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
  readonly exchangeId?: string | undefined;
  readonly exchangeNumber?: number | undefined;
  readonly messageId?: string | undefined;
  readonly manifestHash?: Sha256 | undefined;
  readonly sender?: AgencyId | undefined;
  readonly recipient?: AgencyId | undefined;
  readonly actor?: AgencyId | undefined;
  /** Case worker's pseudonym at the actor's agency. */
  readonly worker?: string | undefined;
  readonly subjects?: readonly Pseudonym[] | undefined;
  readonly categories?: readonly number[] | undefined;
  /** Provisions on which the parties process or by which secrecy is lifted, and `consent` where a consent lifts it. */
  readonly basis?: readonly string[] | undefined;
  readonly purpose?: string | undefined;
  readonly code?: string | undefined;
  /** Without a version it can be found, and says nothing about whether the consent holds. */
  readonly consent?: { readonly id: string; readonly version?: number } | undefined;
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

/** An entry that is to be sealed. */
export interface EntryDraft {
  readonly body: LogBody;
  readonly request?: { readonly jti: string; readonly hash: Sha256 };
  /** Agencies that may find it, beside those that its body names. */
  readonly told?: readonly AgencyId[];
  readonly topic?: Topic;
  /** Signed statements, by kind. */
  readonly tokens?: EntryEvidence;
}

export type OpaqueEntry = PreparedEntry & {
  readonly sealed: SealedPart;
  /** Its canonical body. */
  readonly text: string;
};

export const openingOf = ({ text, sealed }: OpaqueEntry): LeafOpening => ({
  body: text,
  commitmentKey: sealed.commitmentKey,
});

/** One, here and now; many are sealed by the `EntrySealer`. */
export function prepareOpaque(body: LogBody, kek: EntryKek, draft: Omit<EntryDraft, 'body'> = {}): OpaqueEntry {
  const drafts = [{ ...draft, body }];
  const entries = openEntries(drafts);
  return sealedAs(drafts, entries, sealHere(entries, kek))[0]!;
}

export interface EntryToSeal extends Omit<OpenEntry, 'canonical'> {
  /** Its canonical body. */
  readonly text: string;
  readonly parties: readonly AgencyId[];
  readonly inChains: readonly Chain[];
}

export const openEntries = (drafts: readonly EntryDraft[]): EntryToSeal[] =>
  drafts.map(({ body, told, tokens }) => {
    const parties = partiesOf(body, told);
    const text = canonicalBody(body);
    const inChains = inChainOrder(body.subjects ? [...parties, ...body.subjects] : parties);
    return {
      text,
      chains: inChains.length,
      evidence: tokens && keptEvidence(body.type, tokens),
      parties,
      inChains,
    };
  });

/** A list of a few is searched sooner than a set of them is made. */
function partiesOf({ sender, recipient, actor }: LogBody, told: readonly AgencyId[] = []): AgencyId[] {
  const parties: AgencyId[] = [];
  const add = (agency: AgencyId | undefined): void => {
    if (agency !== undefined && !parties.includes(agency)) parties.push(agency);
  };
  add(sender);
  add(recipient);
  add(actor?.agency);
  told.forEach(add);
  return parties;
}

/** In this thread. */
export function sealHere(entries: readonly EntryToSeal[], { present, id: kek }: EntryKek): SealedPart[] {
  const open = entries.map(({ text, chains, evidence }) => ({
    canonical: Buffer.from(text, 'utf8'),
    chains,
    evidence,
  }));
  return sealEntries(open, present).map((entry) => ({ ...entry, kek }));
}

export const sealedAs = (
  drafts: readonly EntryDraft[],
  entries: readonly EntryToSeal[],
  sealed: readonly SealedPart[],
): OpaqueEntry[] =>
  drafts.map(({ body, request, topic }, at) => {
    const { parties, inChains, text } = entries[at]!;
    return {
      eventId: body.eventId,
      sealed: sealed[at]!,
      chains: inChains,
      index: indexOf(body, parties, request),
      ...(topic && { topic }),
      text,
    };
  });

const indexOf = (body: LogBody, parties: readonly AgencyId[], request: IndexColumns['request']): IndexColumns => ({
  type: body.type,
  at: body.at,
  exchangeId: body.exchangeId,
  exchangeNumber: body.seq,
  messageId: body.messageId,
  manifestHash: body.manifestHash,
  sender: body.sender,
  recipient: body.recipient,
  actor: body.actor?.agency,
  worker: body.actor?.worker,
  subjects: body.subjects,
  categories: body.categories,
  basis: body.basis && basisWords(body.basis),
  purpose: body.purpose,
  code: body.code,
  consent: body.consent && consentColumns(body, body.consent),
  request,
  parties,
});

/** Errors: UNAVAILABLE: the key that wrapped its secret is gone since. */
export function underPresentKek(entry: PreparedEntry, kek: EntryKek): PreparedEntry {
  const { sealed } = entry;
  if (!sealed || sealed.kek === kek.id) return entry;
  const wrapped = kek.rewrap(sealed.wrappedSecret, sealed.kek);
  if (!wrapped.ok) throw new AppError('UNAVAILABLE', 'the entry was prepared under a key that is gone');
  const { commitmentKey, commitment, salts, body, evidence } = sealed;
  return {
    ...entry,
    sealed: { commitmentKey, commitment, salts, body, evidence, kek: kek.id, wrappedSecret: wrapped.value },
  };
}

const consentColumns = (
  { type, assertedBy }: LogBody,
  { id, version }: NonNullable<LogBody['consent']>,
): NonNullable<IndexColumns['consent']> => (countsForConsent(type, assertedBy) ? { id, version } : { id });

/** What a search by basis finds: each provision, and `consent`, once. */
function basisWords(basis: readonly Basis[]): string[] {
  const words: string[] = [];
  for (const { processing, secrecyLift } of basis) {
    const lift = 'statute' in secrecyLift ? secrecyLift.statute.id : 'consent';
    for (const word of [processing.sender, processing.recipient, lift]) if (!words.includes(word)) words.push(word);
  }
  return words;
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
