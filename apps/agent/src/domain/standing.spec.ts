import { describe, expect, it } from '@jest/globals';
import { birthdayOf, nextStandingFrom, standingAt } from './standing.js';

describe('the day of birth that an identity code tells', () => {
  it.each([
    ['010117A900V', '2017-01-01'],
    ['010190-900P', '1990-01-01'],
    ['010190Y900P', '1990-01-01'],
    ['010190+900P', '1890-01-01'],
    ['010117b900v', '2017-01-01'],
  ])('of %s is %s', (value, expected) => {
    expect(birthdayOf({ type: 'henkilotunnus', value })).toBe(expected);
  });

  it.each([
    ['another identifier', 'migri-customer', '010117'],
    ['a code with a wrong check character', 'henkilotunnus', '010117A900A'],
  ] as const)('is not told by %s', (_, type, value) => {
    expect(birthdayOf({ type, value })).toBeUndefined();
  });
});

describe('the standing of somebody born on 15 March 2010', () => {
  it.each([
    ['2025-03-14', 'child', '2025-03-15'],
    ['2025-03-15', 'fifteen', '2028-03-15'],
    ['2028-03-14', 'fifteen', '2028-03-15'],
    ['2028-03-15', 'adult', undefined],
  ])('on %s is %s, until %s', (on, standing, next) => {
    expect([standingAt('2010-03-15', on), nextStandingFrom('2010-03-15', on)]).toEqual([standing, next]);
  });
});
