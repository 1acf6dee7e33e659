import { describe, expect, it } from '@jest/globals';
import { agencyId } from '#kernel';
import type { Statute, Territory } from './records.js';
import {
  type StatuteQuestion,
  findStatute,
  questionBetween,
  statuteCovers,
  statutesCovering,
} from './statute-rules.js';

const statute = (change: Partial<Statute> = {}): Statute => ({
  id: '1/2020-5',
  version: 1,
  act: { fi: 'Laki', sv: 'Lag' },
  section: '5 §',
  names: { fi: 'Oikeus saada tietoja', sv: 'Rätt att få uppgifter' },
  territory: 'mainland',
  effects: ['processing', 'secrecyLift'],
  scopes: [
    { askers: ['K', 'T'], holders: ['H'], categories: [11], purposes: ['plan'] },
    { askers: ['K'], holders: ['H'], categories: [13], purposes: ['plan', 'move'] },
    { askers: ['K'], holders: ['L'], categories: [9], purposes: ['plan'] },
  ],
  validFrom: '2025-01-01',
  validTo: '2026-12-31',
  confirmed: true,
  source: 'test',
  ...change,
});

const question = (change: Partial<StatuteQuestion> = {}): StatuteQuestion => ({
  effect: 'secrecyLift',
  asker: 'K',
  holder: 'H',
  territories: ['mainland', 'mainland'],
  categories: [11],
  purpose: 'plan',
  day: '2026-11-22',
  ...change,
});

const codeOf = (of: Statute | undefined, asked: StatuteQuestion): string => {
  const result = statuteCovers(of, asked);
  return result.ok ? 'covered' : result.error.code;
};

describe('a provision', () => {
  it('covers parties, category and purpose that one of its scopes names', () => {
    expect(codeOf(statute(), question())).toBe('covered');
  });

  it('covers categories that stand in different scopes', () => {
    expect(codeOf(statute(), question({ categories: [11, 13] }))).toBe('covered');
  });

  it.each<[string, Partial<StatuteQuestion>]>([
    ['another asker', { asker: 'L' }],
    ['another holder', { holder: 'T' }],
    ['one category too many', { categories: [11, 12] }],
    ['a category that its scope gives to another pair only', { asker: 'T', categories: [13] }],
    ['a purpose that its scope gives to another category only', { purpose: 'move' }],
    ['no category at all', { categories: [] }],
    ['an asker on Åland', { territories: ['aland', 'mainland'] }],
    ['a holder on Åland', { territories: ['mainland', 'aland'] }],
    ['an effect that it does not have', { effect: 'refusal' }],
  ])('does not cover %s', (_, change) => {
    expect(codeOf(statute(), question(change))).toBe('STATUTE_NOT_APPLICABLE');
  });

  it.each([
    ['first', '2025-01-01', 'covered'],
    ['last', '2026-12-31', 'covered'],
    ['day before its first', '2024-12-31', 'STATUTE_UNKNOWN'],
    ['day after its last', '2027-01-01', 'STATUTE_UNKNOWN'],
  ])('is judged on its %s day', (_, day, expected) => {
    expect(codeOf(statute(), question({ day }))).toBe(expected);
  });

  it.each<[Statute['territory'], StatuteQuestion['territories'], string]>([
    ['aland', ['aland', 'aland'], 'covered'],
    ['aland', ['mainland', 'mainland'], 'STATUTE_NOT_APPLICABLE'],
    ['aland', ['aland', 'mainland'], 'STATUTE_NOT_APPLICABLE'],
    ['finland', ['mainland', 'aland'], 'covered'],
    ['finland', ['aland', 'aland'], 'covered'],
  ])('of territory %s is between %j: %s', (territory, territories, expected) => {
    expect(codeOf(statute({ territory }), question({ territories }))).toBe(expected);
  });

  it('that the catalogue does not have is unknown', () => {
    expect(codeOf(undefined, question())).toBe('STATUTE_UNKNOWN');
  });

  it('lifts no secrecy when it is a ground for processing only', () => {
    expect(codeOf(statute({ effects: ['processing'] }), question())).toBe('STATUTE_NOT_APPLICABLE');
  });
});

describe('finding a provision', () => {
  const statutes = [
    statute({ validTo: '2025-12-31' }),
    statute({ version: 2, validFrom: '2026-01-01', validTo: null }),
    statute({ id: '2/2020-1', confirmed: false }),
  ];

  it('takes the version in force on the day', () => {
    expect(findStatute(statutes, '1/2020-5', '2025-06-01')?.version).toBe(1);
    expect(findStatute(statutes, '1/2020-5', '2026-06-01')?.version).toBe(2);
  });

  it('finds nothing when another version is asked for than the one in force', () => {
    expect(findStatute(statutes, '1/2020-5', '2026-06-01', 1)).toBeUndefined();
  });

  it('suggests confirmed provisions before unconfirmed ones', () => {
    const suggested = statutesCovering([...statutes].reverse(), question());
    expect(suggested.map(({ id }) => id)).toEqual(['1/2020-5', '2/2020-1']);
  });
});

describe('the question between two agencies', () => {
  const territories: Territory[] = [
    {
      code: 'aland',
      names: { fi: 'Ahvenanmaa', sv: 'Åland', en: 'Åland' },
      agencies: [agencyId('K-478')],
      validFrom: '1993-01-01',
      validTo: '2026-12-31',
      confirmed: true,
      source: 'test',
    },
  ];
  const between = (asker: string, holder: string, day = '2026-12-31') =>
    questionBetween(territories, agencyId(asker), agencyId(holder), day);

  it('names their kinds and where each is', () => {
    expect(between('K-478', 'H-07')).toEqual({ asker: 'K', holder: 'H', territories: ['aland', 'mainland'] });
    expect(between('T-32', 'K-478')).toEqual({ asker: 'T', holder: 'K', territories: ['mainland', 'aland'] });
  });

  it('takes the territory of the day', () => {
    expect(between('K-478', 'H-07', '2027-01-01').territories).toEqual(['mainland', 'mainland']);
  });
});
