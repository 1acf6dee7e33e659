import { describe, expect, it } from '@jest/globals';
import type { PartyKind } from '#kernel';
import { categoriesAllow, categoryAllows } from './category-rules.js';
import type { Category } from './records.js';

const names = { fi: 'Asuminen', sv: 'Boende', en: 'Housing' };
const category = (change: Partial<Category> = {}): Category => ({
  number: 13,
  slug: 'housing',
  schema: 'schemas/13-housing.v1.json',
  names,
  describes: names,
  holders: ['K', 'L'],
  secondHandHolders: ['H'],
  askers: ['K', 'H'],
  betweenKindsOnly: false,
  sensitivity: 2,
  decides: false,
  duty: 'housing',
  firstLook: {},
  validFrom: '2025-01-01',
  validTo: null,
  confirmed: true,
  source: 'test',
  ...change,
});
const DAY = '2026-11-22';

const asked = (of: Category | undefined, asker: PartyKind, holder: PartyKind, day = DAY): string => {
  const result = categoryAllows(of, { asker, holder, day });
  return result.ok ? result.value : result.error.code;
};

describe('asking for a category', () => {
  it.each<[PartyKind, PartyKind, string]>([
    ['H', 'K', 'own'],
    ['K', 'K', 'own'],
    ['K', 'H', 'second-hand'],
    ['K', 'T', 'CATEGORY_NOT_HELD'],
    ['T', 'K', 'CATEGORY_NOT_HELD'],
  ])('%s asks %s: %s', (asker, holder, expected) => {
    expect(asked(category(), asker, holder)).toBe(expected);
  });

  it('goes between two kinds only where the table says so', () => {
    const between = category({ holders: ['K', 'H'], secondHandHolders: [], betweenKindsOnly: true });
    expect([asked(between, 'K', 'H'), asked(between, 'H', 'K'), asked(between, 'K', 'K')]).toEqual([
      'own',
      'own',
      'CATEGORY_NOT_HELD',
    ]);
  });

  it('needs a category that is in force', () => {
    expect(asked(category(), 'K', 'L', '2024-12-31')).toBe('CATEGORY_UNKNOWN');
    expect(asked(undefined, 'K', 'L')).toBe('CATEGORY_UNKNOWN');
  });
});

describe('the categories of one message', () => {
  const known = [category(), category({ number: 11, holders: ['H'], secondHandHolders: [], askers: ['K', 'T'] })];
  const outcome = (numbers: readonly number[], asker: PartyKind, holder: PartyKind): unknown => {
    const result = categoriesAllow(known, numbers, { asker, holder, day: DAY });
    return result.ok ? result.value.map(({ number }) => number) : [result.error.code, result.error.details['category']];
  };

  it('are all allowed, in the order asked', () => {
    expect(outcome([11, 13], 'K', 'H')).toEqual([11, 13]);
  });

  it('are refused with the number of the first that is not held', () => {
    expect(outcome([13, 11], 'K', 'L')).toEqual(['CATEGORY_NOT_HELD', 11]);
  });

  it('are refused with the number of an unknown one', () => {
    expect(outcome([13, 99], 'K', 'H')).toEqual(['CATEGORY_UNKNOWN', 99]);
  });

  it.each([[[]], [[11, 11]]])('are refused when the list is %j', (numbers) => {
    expect(outcome(numbers, 'K', 'H')).toEqual(['CATEGORY_UNKNOWN', undefined]);
  });
});
