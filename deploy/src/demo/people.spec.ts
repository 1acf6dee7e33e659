import { describe, expect, it } from '@jest/globals';
import { FinnishSSN } from 'finnish-ssn';
import { testPerson } from './people.js';

describe('test persons', () => {
  const people = Array.from({ length: 500 }, (_, i) => testPerson(`person ${i}`, '235'));

  it('have valid identity codes', () => {
    expect(people.filter(({ identityCode }) => !FinnishSSN.validate(identityCode))).toEqual([]);
  });

  it('have individual numbers that are never given to a person', () => {
    expect(people.map(({ identityCode }) => Number(identityCode.slice(7, 10))).every((n) => n >= 900 && n <= 999)).toBe(
      true,
    );
  });

  it('are the same for the same seed', () => {
    expect(testPerson('person 1', '235')).toEqual(people[1]);
  });
});
