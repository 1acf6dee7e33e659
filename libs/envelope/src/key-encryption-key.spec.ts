import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { unwrap } from '#kernel';
import { KeyEncryptionKey } from './key-encryption-key.js';

/** RFC 3394 §4.6: 256 bits of key data with a 256-bit key-encryption key. */
const vector = {
  kek: '000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F',
  secret: '00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F',
  wrapped: '28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21',
};
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const secrets = fc
  .array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 40 })
  .map((all) => all.map((secret) => Buffer.from(secret)));

describe('secrets wrapped together', () => {
  it('are wrapped as RFC 3394 has it', () =>
    expect(new KeyEncryptionKey(bytes(vector.kek)).wrapAll([bytes(vector.secret)])).toEqual([bytes(vector.wrapped)]));

  it('are wrapped as each would be alone, call after call', () => {
    const kek = new KeyEncryptionKey(randomBytes(32));
    fc.assert(fc.property(secrets, (all) => expect(kek.wrapAll(all)).toEqual(all.map((secret) => kek.wrap(secret)))));
  });

  it('unwrap as what they were, under this key alone', () => {
    const [kek, other] = [new KeyEncryptionKey(randomBytes(32)), new KeyEncryptionKey(randomBytes(32))];
    const all = Array.from({ length: 300 }, () => randomBytes(32));
    const wrapped = kek.wrapAll(all);
    expect(wrapped.map((one) => unwrap(kek.unwrap(one)))).toEqual(all);
    expect(wrapped.map((one) => other.unwrap(one).ok)).not.toContain(true);
  });

  it('unwrap together as each would alone, those that do not beside those that do', () => {
    const [kek, other] = [new KeyEncryptionKey(randomBytes(32)), new KeyEncryptionKey(randomBytes(32))];
    const good = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((secret) => kek.wrap(Buffer.from(secret)));
    const ofAnother = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((secret) => other.wrap(Buffer.from(secret)));
    const changed = fc.tuple(good, fc.nat(39), fc.integer({ min: 1, max: 255 })).map(([wrapped, at, by]) => {
      wrapped[at]! ^= by;
      return wrapped;
    });
    const ofAnyLength = fc.uint8Array({ minLength: 1, maxLength: 60 }).map((some) => Buffer.from(some));
    const all = fc.array(fc.oneof(good, ofAnother, changed, ofAnyLength), { maxLength: 40 });
    fc.assert(
      fc.property(all, (wrapped) => {
        const alone = wrapped.map((one) => kek.unwrap(one));
        expect(kek.unwrapAll(wrapped)).toEqual(alone.map((one) => (one.ok ? one.value : undefined)));
      }),
    );
  });

  it('unwrap together as RFC 3394 has it', () =>
    expect(new KeyEncryptionKey(bytes(vector.kek)).unwrapAll([bytes(vector.wrapped)])).toEqual([bytes(vector.secret)]));

  it('have 32 bytes', () =>
    expect(() => new KeyEncryptionKey(randomBytes(32)).wrapAll([randomBytes(16)])).toThrow(TypeError));
});
