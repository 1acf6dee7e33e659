import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { leafHash } from '#merkle';
import { type AlignedLeaf, type FoundLeaf, LeafAlignment } from './align-leaves.js';

const leaf = (name: string): FoundLeaf => {
  const entry = Buffer.from(name);
  return { hash: leafHash(entry), entry };
};

/** Feeds both sides in pieces of their own, as bundles of any width would. */
function align(found: FoundLeaf[], logged: Buffer[], pieces: { found: number; logged: number }): AlignedLeaf[] {
  const alignment = new LeafAlignment(16);
  const settled: AlignedLeaf[] = [];
  for (let f = 0, l = 0; f < found.length || l < logged.length; f += pieces.found, l += pieces.logged) {
    settled.push(...alignment.push(found.slice(f, f + pieces.found), logged.slice(l, l + pieces.logged)));
  }
  return [...settled, ...alignment.end()];
}

type Edit = { readonly at: number; readonly how: 'drop' | 'insert' | 'change' };

const expected = { drop: 'missing', insert: 'extra', change: 'changed' } as const;

describe('entries beside their leaf hashes', () => {
  it('show each single fault at its place, in whatever pieces they come', () => {
    const edits = fc.array(
      fc.record({
        gap: fc.integer({ min: 2, max: 40 }),
        how: fc.constantFrom<Edit['how']>('drop', 'insert', 'change'),
      }),
      { maxLength: 6 },
    );
    const piece = fc.integer({ min: 1, max: 64 });
    fc.assert(
      fc.property(edits, piece, piece, (drawn, f, l) => {
        const log = Array.from({ length: 300 }, (_, n) => leaf(`entry ${n}`));
        let at = 0;
        const places: Edit[] = drawn.map(({ gap, how }) => ({ at: (at += gap), how }));
        const found = log.flatMap((entry, n) => {
          const edit = places.find((place) => place.at === n);
          if (edit === undefined) return [entry];
          if (edit.how === 'drop') return [];
          return edit.how === 'insert' ? [leaf(`foreign ${n}`), entry] : [leaf(`foreign ${n}`)];
        });
        const settled = align(
          found,
          log.map(({ hash }) => hash!),
          { found: f, logged: l },
        );
        const told = settled
          .filter(({ verdict }) => verdict !== 'same')
          .map(({ verdict, at: place }) => [verdict, place]);
        expect(told).toEqual(places.map((place) => [expected[place.how], place.at]));
        expect(settled.filter(({ verdict }) => verdict !== 'extra')).toHaveLength(log.length);
      }),
      { seed: 20261122, numRuns: 300 },
    );
  });
});
