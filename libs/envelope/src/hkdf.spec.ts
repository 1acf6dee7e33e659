import { hkdfSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { expand, extract } from './hkdf.js';

describe('HKDF (RFC 5869)', () => {
  it.each([1, 2, 3, 17, 255])('gives what Node’s own gives, in %i blocks', (blocks) => {
    const secret = randomBytes(32);
    const own = Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), 'some-info', 32 * blocks));
    expect(Buffer.concat(expand(extract(secret), 'some-info', blocks))).toEqual(own);
  });

  it('gives no more than 255 blocks', () =>
    expect(() => expand(extract(randomBytes(32)), '', 256)).toThrow(RangeError));
});
