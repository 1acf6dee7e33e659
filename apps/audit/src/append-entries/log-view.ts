import type { ConsentWord } from '../domain/consent-words.js';
import { type ConsentType, type ReleaseType, consentTypes, endTypes, releaseTypes } from '../domain/entry-types.js';
import type { RequestWord } from '../domain/release-rules.js';
import type { AgencyId, ConsentId, EventId, Sha256 } from '#kernel';
import type { PreparedEntry } from './prepared-entry.js';

/** What a proposal needs to know from the log to decide. */
export interface Wanted {
  readonly eventIds: readonly EventId[];
  readonly manifestHashes?: readonly Sha256[];
  readonly consentIds?: readonly ConsentId[];
  readonly requestJtis?: readonly string[];
}

/** One row of the index, as far as decisions look at it. */
export interface IndexWord {
  readonly leafIndex: number;
  readonly type: string;
  /** Seconds since the epoch. */
  readonly at: number;
  readonly manifestHash: string | null;
  readonly recipient: string | null;
  readonly actor: string | null;
  readonly code: string | null;
  readonly consentId: string | null;
  readonly consentVersion: number | null;
  readonly requestJti: string | null;
  readonly requestHash: string | null;
}

export interface MessageWords {
  /** Seconds since the epoch; undefined where nothing says that the message was accepted. */
  readonly acceptedAt: number | undefined;
  readonly released: boolean;
  readonly ended: string | undefined;
  /** Who was given the key. */
  readonly recipient: string | undefined;
  /** Leaf of the mismatch that the recipient reported. */
  readonly mismatch: number | undefined;
}

const isOneOf = <T extends string>(values: readonly T[], value: string): value is T =>
  (values as readonly string[]).includes(value);

/** Words by what decisions ask for, in the order of their leaves. */
class Words {
  readonly leaves = new Map<string, number>();
  readonly byMessage = new Map<string, IndexWord[]>();
  readonly byConsent = new Map<string, IndexWord[]>();
  readonly byJti = new Map<string, IndexWord[]>();

  learn(word: IndexWord): void {
    push(this.byMessage, word.manifestHash, word);
    push(this.byConsent, word.consentId, word);
    push(this.byJti, word.requestJti, word);
  }
}

/**
 * The log as it stands just before the next entry: what is committed, what is on its way to a commit, and what stands before
 * it in the same batch. What was on its way may be committed by now, and is then met twice.
 */
export class LogView {
  private readonly stored = new Words();
  /** Of this batch: what the next one, decided before the commit, must know beside what is stored. */
  readonly added = new Words();

  /** @param ahead of the batch that is on its way */
  constructor(
    private count: number,
    known: ReadonlyMap<string, number>,
    words: readonly IndexWord[],
    private readonly ahead = new Words(),
  ) {
    for (const [eventId, leaf] of known) this.stored.leaves.set(eventId, leaf);
    const seen = new Set<number>();
    for (const word of words) {
      if (seen.has(word.leafIndex)) continue;
      seen.add(word.leafIndex);
      this.stored.learn(word);
    }
  }

  get size(): number {
    return this.count;
  }

  leafOf(eventId: EventId): number | undefined {
    return this.stored.leaves.get(eventId) ?? this.ahead.leaves.get(eventId) ?? this.added.leaves.get(eventId);
  }

  message(manifestHash: Sha256): MessageWords {
    const words = this.words('byMessage', manifestHash);
    const released = words.filter(({ type }) => type === 'message-released' || type === 'message-re-released');
    return {
      acceptedAt: words.find(({ type }) => type === 'message-accepted')?.at,
      released: released.length > 0,
      ended: words.find(({ type }) => isOneOf(endTypes, type))?.type,
      recipient: released[0]?.recipient ?? undefined,
      mismatch: words.find(({ type }) => type === 'message-mismatch')?.leafIndex,
    };
  }

  consentWords(id: ConsentId): ConsentWord[] {
    return this.words('byConsent', id).flatMap(({ leafIndex, type, consentVersion }) =>
      consentVersion === null || !isOneOf<ConsentType>(consentTypes, type)
        ? []
        : [{ leafIndex, type, version: consentVersion }],
    );
  }

  requestWords(agency: AgencyId, jti: string): RequestWord[] {
    return this.words('byJti', jti).flatMap(({ leafIndex, type, actor, code, requestHash }) =>
      actor !== agency || requestHash === null || !isOneOf<ReleaseType>(releaseTypes, type)
        ? []
        : [{ leafIndex, type, requestHash: requestHash as Sha256, code: code ?? '' }],
    );
  }

  /** The entry gets the next place. */
  add({ eventId, index }: PreparedEntry): number {
    const leafIndex = this.count;
    this.count += 1;
    this.added.leaves.set(eventId, leafIndex);
    this.added.learn({
      leafIndex,
      type: index.type,
      at: Date.parse(index.at) / 1000,
      manifestHash: index.manifestHash ?? null,
      recipient: index.recipient ?? null,
      actor: index.actor ?? null,
      code: index.code ?? null,
      consentId: index.consent?.id ?? null,
      consentVersion: index.consent?.version ?? null,
      requestJti: index.request?.jti ?? null,
      requestHash: index.request?.hash ?? null,
    });
    return leafIndex;
  }

  private words(kind: 'byMessage' | 'byConsent' | 'byJti', key: string): IndexWord[] {
    const stored = this.stored[kind].get(key) ?? [];
    const ahead = this.ahead[kind].get(key) ?? [];
    const unmet = ahead.filter(({ leafIndex }) => !stored.some((word) => word.leafIndex === leafIndex));
    return [...stored, ...unmet, ...(this.added[kind].get(key) ?? [])];
  }
}

function push(map: Map<string, IndexWord[]>, key: string | null, word: IndexWord): void {
  if (key === null) return;
  const list = map.get(key);
  if (list) list.push(word);
  else map.set(key, [word]);
}
