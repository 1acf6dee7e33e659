import { leafHash } from '#merkle';
import { readCanonicalJson } from './canonical.js';
import { type Chain, type Place, type PlaceOpening, firstLink, linkAfter, placeOf } from './entry-places.js';
import { type LogBody, decodeEntry, encodeOpaqueEntry, parseLogBody } from './log-entry.js';

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
  const faults: CompletenessFault[] = [];
  const numbers = inOrder(answer, faults);
  const { erased, unproved } = walk(numbers, answer, faults);
  const live = numbers.filter(isLive);
  checkBounds(live, numbers[0]?.number, answer, faults);
  const inPeriod = live.filter(({ place }) => isWithin(place.loggedAt, answer));
  for (const { number, leafIndex, opened } of inPeriod)
    if (!opened) faults.push({ kind: 'body-withheld', number, leafIndex });
  checkKnown(numbers, answer.known ?? [], faults);
  return {
    complete: faults.length === 0 && unproved.length === 0,
    faults,
    entries: inPeriod.filter(({ opened }) => opened).length,
    erased,
    unproved,
  };
}

const isLive = (one: Numbered): one is Live => one.place !== undefined;
const timeOf = (instant: string): number => Date.parse(instant);
const isWithin = (loggedAt: string, { from, until }: AnswerToVerify): boolean =>
  (from === undefined || timeOf(loggedAt) >= timeOf(from)) && timeOf(loggedAt) < timeOf(until);

/** Those that are what they say, by number, each number once. */
function inOrder(answer: AnswerToVerify, faults: CompletenessFault[]): Numbered[] {
  const all: Numbered[] = [...answer.erased];
  for (const entry of answer.entries) {
    const { leafIndex } = entry;
    const { place, placesHash } = placeOf(entry.place);
    const { number } = place;
    if (place.chain !== answer.chain) faults.push({ kind: 'not-of-this-chain', leafIndex });
    else {
      const leaf = leafOf(entry, placesHash);
      if (leaf === undefined) faults.push({ kind: 'not-the-entry', number, leafIndex });
      else if (!answer.isIncluded(leafIndex, leafHash(leaf)))
        faults.push({ kind: 'not-in-the-log', number, leafIndex });
      else all.push({ number, leafIndex, place, opened: 'body' in entry.content });
    }
  }
  all.sort((a, b) => a.number - b.number);
  return all.filter((one, at) => {
    if (all[at - 1]?.number !== one.number) return true;
    faults.push({ kind: 'number-twice', number: one.number, leafIndex: one.leafIndex });
    return false;
  });
}

/** The leaf's bytes; undefined where the content and the places do not belong to each other. */
function leafOf({ content }: AnsweredEntry, placesHash: Buffer): Buffer | undefined {
  if ('entry' in content) {
    const decoded = decodeEntry(content.entry);
    const fits = decoded.ok && decoded.value.kind === 'opaque' && decoded.value.places?.equals(placesHash);
    return fits ? content.entry : undefined;
  }
  const body = bodyOf(content.body);
  return body && encodeOpaqueEntry(body.eventId, body, content.commitmentKey, placesHash);
}

function bodyOf(text: string): LogBody | undefined {
  const value = readCanonicalJson(Buffer.from(text, 'utf8'));
  const body = value.ok ? parseLogBody(value.value) : value;
  return body.ok ? body.value : undefined;
}

/** Number by number: each names the one before it, and its link the leaves of all before it. */
function walk(
  numbers: readonly Numbered[],
  { isTombstoned }: AnswerToVerify,
  faults: CompletenessFault[],
): { erased: number[]; unproved: number[] } {
  const erased: number[] = [];
  const unproved: number[] = [];
  let before: Numbered | undefined;
  let lastLoggedAt = -Infinity;
  /** Link that the next number must have, as far as it is known. */
  let link: Buffer | undefined = numbers[0]?.number === 1 ? firstLink : undefined;
  /** Erased ones of which no entry has yet said that they are what the answer says. */
  let waiting: number[] = [];
  for (const one of numbers) {
    const expected: number = before === undefined ? one.number : before.number + 1;
    const gap = Array.from({ length: one.number - expected }, (_, at) => expected + at);
    if (gap.length > 0) link = undefined;
    if (isLive(one)) {
      const { place } = one;
      const tombstoned: boolean = place.previous !== undefined && isTombstoned(place.previous);
      if (gap.length > 0 && tombstoned) {
        erased.push(one.number - 1);
        unproved.push(...waiting, ...gap.slice(0, -1));
      } else for (const number of gap) faults.push({ kind: 'entry-missing', number });
      const linked = link === undefined || link.equals(place.link);
      const follows = gap.length > 0 || before === undefined || before.leafIndex === place.previous;
      const isFirst = one.number === 1 && place.previous === undefined && place.link.equals(firstLink);
      if (!linked || !follows || (one.number === 1) !== isFirst || one.leafIndex <= (place.previous ?? -1))
        faults.push({ kind: 'chain-broken', number: one.number, leafIndex: one.leafIndex });
      else if (gap.length === 0 && waiting.length > 0) {
        // A link that was known before them vouches for all; else the entry names only the last of them.
        const vouchedFor = link === undefined ? waiting.slice(-1) : waiting;
        erased.push(...vouchedFor);
        unproved.push(...waiting.slice(0, waiting.length - vouchedFor.length));
      }
      if (timeOf(place.loggedAt) < lastLoggedAt)
        faults.push({ kind: 'time-goes-back', number: one.number, leafIndex: one.leafIndex });
      lastLoggedAt = timeOf(place.loggedAt);
      link = linkAfter(place.link, one.leafIndex);
      waiting = [];
    } else {
      for (const number of gap) faults.push({ kind: 'entry-missing', number });
      if (!isTombstoned(one.leafIndex))
        faults.push({ kind: 'erased-without-tombstone', number: one.number, leafIndex: one.leafIndex });
      waiting.push(one.number);
      link &&= linkAfter(link, one.leafIndex);
    }
    before = one;
  }
  unproved.push(...waiting);
  return { erased, unproved: unproved.sort((a, b) => a - b) };
}

function checkBounds(
  live: readonly Live[],
  firstNumber: number | undefined,
  { from, until }: AnswerToVerify,
  faults: CompletenessFault[],
): void {
  const [first, last] = [live[0], live.at(-1)];
  const startsBefore = first !== undefined && from !== undefined && timeOf(first.place.loggedAt) < timeOf(from);
  if (firstNumber !== 1 && !startsBefore) faults.push({ kind: 'start-open', ...(first && { number: first.number }) });
  if (last === undefined || timeOf(last.place.loggedAt) < timeOf(until))
    faults.push({ kind: 'end-open', ...(last && { number: last.number }) });
}

/** Those between the first and the last that are shown. */
function checkKnown(numbers: readonly Numbered[], known: Iterable<number>, faults: CompletenessFault[]): void {
  const shown = new Set(numbers.map(({ leafIndex }) => leafIndex));
  const first = numbers[0]?.number === 1 ? 0 : (numbers[0]?.leafIndex ?? Infinity);
  const last = numbers.at(-1)?.leafIndex ?? -1;
  for (const leafIndex of known)
    if (leafIndex >= first && leafIndex <= last && !shown.has(leafIndex))
      faults.push({ kind: 'known-missing', leafIndex });
}
