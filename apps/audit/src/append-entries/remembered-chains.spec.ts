import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { agencyId } from '#kernel';
import { RememberedChains } from './remembered-chains.js';

const chainOf = (n: number) => agencyId(`K-${n}`);
const headOf = (n: number) => ({ id: n, number: 2 ** 33 + n, leafIndex: 2 ** 40 + n, link: Buffer.alloc(32, n % 256) });

describe('chains that are remembered', () => {
  it('stand where they were left, whatever was remembered since, as long as there is room', () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat(10_000))), (changes) => {
        const remembered = new RememberedChains(10);
        const expected = new Map<number, number>();
        for (const [chain, head] of changes) {
          remembered.set(chainOf(chain), headOf(head));
          expected.set(chain, head);
        }
        for (let chain = 0; chain < 10; chain += 1) {
          const head = expected.get(chain);
          expect(remembered.get(chainOf(chain))).toEqual(head === undefined ? undefined : headOf(head));
        }
      }),
    ));

  it('give way to new ones, those first that were met longest ago', () => {
    const remembered = new RememberedChains(3);
    for (const n of [1, 2, 3]) remembered.set(chainOf(n), headOf(n));
    remembered.get(chainOf(1));
    remembered.set(chainOf(2), headOf(20));
    remembered.set(chainOf(4), headOf(4));
    const heads = [1, 2, 3, 4].map((n) => remembered.get(chainOf(n)));
    expect(heads).toEqual([headOf(1), headOf(20), undefined, headOf(4)]);
  });
});
