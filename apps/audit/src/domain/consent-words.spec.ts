import { describe, expect, it } from '@jest/globals';
import { type ConsentWord, standingOf } from './consent-words.js';
import type { ConsentType } from './entry-types.js';

const words = (...entries: readonly (readonly [ConsentType, number])[]): ConsentWord[] =>
  entries.map(([type, version], leafIndex) => ({ type, version, leafIndex }));

describe('what the log says about a version of a consent', () => {
  it('is nothing before its record is logged', () => {
    expect(standingOf(1, [])).toMatchObject({ holds: false, code: 'unknown', final: false });
  });
  it('is that it holds once recorded', () => {
    expect(standingOf(1, words(['consent-recorded', 1]))).toEqual({ holds: true });
  });
  it('stays withdrawn, whatever comes after', () => {
    const later = words(
      ['consent-recorded', 1],
      ['consent-withdrawn', 1],
      ['consent-expired', 1],
      ['consent-resumed', 1],
    );
    expect(standingOf(1, later)).toMatchObject({ code: 'CONSENT_WITHDRAWN', final: true });
  });
  it('is superseded by the record of a newer version', () => {
    const both = words(['consent-recorded', 1], ['consent-recorded', 2]);
    expect(standingOf(1, both)).toMatchObject({ code: 'CONSENT_SUPERSEDED' });
    expect(standingOf(2, both)).toEqual({ holds: true });
  });
  it.each([
    ['consent-revoked', 'CONSENT_INACTIVE'],
    ['consent-invalidated', 'CONSENT_INACTIVE'],
    ['consent-expired', 'CONSENT_EXPIRED'],
    ['consent-superseded', 'CONSENT_SUPERSEDED'],
  ] as const)('is over for good after %s, also when it is resumed later', (type, code) => {
    const over = words(['consent-recorded', 1], [type, 1], ['consent-resumed', 1]);
    expect(standingOf(1, over)).toEqual({ holds: false, code, final: true });
  });
  it('is withdrawn with a newer version, also where that one had superseded it by an entry', () => {
    const newer = words(['consent-recorded', 1], ['consent-superseded', 1], ['consent-recorded', 2]);
    const withdrawn = [...newer, { type: 'consent-withdrawn', version: 2, leafIndex: 3 } as const];
    expect(standingOf(1, newer)).toMatchObject({ code: 'CONSENT_SUPERSEDED' });
    expect(standingOf(1, withdrawn)).toMatchObject({ code: 'CONSENT_WITHDRAWN', final: true });
  });
  it('is not touched by the withdrawal of an older version', () => {
    const both = words(['consent-recorded', 1], ['consent-withdrawn', 1], ['consent-recorded', 2]);
    expect(standingOf(2, both)).toEqual({ holds: true });
  });
  it('is suspended until resumed, by the order of the leaves and not of the rows', () => {
    const suspended = words(['consent-recorded', 1], ['consent-suspended', 1]);
    expect(standingOf(1, suspended)).toMatchObject({ code: 'CONSENT_INACTIVE', final: false });
    const resumed = words(['consent-recorded', 1], ['consent-suspended', 1], ['consent-resumed', 1]);
    expect(standingOf(1, [...resumed].reverse())).toEqual({ holds: true });
  });
});
