import { leafHash } from '#merkle';
import { type Chain, type Place, type PlaceOpening, firstLink, linkAfter, placeOf } from './entry-places.js';
import { decodeEntry } from './log-entry.js';
import { entryOfBody } from './open-entry.js';

/** An entry of an answer: opened, or only as the tree hashes it where nothing but its place matters. */
export interface AnsweredEntry {
  readonly leafIndex: number;
  /** Its place in the chain that was asked for (`parsePlaceOpening`). */
  readonly place: PlaceOpening;
  readonly content: { readonly body: string; readonly commitmentKey: Buffer } | { readonly entry: Buffer };
}

/** An entry whose body is gone, by its number in the chain. */
export interface ErasedNumber {
  readonly number: number;
  readonly leafIndex: number;
}

/** An answer that claims to leave nothing out, in any order, with the entries that bound it. */
export interface AnswerToVerify {
  readonly chain: Chain;
  readonly entries: readonly AnsweredEntry[];
  readonly erased: readonly ErasedNumber[];
  /** What was logged from this instant on; without it, from the chain's first entry on. */
  readonly from?: string;
  /** Up to this instant, which is not included. */
  readonly until: string;
  /** Whether this leaf stands at this index under the signed checkpoint in hand. */
  readonly isIncluded: (leafIndex: number, leafHash: Buffer) => boolean;
  /** Whether a tombstone of the log covers this index. */
  readonly isTombstoned: (leafIndex: number) => boolean;
  /** Leaves that the asker knows by other ways to be in this chain, such as those of its receipts. */
  readonly known?: Iterable<number>;
}

/** What is wrong with an answer, by the number or the leaf that it is about. */
export interface CompletenessFault {
  readonly kind:
    | 'entry-missing'
    | 'number-twice'
    | 'not-of-this-chain'
    | 'not-the-entry'
    | 'not-in-the-log'
    | 'chain-broken'
    | 'time-goes-back'
    | 'erased-without-tombstone'
    | 'body-withheld'
    | 'start-open'
    | 'end-open'
    | 'known-missing';
  readonly number?: number;
  readonly leafIndex?: number;
}

export interface Completeness {
  /** Nothing was left out: no fault, and nothing that the proof does not reach. */
  readonly complete: boolean;
  readonly faults: readonly CompletenessFault[];
  /** Entries of the chain logged in the period, opened. */
  readonly entries: number;
  /** Numbers whose bodies were erased, each with a tombstone at the leaf that its neighbours name. */
  readonly erased: readonly number[];
  /** Numbers that would have to be erased ones, of which nothing says so but the answer. */
  readonly unproved: readonly number[];
}

interface Live {
  readonly number: number;
  readonly leafIndex: number;
  readonly place: Place;
  readonly opened: boolean;
}

type Numbered = Live | (ErasedNumber & { readonly place?: undefined });

/**
 * Whether an answer holds every entry of one chain that was logged in a period (decision 0025): numbers without gaps, each
 * entry in the signed tree, bound by the chain's first entry or one before the period and by one after it. What is erased
 * must lie under a tombstone at the leaf that the entries around it name. Pure; believes nothing that the tree does not hold.
 */
export function verifyComplete(answer: AnswerToVerify): Completeness {
  const walk = new CompletenessWalk(answer);
  const numbered = [...answer.erased, ...answer.entries].sort((one, other) => numberOf(one) - numberOf(other));
  for (const one of numbered) walk.take(one);
  return walk.end();
}

const numberOf = (one: AnsweredEntry | ErasedNumber): number => ('place' in one ? one.place.number : one.number);

/**
 * The same for an answer of any length, one number after the other: what was taken is not kept. Each names the one before it, and
 * its link the leaves of all before it.
 */
export class CompletenessWalk {
  private readonly faults: CompletenessFault[] = [];
  private readonly erased: number[] = [];
  private readonly unproved: number[] = [];
  private readonly known: Set<number>;
  private entries = 0;
  private first: Numbered | undefined;
  private before: Numbered | undefined;
  private firstLive: Live | undefined;
  private lastLive: Live | undefined;
  /** Link that the next number must have, as far as it is known. */
  private link: Buffer | undefined;
  /** Erased ones of which no entry has yet said that they are what the answer says. */
  private waiting: number[] = [];

  constructor(private readonly question: Omit<AnswerToVerify, 'entries' | 'erased'>) {
    this.known = new Set(question.known);
  }

  /** In the order of their numbers; what is not what it says is told and left out. */
  take(given: AnsweredEntry | ErasedNumber): void {
    const one = 'place' in given ? this.proved(given) : given;
    if (one === undefined) return;
    const { number, leafIndex } = one;
    if (this.before?.number === number) return this.fault('number-twice', number, leafIndex);
    if (this.before && this.before.number > number) return this.fault('chain-broken', number, leafIndex);
    if (this.first === undefined) {
      this.first = one;
      if (number === 1) this.link = firstLink;
    }
    const expected = this.before === undefined ? number : this.before.number + 1;
    const gap = Array.from({ length: number - expected }, (_, at) => expected + at);
    if (isLive(one)) this.takeLive(one, gap);
    else this.takeErased(one, gap);
    this.before = one;
    this.known.delete(leafIndex);
  }

  end(): Completeness {
    const { faults, erased, entries } = this;
    this.checkBounds();
    this.checkKnown();
    const unproved = this.unproved.concat(this.waiting).sort((a, b) => a - b);
    return { complete: faults.length === 0 && unproved.length === 0, faults, entries, erased, unproved };
  }

  private fault(kind: CompletenessFault['kind'], number: number | undefined, leafIndex?: number): void {
    this.faults.push({ kind, ...(number !== undefined && { number }), ...(leafIndex !== undefined && { leafIndex }) });
  }

  /** An entry of this chain that is in the log as it says. */
  private proved(entry: AnsweredEntry): Live | undefined {
    const { chain, isIncluded } = this.question;
    const { leafIndex } = entry;
    const { place, placesHash } = placeOf(entry.place);
    const { number } = place;
    if (place.chain !== chain) {
      this.fault('not-of-this-chain', undefined, leafIndex);
      return undefined;
    }
    const leaf = leafOf(entry, placesHash);
    if (leaf === undefined) this.fault('not-the-entry', number, leafIndex);
    else if (!isIncluded(leafIndex, leafHash(leaf))) this.fault('not-in-the-log', number, leafIndex);
    else return { number, leafIndex, place, opened: 'body' in entry.content };
    return undefined;
  }

  private takeLive(one: Live, gap: readonly number[]): void {
    const { number, leafIndex, place, opened } = one;
    const { isTombstoned } = this.question;
    if (gap.length > 0) this.link = undefined;
    if (gap.length > 0 && place.previous !== undefined && isTombstoned(place.previous)) {
      this.erased.push(number - 1);
      for (const waiting of this.waiting) this.unproved.push(waiting);
      for (const missing of gap.slice(0, -1)) this.unproved.push(missing);
    } else for (const missing of gap) this.fault('entry-missing', missing);
    const linked = this.link === undefined || this.link.equals(place.link);
    const follows = gap.length > 0 || this.before === undefined || this.before.leafIndex === place.previous;
    const isFirst = number === 1 && place.previous === undefined && place.link.equals(firstLink);
    if (!linked || !follows || (number === 1) !== isFirst || leafIndex <= (place.previous ?? -1))
      this.fault('chain-broken', number, leafIndex);
    else if (gap.length === 0 && this.waiting.length > 0) {
      // A link that was known before them vouches for all; else the entry names only the last of them.
      const vouchedFor = this.link === undefined ? this.waiting.slice(-1) : this.waiting;
      // One by one: an argument each would not do for very many.
      for (const erased of vouchedFor) this.erased.push(erased);
      for (const erased of this.waiting.slice(0, this.waiting.length - vouchedFor.length)) this.unproved.push(erased);
    }
    if (this.lastLive && timeOf(place.loggedAt) < timeOf(this.lastLive.place.loggedAt))
      this.fault('time-goes-back', number, leafIndex);
    this.link = linkAfter(place.link, leafIndex);
    this.waiting = [];
    this.firstLive ??= one;
    this.lastLive = one;
    if (!this.isInPeriod(place.loggedAt)) return;
    if (opened) this.entries += 1;
    else this.fault('body-withheld', number, leafIndex);
  }

  private takeErased({ number, leafIndex }: ErasedNumber, gap: readonly number[]): void {
    if (gap.length > 0) this.link = undefined;
    for (const missing of gap) this.fault('entry-missing', missing);
    if (!this.question.isTombstoned(leafIndex)) this.fault('erased-without-tombstone', number, leafIndex);
    this.waiting.push(number);
    this.link &&= linkAfter(this.link, leafIndex);
  }

  private isInPeriod(loggedAt: string): boolean {
    const { from, until } = this.question;
    return (from === undefined || timeOf(loggedAt) >= timeOf(from)) && timeOf(loggedAt) < timeOf(until);
  }

  private checkBounds(): void {
    const { from, until } = this.question;
    const [first, last] = [this.firstLive, this.lastLive];
    const startsBefore = first !== undefined && from !== undefined && timeOf(first.place.loggedAt) < timeOf(from);
    if (this.first?.number !== 1 && !startsBefore) this.fault('start-open', first?.number);
    if (last === undefined || timeOf(last.place.loggedAt) < timeOf(until)) this.fault('end-open', last?.number);
  }

  /** Those between the first and the last that are shown. */
  private checkKnown(): void {
    const begin = this.first?.number === 1 ? 0 : (this.first?.leafIndex ?? Infinity);
    const end = this.before?.leafIndex ?? -1;
    for (const leafIndex of this.known)
      if (leafIndex >= begin && leafIndex <= end) this.fault('known-missing', undefined, leafIndex);
  }
}

const isLive = (one: Numbered): one is Live => one.place !== undefined;
const timeOf = (instant: string): number => Date.parse(instant);

/** The leaf's bytes; undefined where the content and the places do not belong to each other. */
function leafOf({ content }: AnsweredEntry, placesHash: Buffer): Buffer | undefined {
  if ('entry' in content) {
    const decoded = decodeEntry(content.entry);
    const fits = decoded.ok && decoded.value.kind === 'opaque' && decoded.value.places?.equals(placesHash);
    return fits ? content.entry : undefined;
  }
  const logged = entryOfBody(content.body, content.commitmentKey, placesHash);
  return logged.ok ? logged.value.entry : undefined;
}
