import { describe, expect, it } from '@jest/globals';
import { destroyFrom, type KeyInTime, pseudonymKeyDestroyFrom, rotateFrom } from './key-schedule.js';

const day = (n: number): Date => new Date(Date.UTC(2026, 0, n));
const key = (use: KeyInTime['use'], more: Partial<KeyInTime> = {}): KeyInTime => ({
  use,
  notBefore: day(1),
  notAfter: day(700),
  revokedAt: undefined,
  ...more,
});
const minuteAfter = (at: Date): Date => new Date(at.getTime() + 60_000);

describe('a key is replaced', () => {
  it('after the days that the agency chose', () =>
    expect(rotateFrom(key('signing'), { rotateEveryDays: 90, overlapDays: 7 })).toEqual(day(91)));

  it('before it runs out, with time for the overlap twice', () =>
    expect(rotateFrom(key('signing'), { overlapDays: 7 })).toEqual(day(686)));

  it('before it runs out, also when the agency chose later', () =>
    expect(rotateFrom(key('signing'), { rotateEveryDays: 699, overlapDays: 7 })).toEqual(day(686)));
});

describe('the private half of an old key', () => {
  const capsulesEnd = (madeBefore: Date): Date => new Date(madeBefore.getTime() + 123 * 86_400_000);

  it.each(['signing', 'client-auth'] as const)('for %s is destroyed when the key ends', (use) =>
    expect(destroyFrom(key(use), capsulesEnd)).toEqual(minuteAfter(day(700))),
  );

  it('for receiving is kept until the last message that can have been sealed to it has ended', () =>
    expect(destroyFrom(key('receiving'), capsulesEnd)).toEqual(minuteAfter(day(823))));

  it('for receiving is kept at least until the key ends', () =>
    expect(destroyFrom(key('receiving'), () => day(5))).toEqual(minuteAfter(day(700))));

  it('for receiving is kept while nobody knows how long messages live', () =>
    expect(destroyFrom(key('receiving'), () => undefined)).toBeUndefined());

  it('counts from a revocation, where that came first', () =>
    expect(destroyFrom(key('signing', { revokedAt: day(20) }), capsulesEnd)).toEqual(minuteAfter(day(20))));

  it('for recovery stays', () => expect(destroyFrom(key('recovery'), capsulesEnd)).toBeUndefined());
});

describe('an earlier pseudonym key', () => {
  it('is destroyed when no consent and no message made under it can be left', () => {
    expect(pseudonymKeyDestroyFrom(day(10), () => day(100))).toEqual(minuteAfter(day(376)));
    expect(pseudonymKeyDestroyFrom(day(10), () => day(500))).toEqual(day(500));
  });

  it('is kept while nobody knows how long messages live', () =>
    expect(pseudonymKeyDestroyFrom(day(10), () => undefined)).toBeUndefined());
});
