import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Pseudonym } from '#kernel';
import { isSamePerson, joinedWith, linksBetween, type JoinedPseudonyms } from './joined-pseudonyms.js';

const names = ['A', 'B', 'C', 'D', 'E', 'F'].map((letter) => `p1.${letter.repeat(42)}A` as Pseudonym);
const [a, b, c, d, e] = names as [Pseudonym, Pseudonym, Pseudonym, Pseudonym, Pseudonym];
const links = fc.uniqueArray(
  fc
    .tuple(fc.constantFrom(...names), fc.constantFrom(...names))
    .filter(([subject, earlier]) => subject !== earlier)
    .map(([subject, earlier]): JoinedPseudonyms => ({ subject, earlier })),
  { maxLength: 8 },
);

describe('pseudonyms that were joined', () => {
  it('name one person in either direction, over any number of links in any order', () => {
    const chain = [
      { subject: c, earlier: b },
      { subject: b, earlier: a },
    ];
    expect(joinedWith(a, chain)).toEqual(new Set([a, b, c]));
    expect(isSamePerson(c, a, chain)).toBe(true);
    expect(isSamePerson(a, d, chain)).toBe(false);
    expect(isSamePerson(a, a, [])).toBe(true);
  });

  it('are told by the links that lead there, and by no others', () => {
    const all = [
      { subject: b, earlier: a },
      { subject: c, earlier: b },
      { subject: d, earlier: b },
      { subject: e, earlier: d },
    ];
    expect(linksBetween(a, new Set([c]), all)).toEqual(all.slice(0, 2));
    expect(linksBetween(a, new Set([a]), all)).toEqual([]);
    expect(linksBetween(a, new Set([c, e]), all)).toEqual(all);
  });

  it('are joined by those links exactly as by all', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.subarray(names), links, (person, others, all) => {
        const needed = linksBetween(person, new Set(others), all);
        for (const other of others) expect(isSamePerson(person, other, needed)).toBe(isSamePerson(person, other, all));
      }),
      { seed: 20261126, numRuns: 500 },
    );
  });
});
