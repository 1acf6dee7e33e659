import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HmacKey } from './hmac.js';

describe('HMAC-SHA-256 (RFC 2104)', () => {
  it('is what Node’s own is, for every key up to a block and every text, one after the other', () =>
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.array(fc.uint8Array({ maxLength: 3_000, size: 'max' }), { minLength: 1, maxLength: 4 }),
        (key, texts) => {
          const mac = new HmacKey(key);
          for (const text of texts) expect(mac.digest(text)).toEqual(createHmac('sha256', key).update(text).digest());
        },
      ),
    ));

  it('of one key is not changed by the use of another', () => {
    const [one, other] = [new HmacKey(Buffer.alloc(32, 1)), new HmacKey(Buffer.alloc(32, 2))];
    const first = one.digest(Buffer.from('text'));
    const given = Buffer.from(first);
    other.digest(Buffer.from('another text'));
    expect(first).toEqual(given);
    expect(one.digest(Buffer.from('text'))).toEqual(given);
  });

  it('takes no longer key', () => expect(() => new HmacKey(Buffer.alloc(65))).toThrow(TypeError));
});
