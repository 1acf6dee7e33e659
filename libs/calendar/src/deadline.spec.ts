import { describe, expect, it } from '@jest/globals';
import { type DeadlineRule, type PeriodLength, deadlineFor } from './deadline.js';

const rule = (unit: PeriodLength['unit'], count: number, endsOnWorkingDay = true): DeadlineRule => ({
  length: { unit, count },
  endsOnWorkingDay,
});

describe('a deadline', () => {
  const monday = new Date('2026-11-23T08:15:00Z');

  it.each([
    ['one working day', rule('working-days', 1), '2026-11-24T21:59:59.000Z'],
    ['five working days', rule('working-days', 5), '2026-11-30T21:59:59.000Z'],
    ['seven days', rule('days', 7), '2026-11-30T21:59:59.000Z'],
    ['two weeks, moved on from Independence Day', rule('weeks', 2), '2026-12-07T21:59:59.000Z'],
    ['one month', rule('months', 1), '2026-12-23T21:59:59.000Z'],
    ['a year', rule('years', 1), '2027-11-23T21:59:59.000Z'],
    ['72 hours, to the second', rule('hours', 72), '2026-11-26T08:15:00.000Z'],
  ])('of %s ends with that day in Helsinki', (_, length, end) => {
    expect(deadlineFor(length, monday).toISOString()).toBe(end);
  });

  it('that would end on Christmas Eve goes on to the next working day', () => {
    expect(deadlineFor(rule('days', 7), new Date('2026-12-17T10:00:00Z')).toISOString()).toBe(
      '2026-12-28T21:59:59.000Z',
    );
  });

  it('that may end on any day stays there', () => {
    expect(deadlineFor(rule('days', 7, false), new Date('2026-12-17T10:00:00Z')).toISOString()).toBe(
      '2026-12-24T21:59:59.000Z',
    );
  });

  it('counts from the day in Helsinki, not in UTC', () => {
    expect(deadlineFor(rule('working-days', 1), new Date('2026-11-23T22:30:00Z')).toISOString()).toBe(
      '2026-11-25T21:59:59.000Z',
    );
  });
});
