import { createHmac } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { isPseudonym, unwrap } from '#kernel';
import { type Party, codeOf, partyOf, pseudonymKey } from './envelope.fixture.js';
import { type IdentifierType, normaliseIdentifier, openPseudonymKey, pseudonymOf, sealPseudonymKey } from './index.js';
import { signJws } from './compact-jws.js';
import { sealTo } from './compact-jwe.js';

describe('identifier', () => {
  it.each([
    ['henkilotunnus', ' 131052-9074 ', '131052-9074'],
    ['henkilotunnus', '150785y901a', '150785Y901A'],
    ['henkilotunnus', '010203B9998', '010203B9998'],
    ['henkilotunnus', '311299+950V', '311299+950V'],
    ['migri-customer', '12 345 678', '12345678'],
    ['foreign', 'sy 0042/ä', 'SY0042/Ä'],
    ['provisional', 'k235-2026-1', 'K235-2026-1'],
  ] as const)('%s "%s" is spelled "%s"', (type, value, expected) => {
    expect(unwrap(normaliseIdentifier(type, value))).toBe(expected);
  });

  it.each([
    ['henkilotunnus', '131052-9075'],
    ['henkilotunnus', '131352-9074'],
    ['henkilotunnus', '290223A9076'],
    ['henkilotunnus', '131052Z9074'],
    ['henkilotunnus', '010190-001P'],
    ['henkilotunnus', '131052-9074\n1'],
    ['henkilotunnus', ''],
    ['migri-customer', '12A'],
    ['foreign', ''],
    ['foreign', 'a\0b'],
    ['provisional', 'ä'],
    ['provisional', 'x'.repeat(65)],
  ] as const)('%s "%s" is refused without being repeated', (type, value) => {
    const result = normaliseIdentifier(type, value);
    expect(codeOf(result)).toBe('IDENTITY_CODE_INVALID');
    if (value !== '' && !result.ok) expect(String(result.error) + JSON.stringify(result)).not.toContain(value);
  });
});

describe('pseudonym', () => {
  const of = (type: IdentifierType, value: string, key = pseudonymKey): string => unwrap(pseudonymOf(key, type, value));

  it('is the HMAC over label, type and identifier with zero bytes between', () => {
    const text = Buffer.concat([
      Buffer.from('kotovayla-subject-v1'),
      Buffer.of(0),
      Buffer.from('henkilotunnus'),
      Buffer.of(0),
      Buffer.from('131052-9074'),
    ]);
    const mac = createHmac('sha256', pseudonymKey.key).update(text).digest('base64url');
    expect(of('henkilotunnus', '131052-9074')).toBe(`p1.${mac}`);
    expect(isPseudonym(of('henkilotunnus', '131052-9074'))).toBe(true);
  });

  it('does not depend on how the identifier was typed', () => {
    expect(of('henkilotunnus', ' 150785y901a')).toBe(of('henkilotunnus', '150785Y901A'));
  });

  it('differs by type, key and version', () => {
    const names = [
      of('foreign', '1'),
      of('migri-customer', '1'),
      of('foreign', '1', { ...pseudonymKey, version: 2 }),
      of('foreign', '1', { key: Buffer.alloc(32, 8), version: 1 }),
    ];
    expect(new Set(names).size).toBe(names.length);
  });

  it('is never made under a short key', () => {
    expect(() => pseudonymOf({ key: Buffer.alloc(16), version: 1 }, 'foreign', '1')).toThrow(TypeError);
  });
});

describe('sealed pseudonym key', () => {
  let first: Party;
  let second: Party;
  let third: Party;

  beforeAll(async () => {
    [first, second, third] = await Promise.all([partyOf('K-235'), partyOf('H-03'), partyOf('L-KELA')]);
  });

  it('reaches the agency that is onboarded', async () => {
    const token = await sealPseudonymKey(pseudonymKey, second.recipient, first.signing);
    expect(unwrap(await openPseudonymKey(token, second.receiving, first.verification))).toEqual(pseudonymKey);
  });

  it('says from when all use it', async () => {
    const shared = { ...pseudonymKey, version: 2, useFrom: '2026-12-01T00:00:00.000Z' };
    const token = await sealPseudonymKey(shared, second.recipient, first.signing);
    expect(unwrap(await openPseudonymKey(token, second.receiving, first.verification))).toEqual(shared);
  });

  it('reaches nobody else', async () => {
    const token = await sealPseudonymKey(pseudonymKey, second.recipient, first.signing);
    expect(codeOf(await openPseudonymKey(token, third.receiving, first.verification))).toBe('RECIPIENT_KEY_UNKNOWN');
  });

  it('by another agency than the first', async () => {
    const token = await sealPseudonymKey(pseudonymKey, second.recipient, third.signing);
    expect(codeOf(await openPseudonymKey(token, second.receiving, first.verification))).toBe('SIGNATURE_INVALID');
  });

  it("passed on by its recipient in the first agency's name", async () => {
    const payload = {
      v: 1,
      version: 1,
      key: pseudonymKey.key.toString('base64url'),
      recipientKey: second.receiving.kid,
    };
    const signed = signJws('pseudonym-key', payload, first.signing);
    const passedOn = sealTo('pseudonym-key', Buffer.from(signed), third.recipient);
    expect(codeOf(await openPseudonymKey(passedOn, third.receiving, first.verification))).toBe('OPENED_MISMATCH');
  });
});
