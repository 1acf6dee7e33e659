import { describe, expect, it } from '@jest/globals';
import { type Sha256, agencyId } from '#kernel';
import { type LeftErasure, type LeftReason, leftByReason, reasonForNothing } from './left-erasures.js';

const [city, county] = [agencyId('K-235'), agencyId('H-03')];
const left = (
  proposal: string,
  reason: LeftReason,
  entries: number,
  ...parties: LeftErasure['parties']
): LeftErasure => ({
  proposal: proposal as Sha256,
  reason,
  entries,
  parties,
});

describe('what a run leaves', () => {
  const all = [
    left('a', 'LEGAL_HOLD', 2, city, county),
    left('b', 'NOT_APPROVED', 3, county),
    left('c', 'LEGAL_HOLD', 5, county),
  ];

  it('is counted by reason', () => {
    expect(leftByReason(all)).toEqual([
      { reason: 'NOT_APPROVED', proposals: ['b'], entries: 3 },
      { reason: 'LEGAL_HOLD', proposals: ['a', 'c'], entries: 7 },
    ]);
  });

  it('is counted for an agency as far as it proposed or approved it', () => {
    expect(leftByReason(all, city)).toEqual([{ reason: 'LEGAL_HOLD', proposals: ['a'], entries: 2 }]);
  });

  it('names the reason for which nothing is done: a hold before what nobody has approved', () => {
    expect(reasonForNothing(all)).toBe('LEGAL_HOLD');
    expect(reasonForNothing([])).toBe('NOT_APPROVED');
  });
});
