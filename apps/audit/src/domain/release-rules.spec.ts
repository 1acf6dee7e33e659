import { describe, expect, it } from '@jest/globals';
import { AppError, type ConsentId, type ErrorCode, type Result, err, ok, sha256 } from '#kernel';
import { type LogWords, type ReleaseCase, type Verdict, judgeRelease } from './release-rules.js';

const now = new Date('2026-03-02T10:00:00Z');
const at = now.getTime() / 1000;
const consentId = '0b0e7f64-8a4c-4b5e-9a37-000000000001' as string as ConsentId;
const requestHash = sha256('request');

const message = {
  manifestHash: sha256('manifest'),
  iat: at - 100,
  exp: at + 1_000,
  signable: { from: at - 10_000, until: at + 10_000 },
  consents: [{ id: consentId, version: 2 }],
};
const permit = { permitted: true as const, iat: at - 1, exp: at + 9 };

const sound: ReleaseCase = {
  directory: ok(undefined),
  message: ok(message),
  request: ok({ hash: requestHash, iat: at - 1 }),
  recipientKey: ok(undefined),
  permit: ok(permit),
  capsule: ok({ destroyAfter: at + 100_000 }),
  accepted: ok({ at: at - 90 }),
  seenSize: 10,
};
const log: LogWords = {
  size: 10,
  acceptedAt: at - 90,
  released: false,
  ended: undefined,
  consentWords: () => [{ leafIndex: 3, type: 'consent-recorded', version: 2 }],
  sameRequest: [],
};
const failed = <T>(code: ErrorCode): Result<T> => err(new AppError(code));

const judge = (asked: Partial<ReleaseCase>, words: Partial<LogWords> = {}): Verdict =>
  judgeRelease({ ...sound, ...asked }, { ...log, ...words }, now);

describe('a release request that is right in everything', () => {
  it('releases a message for the first time', () => {
    expect(judge({})).toEqual({ kind: 'release', type: 'message-released' });
  });
  it('re-releases one that was released under another jti', () => {
    expect(judge({}, { released: true })).toEqual({ kind: 'release', type: 'message-re-released' });
  });
  it('gives the same leaf to the same request again', () => {
    const sameRequest = [{ leafIndex: 7, type: 'message-released' as const, requestHash, code: '' }];
    expect(judge({}, { released: true, sameRequest })).toEqual({
      kind: 'repeat',
      leafIndex: 7,
      type: 'message-released',
    });
  });
  it('is released although the same request was refused before', () => {
    const sameRequest = [{ leafIndex: 7, type: 'release-refused' as const, requestHash, code: 'NO_BASIS' }];
    expect(judge({}, { sameRequest })).toMatchObject({ kind: 'release' });
  });
});

interface Refusal {
  readonly name: string;
  readonly asked?: Partial<ReleaseCase>;
  readonly words?: Partial<LogWords>;
  readonly code: ErrorCode;
  readonly final?: boolean;
  readonly logged?: boolean;
}

const word = (
  type: 'consent-withdrawn' | 'consent-expired' | 'consent-superseded' | 'consent-revoked',
  version = 2,
) => ({
  consentWords: () => [
    { leafIndex: 3, type: 'consent-recorded' as const, version: 2 },
    { leafIndex: 4, type, version },
  ],
});

const refusals: readonly Refusal[] = [
  {
    name: 'a stale directory',
    asked: { directory: failed('DIRECTORY_STALE') },
    code: 'DIRECTORY_STALE',
    logged: false,
  },
  {
    name: 'a manifest that the sender did not sign',
    asked: { message: failed('SIGNATURE_INVALID') },
    code: 'SIGNATURE_INVALID',
  },
  {
    name: 'a request by another agency',
    asked: { request: failed('RELEASE_REQUEST_INVALID') },
    code: 'RELEASE_REQUEST_INVALID',
  },
  {
    name: 'a request 61 s old',
    asked: { request: ok({ hash: requestHash, iat: at - 61 }) },
    code: 'RELEASE_REQUEST_INVALID',
  },
  {
    name: 'a request from the future',
    asked: { request: ok({ hash: requestHash, iat: at + 61 }) },
    code: 'RELEASE_REQUEST_INVALID',
  },
  { name: 'a message from the future', asked: { message: ok({ ...message, iat: at + 61 }) }, code: 'IAT_IN_FUTURE' },
  { name: 'an expired message', asked: { message: ok({ ...message, exp: at }) }, code: 'MESSAGE_EXPIRED', final: true },
  { name: 'another message’s accepted event', asked: { accepted: failed('HASH_MISMATCH') }, code: 'HASH_MISMATCH' },
  { name: 'a message accepted in the future', asked: { accepted: ok({ at: at + 3 }) }, code: 'IAT_IN_FUTURE' },
  {
    name: 'a message never accepted',
    asked: { accepted: ok(undefined) },
    words: { acceptedAt: undefined },
    code: 'NOT_IN_MAILBOX',
  },
  {
    name: 'a signing key revoked before acceptance',
    asked: { message: ok({ ...message, signable: { from: 0, until: at - 90 } }) },
    code: 'SIGNATURE_INVALID',
  },
  { name: 'a message that has ended', words: { ended: 'message-withdrawn' }, code: 'MESSAGE_FINAL', final: true },
  { name: 'a recipient that has seen a longer log', asked: { seenSize: 11 }, code: 'LOG_INCONSISTENT' },
  { name: 'a revoked receiving key', asked: { recipientKey: failed('KEY_REVOKED') }, code: 'KEY_REVOKED', final: true },
  {
    name: 'a consent withdrawn in the log, under a valid permit',
    words: word('consent-withdrawn'),
    code: 'CONSENT_WITHDRAWN',
    final: true,
  },
  {
    name: 'a consent whose newer version was withdrawn',
    words: word('consent-withdrawn', 3),
    code: 'CONSENT_WITHDRAWN',
    final: true,
  },
  { name: 'an expired consent', words: word('consent-expired'), code: 'CONSENT_EXPIRED', final: true },
  { name: 'a superseded consent', words: word('consent-superseded'), code: 'CONSENT_SUPERSEDED', final: true },
  { name: 'a revoked consent', words: word('consent-revoked'), code: 'CONSENT_INACTIVE', final: true },
  {
    name: 'a consent that is not in the log yet',
    words: { consentWords: () => [] },
    code: 'UNAVAILABLE',
    logged: false,
  },
  { name: 'a permit that does not fit', asked: { permit: failed('PERMIT_INVALID') }, code: 'PERMIT_INVALID' },
  {
    name: 'a permit that ran out in the queue',
    asked: { permit: ok({ permitted: true, iat: at - 14, exp: at - 4 }) },
    code: 'PERMIT_INVALID',
  },
  {
    name: 'a permit from the future',
    asked: { permit: ok({ permitted: true, iat: at + 4, exp: at + 14 }) },
    code: 'PERMIT_INVALID',
  },
  {
    name: 'consent’s refusal',
    asked: { permit: ok({ permitted: false, code: 'CONSENT_USED_UP', final: true }) },
    code: 'CONSENT_USED_UP',
    final: true,
  },
  {
    name: 'a capsule of another message',
    asked: { capsule: failed('CAPSULE_MISMATCH') },
    code: 'CAPSULE_MISMATCH',
    final: true,
  },
  {
    name: 'a destroyed release key',
    asked: { capsule: failed('RELEASE_KEY_DESTROYED') },
    code: 'RELEASE_KEY_DESTROYED',
    final: true,
  },
  {
    name: 'a message that outlives its release key',
    asked: { capsule: ok({ destroyAfter: at + 999 }) },
    code: 'EXP_TOO_LATE',
    final: true,
  },
  {
    name: 'a jti used for another request',
    words: {
      sameRequest: [{ leafIndex: 7, type: 'message-released', requestHash: sha256('other'), code: '' }],
    },
    code: 'RELEASE_REQUEST_INVALID',
  },
];

describe('a release is refused for', () => {
  it.each(refusals)('$name', ({ asked = {}, words = {}, code, final = false, logged = true }) => {
    expect(judge(asked, words)).toMatchObject({ kind: 'refuse', error: { code }, final, logged });
  });

  it('the same reason again without another leaf', () => {
    const sameRequest = [{ leafIndex: 7, type: 'release-refused' as const, requestHash, code: 'CAPSULE_MISMATCH' }];
    expect(judge({ capsule: failed('CAPSULE_MISMATCH') }, { sameRequest })).toMatchObject({
      kind: 'refuse',
      leafIndex: 7,
    });
  });
});

describe('what stops a release', () => {
  it('stops a repeated one as well', () => {
    const sameRequest = [{ leafIndex: 7, type: 'message-released' as const, requestHash, code: '' }];
    expect(judge({}, { released: true, sameRequest, ...word('consent-withdrawn') })).toMatchObject({ kind: 'refuse' });
  });
});

describe('clocks that differ', () => {
  const request = (iat: number) => ({ request: ok({ hash: requestHash, iat }) });
  const permitted = (iat: number, exp: number) => ({ permit: ok({ permitted: true as const, iat, exp }) });
  const sent = (given: Partial<typeof message>) => ({ message: ok({ ...message, ...given }) });
  const signable = (from: number, until: number) => sent({ signable: { from, until } });

  it.each<[string, Partial<ReleaseCase>, Partial<LogWords>?]>([
    ['a request of 60 s ago', request(at - 60)],
    ['a request by a clock that is 60 s ahead', request(at + 60)],
    ['a message by a clock that is 60 s ahead', sent({ iat: at + 60 })],
    ['a message in its last second', sent({ exp: at + 1 })],
    ['an acceptance by a clock of the hub that is 2 s ahead', { accepted: ok({ at: at + 2 }) }],
    ['a permit by a clock of the hub that is 2 s ahead', permitted(at + 2, at + 12)],
    ['a permit that ended a second ago by a clock of the hub', permitted(at - 11, at - 1)],
    ['a key that began to count at the moment of acceptance', signable(at - 90, at)],
    ['a key that ended just after the acceptance', signable(0, at - 89.999)],
    ['a message that ends with its release key', { capsule: ok({ destroyAfter: message.exp }) }],
    ['a recipient that has seen the whole log', { seenSize: 10 }],
  ])('%s is released', (_name, asked, words = {}) => {
    expect(judge(asked, words)).toMatchObject({ kind: 'release' });
  });

  it.each<[string, Partial<ReleaseCase>, ErrorCode]>([
    ['a request of 61 s ago', request(at - 61), 'RELEASE_REQUEST_INVALID'],
    ['a request by a clock that is 61 s ahead', request(at + 61), 'RELEASE_REQUEST_INVALID'],
    ['a message by a clock that is 61 s ahead', sent({ iat: at + 61 }), 'IAT_IN_FUTURE'],
    ['a message at its end', sent({ exp: at }), 'MESSAGE_EXPIRED'],
    ['an acceptance by a clock of the hub that is 3 s ahead', { accepted: ok({ at: at + 3 }) }, 'IAT_IN_FUTURE'],
    ['a permit by a clock of the hub that is 3 s ahead', permitted(at + 3, at + 13), 'PERMIT_INVALID'],
    ['a permit that ended two seconds ago', permitted(at - 12, at - 2), 'PERMIT_INVALID'],
    ['a key that began to count after the acceptance', signable(at - 89.999, at), 'SIGNATURE_INVALID'],
    ['a key that ended at the moment of acceptance', signable(0, at - 90), 'SIGNATURE_INVALID'],
    ['a message that ends after its release key', { capsule: ok({ destroyAfter: message.exp - 1 }) }, 'EXP_TOO_LATE'],
  ])('%s is refused', (_name, asked, code) => {
    expect(judge(asked)).toMatchObject({ kind: 'refuse', error: { code } });
  });
});

describe('what was refused before', () => {
  const before = (code: string, type: 'release-refused' | 'message-released' = 'release-refused') => ({
    sameRequest: [{ leafIndex: 7, type, requestHash, code }],
  });
  const leafOf = (verdict: Verdict): number | undefined => (verdict.kind === 'refuse' ? verdict.leafIndex : undefined);
  const mismatched = { capsule: failed<{ destroyAfter: number }>('CAPSULE_MISMATCH') };

  it('for another reason is refused with an entry of its own', () => {
    expect(leafOf(judge(mismatched, before('NO_BASIS')))).toBeUndefined();
  });
  it('was a release, so the refusal is an entry of its own', () => {
    expect(leafOf(judge(mismatched, before('CAPSULE_MISMATCH', 'message-released')))).toBeUndefined();
  });
  it('is not found for a request that did not verify: that is hearsay', () => {
    const asked = { request: failed<{ hash: typeof requestHash; iat: number }>('SIGNATURE_INVALID') };
    expect(leafOf(judge(asked, before('SIGNATURE_INVALID')))).toBeUndefined();
  });
});

describe('a message under several consents', () => {
  const other = '0b0e7f64-8a4c-4b5e-9a37-000000000002' as string as ConsentId;
  it('needs each of them', () => {
    const both = ok({ ...message, consents: [...message.consents, { id: other, version: 1 }] });
    const consentWords = (id: ConsentId) =>
      id === other
        ? [
            { leafIndex: 3, type: 'consent-recorded' as const, version: 1 },
            { leafIndex: 4, type: 'consent-withdrawn' as const, version: 1 },
          ]
        : log.consentWords(id);
    expect(judge({ message: both }, { consentWords })).toMatchObject({ error: { code: 'CONSENT_WITHDRAWN' } });
  });
  it('waits while one of them is suspended', () => {
    const consentWords = () => [
      { leafIndex: 3, type: 'consent-recorded' as const, version: 2 },
      { leafIndex: 4, type: 'consent-suspended' as const, version: 2 },
    ];
    expect(judge({}, { consentWords })).toMatchObject({ error: { code: 'CONSENT_INACTIVE' }, final: false });
  });
});

describe('a message whose acceptance the log knows', () => {
  it('is released without the event of it', () => {
    expect(judge({ accepted: ok(undefined) })).toMatchObject({ kind: 'release' });
  });
});
