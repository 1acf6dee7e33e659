import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type AgencyId, type EventId, canonicalJson, unwrap } from '#kernel';
import { codeOf, someHash } from './envelope.fixture.js';
import {
  type ClearRecord,
  type LogBody,
  type Tombstone,
  bodyCommitment,
  canonicalBody,
  commitmentKeyOf,
  countOf,
  decodeEntry,
  encodeClearEntry,
  encodeOpaqueEntry,
  indicesOf,
  maxTombstoneRanges,
  newEntrySecret,
  openBody,
  openCommittedBody,
  openSealedEntry,
  parseLogBody,
  rangesOf,
  sealEntries,
  sealingKeyOf,
} from './index.js';
import { sealBytes } from './sealed-bytes.js';

const eventId = '00112233445566778899aabbccddeeff' as EventId;
const at = '2026-09-01T10:00:00.000Z';
const body: LogBody = {
  v: 1,
  eventId,
  type: 'message-accepted',
  at,
  manifestHash: someHash('m'),
  assertedBy: 'agency',
};

const sealBody = (said: LogBody, key: Buffer): Buffer => sealBytes(Buffer.from(canonicalBody(said)), key);

const tombstone: Tombstone = {
  type: 'tombstone',
  indices: [
    { first: 3, last: 3 },
    { first: 7, last: 9 },
  ],
  grounds: ['retention-ended', 'unlawful'],
  retention: 1,
  proposers: ['K-235' as AgencyId],
  approvers: ['A-TSV' as AgencyId],
  approvals: [someHash('a')],
  holds: { checkedAt: at, standing: 0 },
  kek: 'AbCd_-12',
  at,
};

describe('log entry', () => {
  it('opaque: mark, event id, commitment to the canonical body', () => {
    const key = randomBytes(32);
    const entry = encodeOpaqueEntry(eventId, body, key);
    const commitment = createHmac('sha256', key).update(canonicalJson(body)).digest();
    expect(entry.toString('hex')).toBe(`01${eventId}${commitment.toString('hex')}`);
    expect(unwrap(decodeEntry(entry))).toEqual({ kind: 'opaque', eventId, commitment });
  });

  it('opaque with places: mark, event id, commitment to the body, what is said of the places', () => {
    const [key, places] = [randomBytes(32), randomBytes(32)];
    const entry = encodeOpaqueEntry(eventId, body, key, places);
    const commitment = createHmac('sha256', key).update(canonicalJson(body)).digest();
    expect(entry.toString('hex')).toBe(`03${eventId}${commitment.toString('hex')}${places.toString('hex')}`);
    expect(unwrap(decodeEntry(entry))).toEqual({ kind: 'opaque', eventId, commitment, places });
  });

  it('opaque: says nothing without the key', () => {
    expect(encodeOpaqueEntry(eventId, body, randomBytes(32))).not.toEqual(
      encodeOpaqueEntry(eventId, body, randomBytes(32)),
    );
  });

  it('opaque: the body is of this event', () => {
    const other = 'ff112233445566778899aabbccddeeff' as EventId;
    expect(() => encodeOpaqueEntry(other, body, randomBytes(32))).toThrow(TypeError);
  });

  it.each<[string, ClearRecord]>([
    [
      'agency',
      {
        type: 'agency',
        agency: 'K-235',
        kind: 'municipality',
        businessId: '0203026-2',
        status: 'active',
        at,
      } as ClearRecord,
    ],
    ['agency-key', { type: 'agency-key', record: 'a.b.c' }],
    ['agency-key-revocation', { type: 'agency-key-revocation', record: 'a.b.c' }],
    ['hub-key', { type: 'hub-key', record: 'a.b.c' }],
    ['catalogue', { type: 'catalogue', version: 3, hash: someHash('c'), at }],
    ['tombstone', tombstone],
  ])('clear: %s is read back', (_name, record) => {
    const entry = encodeClearEntry(eventId, record);
    expect(entry.subarray(0, 17).toString('hex')).toBe(`02${eventId}`);
    expect(unwrap(decodeEntry(entry))).toEqual({ kind: 'clear', eventId, record });
  });

  it('clear: a tombstone over as many ranges as it may have fits an entry bundle', () => {
    const indices = Array.from({ length: maxTombstoneRanges }, (_, at) => {
      return { first: 9_000_000_000 + at * 3, last: 9_000_000_001 + at * 3 };
    });
    expect(encodeClearEntry(eventId, { ...tombstone, indices }).length).toBeLessThan(65_536);
    const more = [...indices, { first: 9_900_000_000, last: 9_900_000_000 }];
    expect(() => encodeClearEntry(eventId, { ...tombstone, indices: more })).toThrow(TypeError);
  });

  it.each([
    [
      'that touch',
      [
        { first: 1, last: 2 },
        { first: 3, last: 3 },
      ],
    ],
    [
      'that fall',
      [
        { first: 3, last: 3 },
        { first: 1, last: 1 },
      ],
    ],
    ['that end before they begin', [{ first: 3, last: 2 }]],
    ['of nothing', []],
  ])('clear: never a tombstone over ranges %s', (_name, indices) => {
    expect(() => encodeClearEntry(eventId, { ...tombstone, indices })).toThrow(TypeError);
  });

  it('ranges are the fewest that hold the indices', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(60)), (indices) => {
        const ranges = rangesOf(indices);
        expect(indicesOf(ranges)).toEqual(indices.toSorted((a, b) => a - b));
        expect(countOf(ranges)).toBe(indices.length);
        expect(ranges.every(({ first }, at) => at === 0 || ranges[at - 1]!.last + 1 < first)).toBe(true);
      }),
    );
  });

  it('clear: never with a member beside its own', () => {
    const record = { type: 'hub-key', record: 'a.b.c', contact: 'a@b.fi' } as unknown as ClearRecord;
    expect(() => encodeClearEntry(eventId, record)).toThrow(TypeError);
  });

  it.each([
    ['nothing', ''],
    ['short places', `03${eventId}${'00'.repeat(63)}`],
    ['another mark', `04${eventId}${'00'.repeat(32)}`],
    ['half an event id', '0100112233'],
    ['a short commitment', `01${eventId}${'00'.repeat(31)}`],
    ['a long commitment', `01${eventId}${'00'.repeat(33)}`],
    ['clear, no JSON', `02${eventId}00`],
    ['clear, not canonical', `02${eventId}${Buffer.from('{"type": "hub-key","record":"a"}').toString('hex')}`],
    ['clear, unknown type', `02${eventId}${Buffer.from('{"type":"other"}').toString('hex')}`],
  ])('refuses %s', (_name, hex) => expect(codeOf(decodeEntry(Buffer.from(hex, 'hex')))).toBe('MALFORMED'));

  it('body: closed shape', () => {
    expect(codeOf(parseLogBody(body))).toBe('OK');
    expect(codeOf(parseLogBody({ ...body, name: 'x' }))).toBe('MALFORMED');
    expect(codeOf(parseLogBody({ ...body, evidence: { manifest: someHash('e') } }))).toBe('OK');
    expect(codeOf(parseLogBody({ ...body, evidence: { manifest: 'plain' } }))).toBe('MALFORMED');
  });

  it('secrets differ, and each gives two different keys', () => {
    const secret = newEntrySecret();
    expect(secret).toHaveLength(32);
    expect(newEntrySecret()).not.toEqual(secret);
    expect(commitmentKeyOf(secret)).toHaveLength(32);
    expect(commitmentKeyOf(secret)).not.toEqual(sealingKeyOf(secret));
    expect(commitmentKeyOf(secret)).toEqual(commitmentKeyOf(secret));
  });

  it('sealed body opens under its key only', () => {
    const key = sealingKeyOf(newEntrySecret());
    const sealedBody = sealBody(body, key);
    expect(unwrap(openBody(sealedBody, key))).toEqual(body);
    expect(codeOf(openBody(sealedBody, sealingKeyOf(newEntrySecret())))).toBe('LEAF_MISMATCH');
    expect(sealBody(body, key)).not.toEqual(sealedBody);
  });

  it('sealed with its secret opens together with the commitment of its leaf', () => {
    const [sealed] = sealEntries([{ canonical: Buffer.from(canonicalBody(body)), chains: 0 }], {
      wrapAll: ([secret]) => [secret!],
    });
    if (!sealed) throw new Error('nothing sealed');
    const secret = sealed.wrappedSecret;
    expect(unwrap(openSealedEntry(sealed.body, secret))).toEqual({
      body,
      canonical: Buffer.from(canonicalBody(body)),
      commitmentKey: commitmentKeyOf(secret),
      commitment: bodyCommitment(body, commitmentKeyOf(secret)),
    });
    expect(codeOf(openSealedEntry(sealed.body, newEntrySecret()))).toBe('LEAF_MISMATCH');
    expect(codeOf(openSealedEntry(sealed.body.subarray(1), secret))).toBe('LEAF_MISMATCH');
  });

  it('sealed with its secret opens where its leaf commits to it, and not for another leaf', () => {
    const secret = newEntrySecret();
    const sealed = sealBody(body, sealingKeyOf(secret));
    const [own, other] = [body, { ...body, type: 'message-delivered' }].map((one) =>
      bodyCommitment(one, commitmentKeyOf(secret)),
    ) as [Buffer, Buffer];
    expect(unwrap(openCommittedBody(sealed, secret, own))).toEqual(body);
    expect(codeOf(openCommittedBody(sealed, secret, other))).toBe('LEAF_MISMATCH');
    expect(codeOf(openCommittedBody(sealed, newEntrySecret(), own))).toBe('LEAF_MISMATCH');
  });

  it.each([
    ['no JSON', '{'],
    ['no body', '{"v":1}'],
    ['another order of its members', JSON.stringify({ ...body, assertedBy: 'hub' })],
    ['a space', canonicalBody(body).replace(',', ', ')],
    ['a member twice', canonicalBody(body).replace('{', '{"assertedBy":"hub",')],
    ['another form of a number', canonicalBody(body).replace('"v":1', '"v":1.0')],
    ['a byte order mark', `\ufeff${canonicalBody(body)}`],
    ['no UTF-8', Buffer.concat([Buffer.from(canonicalBody({ ...body, purpose: 'plan' })), Buffer.of(0xff)])],
  ])('sealed: %s is no body', (_name, said) => {
    const key = sealingKeyOf(newEntrySecret());
    expect(codeOf(openBody(sealBytes(Buffer.from(said), key), key))).toBe('MALFORMED');
  });

  it('sealed body: any changed byte is found', () => {
    const key = sealingKeyOf(newEntrySecret());
    const sealedBody = sealBody(body, key);
    for (const index of sealedBody.keys()) {
      const changed = Buffer.from(sealedBody);
      changed.writeUInt8(changed.readUInt8(index) ^ 1, index);
      expect(codeOf(openBody(changed, key))).toBe('LEAF_MISMATCH');
    }
    expect(codeOf(openBody(Buffer.alloc(27), key))).toBe('LEAF_MISMATCH');
  });
});
