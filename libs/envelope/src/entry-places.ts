import { hash } from 'node:crypto';
import { type AgencyId, AppError, type Pseudonym, type Result, err, isAgencyId, isPseudonym } from '#kernel';
import { instant } from './fields.js';
import { extracted } from './entry-keys.js';
import { HkdfInfo } from './hkdf.js';
import { HashInput } from './hash-input.js';
import type { HmacKey } from './hmac.js';
import { type Check, closed, either, integer, list, optional, parseAs, text, that } from './shape.js';

/**
 * Whose entries are counted, each on its own and from 1 without gaps: an agency's, or a subject's under one pseudonym
 * (decision 0025). An entry has a place in the chain of each of its parties and of each of its subjects.
 */
export type Chain = AgencyId | Pseudonym;

/** Where an entry stands in one chain. */
export interface Place {
  readonly chain: Chain;
  /** From 1 without gaps. */
  readonly number: number;
  /** Leaf of the entry before it in the chain; the first has none. */
  readonly previous?: number;
  /** Follows from the leaves of all entries before it in the chain (`linkAfter`), so that an erased one stays in its place. */
  readonly link: Buffer;
  /** When it was appended, by the hub's clock; never goes back. */
  readonly loggedAt: string;
}

/** A chain's newest entry: its place without what does not matter to the next. */
export interface ChainHead {
  readonly number: number;
  readonly leafIndex: number;
  readonly link: Buffer;
}

/** One place of an entry, opened for the one whose chain it is, as JSON. The entry's other places stay closed. */
export interface PlaceOpening {
  chain: Chain;
  number: number;
  previous?: number;
  /** 32 bytes in base64url. */
  link: string;
  loggedAt: string;
  /** 32 bytes in base64url. */
  salt: string;
  /** Commitments of the entry's other places, base64url, rising. */
  others: string[];
}

const bytes = 32;
/** Link of a chain's first entry. */
export const firstLink: Buffer = Buffer.alloc(bytes);

/** A digest as Node's `binary` string, a character for each byte: made in half the time in which it makes a Buffer of it. */
type BinaryDigest = string;

const sha256Of = (data: Buffer): BinaryDigest => hash('sha256', data, 'binary');

function bytesOf(digest: BinaryDigest): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  buffer.write(digest, 'latin1');
  return buffer;
}

// Reused between calls, which are synchronous: the log computes seven of these digests an entry.
const linkInput = Buffer.alloc(bytes + 8);
const openInput = new HashInput();
const hashInput = new HashInput();

/** Link of the entry after the one that has this link and this leaf. */
export function linkAfter(link: Buffer, leafIndex: number): Buffer {
  linkInput.set(link);
  linkInput.writeUInt32BE(Math.floor(leafIndex / 2 ** 32), bytes);
  linkInput.writeUInt32BE(leafIndex >>> 0, bytes + 4);
  return bytesOf(sha256Of(linkInput));
}

/** The next place of a chain. */
export const placeAfter = (chain: Chain, head: ChainHead | undefined, loggedAt: string): Place =>
  head === undefined
    ? { chain, number: 1, link: firstLink, loggedAt }
    : {
        chain,
        number: head.number + 1,
        previous: head.leafIndex,
        link: linkAfter(head.link, head.leafIndex),
        loggedAt,
      };

/** Chains in the order in which an entry's salts belong to them; each once. */
export function inChainOrder(chains: readonly Chain[]): Chain[] {
  const ordered: Chain[] = [];
  for (const chain of chains) if (!ordered.includes(chain)) insertRising(ordered, chain);
  return ordered;
}

/** Into texts that rise already. They are a few: to sort them takes longer, and lists of its own. */
function insertRising<T extends string>(rising: T[], text: T): void {
  let at = rising.length;
  for (; at > 0 && rising[at - 1]! > text; at -= 1) rising[at] = rising[at - 1]!;
  rising[at] = text;
}

/** A salt of 32 bytes for each chain of an entry, in their order, and a last one so that an entry without chains shows nothing either. */
export const placeSaltsOf = (secret: Buffer, chains: number): Buffer => placeSaltsFrom(extracted(secret), chains);

const placesInfo = new HkdfInfo('kotovayla-log-places-v1');
export const placeSaltsFrom = (from: HmacKey, chains: number): Buffer => placesInfo.expand(from, chains + 1);

/** SHA-256 over the salt at this place and the place's canonical JSON (RFC 8785): all strings are such as need no escaping. */
function commitmentOf({ chain, number, previous, link, loggedAt }: Place, salts: Buffer, at: number): BinaryDigest {
  openInput.clear().bytes(salts, at * bytes, (at + 1) * bytes);
  openInput.latin1('{"chain":"').latin1(chain).latin1('","link":"').latin1(link.toString('base64url'));
  openInput.latin1('","loggedAt":"').latin1(loggedAt).latin1('","number":').latin1(String(number));
  if (previous !== undefined) openInput.latin1(',"previous":').latin1(String(previous));
  return sha256Of(openInput.latin1('}').written);
}

const placesMark = 'kotovayla-log-places-v1\0';

/** Over the commitments in rising order, so that their order tells nothing. Digests of one length rise as their bytes do. */
function hashOver(commitments: readonly BinaryDigest[]): Buffer {
  const rising: BinaryDigest[] = [];
  for (const commitment of commitments) insertRising(rising, commitment);
  hashInput.clear().latin1(placesMark);
  for (const commitment of rising) hashInput.latin1(commitment);
  return bytesOf(sha256Of(hashInput.written));
}

/** What the leaf says of an entry's places. `salts` are those of `placeSaltsOf`, places in the order of their chains. */
export const placesHash = (places: readonly Place[], salts: Buffer): Buffer => hashOver(commitmentsOf(places, salts));

/** A salt that belongs to no place stands for itself. */
function commitmentsOf(places: readonly Place[], salts: Buffer): BinaryDigest[] {
  const commitments: BinaryDigest[] = [];
  for (let at = 0; at * bytes < salts.length; at += 1) {
    const place = places[at];
    commitments.push(place ? commitmentOf(place, salts, at) : salts.toString('latin1', at * bytes, (at + 1) * bytes));
  }
  return commitments;
}

/** One chain's place, opened. Throws TypeError where the entry has none in it. */
export function openPlace(chain: Chain, places: readonly Place[], salts: Buffer): PlaceOpening {
  const at = places.findIndex((place) => place.chain === chain);
  const place = places[at];
  if (!place) throw new TypeError('the entry has no place in this chain');
  const others = commitmentsOf(places, salts).filter((_, index) => index !== at);
  return {
    chain,
    number: place.number,
    ...(place.previous !== undefined && { previous: place.previous }),
    link: place.link.toString('base64url'),
    loggedAt: place.loggedAt,
    salt: salts.toString('base64url', at * bytes, (at + 1) * bytes),
    others: others.sort().map((other) => Buffer.from(other, 'latin1').toString('base64url')),
  };
}

/** The places hash to which an opening leads, and the place itself. */
export function placeOf({ salt, others, link, ...place }: PlaceOpening): { place: Place; placesHash: Buffer } {
  const opened = { ...place, link: Buffer.from(link, 'base64url') };
  const own = commitmentOf(opened, Buffer.from(salt, 'base64url'), 0);
  return {
    place: opened,
    placesHash: hashOver([own, ...others.map((other) => Buffer.from(other, 'base64url').toString('latin1'))]),
  };
}

const digest = text(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/);
/** As many parties and subjects as an entry may have, and the salt that belongs to none. */
const mostPlaces = 96;

const openingShape: Check<PlaceOpening> = closed<PlaceOpening>({
  chain: either(that(isAgencyId), that(isPseudonym)),
  number: integer(1),
  previous: optional(integer(0)),
  link: digest,
  loggedAt: instant,
  salt: digest,
  others: list(digest, { min: 1, max: mostPlaces }),
});

/** Errors: MALFORMED. */
export function parsePlaceOpening(value: unknown): Result<PlaceOpening> {
  const opening = parseAs(openingShape, value);
  if (!opening.ok) return opening;
  const isFirst = opening.value.number === 1;
  return isFirst === (opening.value.previous === undefined)
    ? opening
    : err(new AppError('MALFORMED', undefined, { field: 'previous' }));
}
