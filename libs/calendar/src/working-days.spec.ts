import { describe, expect, it } from '@jest/globals';
import { addWorkingDays, isWorkingDay, workingDayOnOrAfter, workingDaysBetween } from './working-days.js';

describe('days on which public offices are closed', () => {
  it.each([
    ['2026-01-01', 'New Year'],
    ['2026-01-06', 'Epiphany'],
    ['2026-04-03', 'Good Friday'],
    ['2026-04-06', 'Easter Monday'],
    ['2026-05-01', 'May Day'],
    ['2026-05-14', 'Ascension Day'],
    ['2026-06-19', 'Midsummer Eve, closed though no public holiday'],
    ['2027-12-06', 'Independence Day'],
    ['2026-12-24', 'Christmas Eve, closed though no public holiday'],
    ['2026-12-25', 'Christmas Day'],
    ['2025-12-26', "St Stephen's Day"],
    ['2026-11-21', 'a Saturday'],
    ['2026-11-22', 'a Sunday'],
  ])('%s: %s', (day) => {
    expect(isWorkingDay(day)).toBe(false);
  });
});

describe('ordinary office days', () => {
  it.each([
    ['2026-12-31', "New Year's Eve"],
    ['2026-04-02', 'Maundy Thursday'],
    ['2026-06-18', 'the day before Midsummer Eve'],
    ['2026-02-17', 'Shrove Tuesday'],
    ['2026-11-23', 'a Monday'],
  ])('%s: %s', (day) => {
    expect(isWorkingDay(day)).toBe(true);
  });
});

describe('adding working days', () => {
  it('does not count the day of the event', () => {
    expect(addWorkingDays('2026-11-23', 1)).toBe('2026-11-24');
  });

  it('leaps over a week-end', () => {
    expect(addWorkingDays('2026-11-20', 1)).toBe('2026-11-23');
  });

  it('leaps over Christmas from 23 to 28 December', () => {
    expect(addWorkingDays('2026-12-23', 1)).toBe('2026-12-28');
  });

  it('leaps over Midsummer', () => {
    expect(addWorkingDays('2026-06-18', 1)).toBe('2026-06-22');
  });

  it('leaps over Easter', () => {
    expect(addWorkingDays('2026-04-02', 5)).toBe('2026-04-13');
  });

  it('counts from a Sunday as from the Friday before', () => {
    expect(addWorkingDays('2026-11-22', 1)).toBe('2026-11-23');
  });

  it('with none stays on a working day and leaves a holiday', () => {
    expect([addWorkingDays('2026-11-23', 0), addWorkingDays('2026-12-24', 0)]).toEqual(['2026-11-23', '2026-12-28']);
  });

  it.each([-1, 1.5, Number.NaN])('refuses %p days', (count) => {
    expect(() => addWorkingDays('2026-11-23', count)).toThrow(RangeError);
  });
});

describe('the working day on or after', () => {
  it('is the next Monday for a Saturday', () => {
    expect(workingDayOnOrAfter('2026-11-21')).toBe('2026-11-23');
  });

  it('is the Monday after a New Year on a Friday', () => {
    expect(workingDayOnOrAfter('2027-01-01')).toBe('2027-01-04');
  });
});

describe('working days between', () => {
  it('counts the last day but not the first', () => {
    expect(workingDaysBetween('2026-12-23', '2026-12-31')).toBe(4);
  });

  it('is none backwards', () => {
    expect(workingDaysBetween('2026-12-31', '2026-12-23')).toBe(0);
  });
});
