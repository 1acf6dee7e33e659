import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { type Pseudonym, agencyId, canonicalJson, unwrap } from '#kernel';
import { codeOf } from './envelope.fixture.js';
import {
  type Chain,
  type ChainHead,
  type Place,
  firstLink,
  inChainOrder,
  linkAfter,
  openPlace,
  parsePlaceOpening,
  placeAfter,
  placeOf,
  placeSaltsOf,
  placesHash,
} from './index.js';

const loggedAt = '2026-09-01T10:00:00.000Z';
const subject = `p1.${'A'.repeat(43)}` as Pseudonym;
const chains: Chain[] = inChainOrder([agencyId('K-235'), subject, agencyId('H-01')]);
const head: ChainHead = { number: 4, leafIndex: 17, link: Buffer.alloc(32, 3) };
const places: Place[] = chains.map((chain, at) => placeAfter(chain, at === 0 ? undefined : head, loggedAt));
const salts = placeSaltsOf(randomBytes(32), chains.length);

describe('a place in a chain', () => {
  it('is the first, with nothing before it', () =>
    expect(placeAfter(subject, undefined, loggedAt)).toEqual({ chain: subject, number: 1, link: firstLink, loggedAt }));

  it('is the next, and names the leaf before it', () =>
    expect(placeAfter(subject, head, loggedAt)).toEqual({
      chain: subject,
      number: 5,
      previous: 17,
      link: linkAfter(head.link, 17),
      loggedAt,
    }));

  it('has a link that follows from the leaves before it alone: SHA-256(link ‖ leaf as 64 bits, big-endian)', () => {
    const bytes = Buffer.concat([head.link, Buffer.from('0000000000000011', 'hex')]);
    expect(linkAfter(head.link, 17)).toEqual(createHash('sha256').update(bytes).digest());
  });
});

describe('what a leaf says of its places', () => {
  it('is committed over canonical JSON and a salt of each place’s own', () => {
    const [place, salt] = [places[1]!, salts.subarray(32, 64)];
    const said = canonicalJson({ ...place, link: place.link.toString('base64url') });
    const commitment = createHash('sha256').update(salt).update(said).digest('base64url');
    expect(openPlace(places[0]!.chain, places, salts).others).toContain(commitment);
  });

  it('is the same in whatever order an entry names its parties and subjects', () =>
    expect(inChainOrder([subject, agencyId('H-01'), agencyId('K-235'), subject])).toEqual(chains));

  it.each(chains)('opens for %s and nobody else', (chain) => {
    const opening = unwrap(parsePlaceOpening(JSON.parse(JSON.stringify(openPlace(chain, places, salts)))));
    const opened = placeOf(opening);
    expect(opened.placesHash).toEqual(placesHash(places, salts));
    expect(opened.place).toEqual(places.find((place) => place.chain === chain));
    const shown = JSON.stringify(opening);
    for (const other of chains) if (other !== chain) expect(shown).not.toContain(other);
  });

  it('does not show whether there is any', () => {
    const [one, other] = [placeSaltsOf(randomBytes(32), 0), placeSaltsOf(randomBytes(32), 0)];
    expect(placesHash([], one)).toHaveLength(32);
    expect(placesHash([], one)).not.toEqual(placesHash([], other));
  });

  it.each<[string, object]>([
    ['number', { number: 6 }],
    ['leaf before it', { previous: 16 }],
    ['link', { link: 'A'.repeat(43) }],
    ['time', { loggedAt: '2026-09-01T10:00:00.001Z' }],
    ['chain', { chain: 'K-91' }],
    ['salt', { salt: 'A'.repeat(43) }],
    ['another place', { others: ['A'.repeat(43)] }],
  ])('does not open to another %s', (_what, change) => {
    const opening = openPlace(places[1]!.chain, places, salts);
    expect(placeOf({ ...opening, ...change }).placesHash).not.toEqual(placesHash(places, salts));
  });

  it('is not opened for who has no place in it', () =>
    expect(() => openPlace(agencyId('T-9'), places, salts)).toThrow(TypeError));
});

describe('an opened place as it comes from outside', () => {
  const opening = openPlace(places[1]!.chain, places, salts);
  it.each<[string, object]>([
    ['a later one without the leaf before it', { ...opening, previous: undefined }],
    ['a first one with a leaf before it', { ...opening, number: 1 }],
    ['number nought', { ...opening, number: 0 }],
    ['a member more', { ...opening, body: '' }],
    ['no other commitment', { ...opening, others: [] }],
  ])('is refused: %s', (_what, value) => expect(codeOf(parsePlaceOpening(value))).toBe('MALFORMED'));
});
