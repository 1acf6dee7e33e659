import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { unwrap } from '#kernel';
import { EntryKek } from './entry-kek.js';

describe('the key that wraps entry secrets', () => {
  it('wraps as RFC 3394 §4.6 does', () => {
    const kek = new EntryKek(Buffer.from('000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F', 'hex'));
    const secret = Buffer.from('00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F', 'hex');
    const wrapped = kek.wrap(secret);
    expect(wrapped.toString('hex').toUpperCase()).toBe(
      '28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21',
    );
    expect(unwrap(kek.unwrap(wrapped))).toEqual(secret);
  });

  it('finds out a changed byte', () => {
    const kek = new EntryKek(randomBytes(32));
    const wrapped = kek.wrap(randomBytes(32));
    wrapped[5] = (wrapped[5] ?? 0) ^ 1;
    expect(kek.unwrap(wrapped)).toMatchObject({ ok: false, error: { code: 'LEAF_MISMATCH' } });
  });

  it('opens nothing that another key wrapped', () => {
    const wrapped = new EntryKek(randomBytes(32)).wrap(randomBytes(32));
    expect(new EntryKek(randomBytes(32)).unwrap(wrapped)).toMatchObject({ error: { code: 'LEAF_MISMATCH' } });
  });
});
