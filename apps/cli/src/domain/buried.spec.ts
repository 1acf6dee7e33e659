import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rangesOf } from '#envelope';
import { Buried } from './buried.js';

describe('what tombstones name', () => {
  it('is what any of them names, however they overlap', () => {
    fc.assert(
      fc.property(fc.array(fc.uniqueArray(fc.nat(80)), { maxLength: 4 }), (tombstones) => {
        const buried = new Buried(tombstones.flatMap(rangesOf));
        const all = new Set(tombstones.flat());
        expect(buried.count).toBe(all.size);
        for (let index = 0; index < 85; index += 1) expect(buried.has(index)).toBe(all.has(index));
      }),
    );
  });
});
