import { hkdfSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { HkdfInfo, extract } from './hkdf.js';

describe('HKDF (RFC 5869)', () => {
  it.each([1, 2, 3, 17, 255])('gives what Node’s own gives, in %i blocks', (blocks) => {
    const secret = randomBytes(32);
    const own = Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), 'some-info', 32 * blocks));
    expect(new HkdfInfo('some-info').expand(extract(secret), blocks)).toEqual(own);
  });

  it('of one secret is not changed by that of another for the same purpose', () => {
    const info = new HkdfInfo('some-info');
    const [one, other] = [extract(Buffer.alloc(32, 1)), extract(Buffer.alloc(32, 2))];
    const given = info.expand(one, 3);
    expect(info.expand(other, 3)).not.toEqual(given);
    expect(info.expand(one, 3)).toEqual(given);
  });

  it('gives no more than 255 blocks', () =>
    expect(() => new HkdfInfo('').expand(extract(randomBytes(32)), 256)).toThrow(RangeError));
});
