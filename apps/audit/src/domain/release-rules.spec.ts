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
