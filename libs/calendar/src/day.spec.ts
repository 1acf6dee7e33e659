import { describe, expect, it } from '@jest/globals';
import { addDays, addMonths, day, dayInHelsinki, daysBetween, endOfDay, isDay, startOfDay, weekday } from './day.js';

describe('a calendar day', () => {
  it.each(['2026-02-28', '2028-02-29', '2026-12-31', '1999-01-01'])('%s exists', (value) => {
    expect(isDay(value)).toBe(true);
  });

  it.each([
    '2026-02-29',
    '2026-04-31',
    '2026-13-01',
    '2026-1-1',
    '26-01-01',
    '2026-01-01T00:00:00Z',
    '',
    20260101,
    null,
  ])('%p does not', (value) => {
    expect(isDay(value)).toBe(false);
  });

  it('is asserted or thrown', () => {
    expect(day('2026-11-22')).toBe('2026-11-22');
    expect(() => day('2026-02-30')).toThrow(TypeError);
  });

  it('knows its weekday as in ISO 8601', () => {
    expect([weekday('2026-11-23'), weekday('2026-11-22')]).toEqual([1, 7]);
  });
});

describe('the day in Helsinki', () => {
  it.each([
    ['2026-11-22T21:59:59Z', '2026-11-22'],
    ['2026-11-22T22:00:00Z', '2026-11-23'],
    ['2026-07-01T20:59:59.999Z', '2026-07-01'],
    ['2026-07-01T21:00:00Z', '2026-07-02'],
  ])('at %s is %s', (instant, expected) => {
    expect(dayInHelsinki(new Date(instant))).toBe(expected);
  });
});

describe('beginning and end of a day', () => {
  it.each([
    ['in winter', '2026-11-23', '2026-11-22T22:00:00.000Z', '2026-11-23T21:59:59.000Z'],
    ['in summer', '2026-07-02', '2026-07-01T21:00:00.000Z', '2026-07-02T20:59:59.000Z'],
    ['when summer time begins, 23 hours long', '2026-03-29', '2026-03-28T22:00:00.000Z', '2026-03-29T20:59:59.000Z'],
    ['when summer time ends, 25 hours long', '2026-10-25', '2026-10-24T21:00:00.000Z', '2026-10-25T21:59:59.000Z'],
  ])('%s', (_, of, start, end) => {
    expect([startOfDay(of).toISOString(), endOfDay(of).toISOString()]).toEqual([start, end]);
  });
});

describe('arithmetic on days', () => {
  it('counts over the ends of months, years and summer time', () => {
    expect([addDays('2026-12-31', 1), addDays('2028-02-28', 1), addDays('2026-03-28', 2)]).toEqual([
      '2027-01-01',
      '2028-02-29',
      '2026-03-30',
    ]);
  });

  it('tells the days between', () => {
    expect([daysBetween('2026-03-01', '2026-11-01'), daysBetween('2026-11-02', '2026-11-01')]).toEqual([245, -1]);
  });

  it('keeps the number of the day when months are added', () => {
    expect(addMonths('2026-11-22', 3)).toBe('2027-02-22');
  });

  it('takes the last day of a shorter month', () => {
    expect([addMonths('2026-01-31', 1), addMonths('2027-11-30', 3)]).toEqual(['2026-02-28', '2028-02-29']);
  });
});
