import { describe, expect, it } from '@jest/globals';
import type { Grant } from '#envelope';
import { agencyId } from '#kernel';
import { referenceCatalogue } from './catalogue.fixture.js';
import { mayBeAskedFor, whatTheLawGives } from './what-the-law-gives.js';

const catalogue = referenceCatalogue();
const DAY = '2026-11-25';
const grant = (category: number, from: string, ...to: string[]): Grant => ({
  category,
  disclosers: [agencyId(from)],
  recipients: to.map(agencyId),
});

describe('what the law gives without a consent', () => {
  const given = (grants: Grant[], purposes: string[], day = DAY): string[] =>
    whatTheLawGives(catalogue, grants, purposes, day).map(
      ({ category, recipient, provision, confirmed }) => `${category} ${recipient} ${provision} ${confirmed}`,
    );

  it('is told for each category and recipient, with the provision and whether it is confirmed', () => {
    expect(given([grant(11, 'H-03', 'K-235'), grant(12, 'H-03', 'K-235')], ['plan'])).toEqual([
      '11 K-235 681/2023-87 false',
    ]);
  });

  it('must be given for every purpose', () => {
    expect(given([grant(11, 'H-03', 'K-235')], ['plan', 'cost-reimbursement'])).toEqual([]);
  });

  it('is judged by the law of the day', () => {
    expect(given([grant(11, 'H-03', 'K-235')], ['plan'], '2024-06-01')).toEqual(['11 K-235 1386/2010-87 true']);
  });
});

describe('what may be asked for', () => {
  const code = (grants: Grant[], purposes = ['plan']): string => {
    const result = mayBeAskedFor(catalogue, grants, purposes, DAY);
    return result.ok ? 'may' : result.error.code;
  };

  it.each([
    ['a holder’s category', [grant(12, 'H-03', 'K-235')], 'may'],
    ['where one of the disclosers is the recipient', [{ ...grant(13, 'K-235', 'H-03', 'K-235') }], 'may'],
    ['where nobody else would disclose it', [grant(13, 'K-235', 'K-235')], 'CATEGORY_NOT_HELD'],
    ['of who does not hold it', [grant(12, 'L-KELA', 'K-235')], 'CATEGORY_NOT_HELD'],
    ['for who may not ask', [grant(12, 'H-03', 'L-KELA')], 'CATEGORY_NOT_HELD'],
    ['an unknown category', [grant(99, 'H-03', 'K-235')], 'CATEGORY_UNKNOWN'],
  ])('%s: %s', (_, grants, expected) => {
    expect(code(grants)).toBe(expected);
  });

  it('needs a purpose of the catalogue', () => {
    expect(code([grant(12, 'H-03', 'K-235')], ['curiosity'])).toBe('PURPOSE_UNKNOWN');
  });
});
