import { describe, expect, it } from '@jest/globals';
import { HashInput } from './hash-input.js';

const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, at) => (at * 7) % 256));

describe('the input of a hash', () => {
  // On both sides of the length up to which parts are written by hand, and of the memory that there is at first.
  it.each([0, 1, 64, 65, 1_024, 5_000])('has parts of %s bytes one after the other', (length) => {
    const part = bytes(length);
    const { written } = new HashInput().clear().bytes(part).latin1('|').latin1(part.toString('latin1')).latin1('.');
    expect(written.toString('latin1')).toBe(`${part.toString('latin1')}|${part.toString('latin1')}.`);
  });

  it.each([4, 100])('has what stands between two bytes of a source of %s more', (more) =>
    expect(new HashInput().bytes(bytes(10 + more), 3, 3 + more).written).toEqual(
      bytes(10 + more).subarray(3, 3 + more),
    ),
  );

  it('begins anew, with nothing of what was written before', () =>
    expect(new HashInput().latin1('before').clear().latin1('now').written.toString()).toBe('now'));
});
