import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Day, addDays, dayInHelsinki, endOfDay, startOfDay, weekday } from './day.js';
import { addWorkingDays, isWorkingDay, workingDayOnOrAfter, workingDaysBetween } from './working-days.js';

const seeded = { seed: 20_261_122, numRuns: 300 };
const anyDay = fc.integer({ min: 0, max: 36_000 }).map((offset) => addDays('2000-01-01', offset));
const anyCount = fc.integer({ min: 0, max: 60 });

/** Gregorian Easter after Meeus: written apart from the package that the code uses. */
function easter(year: number): Day {
  const a = year % 19;
  const century = Math.floor(year / 100);
  const rest = year % 100;
  const g = Math.floor((8 * century + 13) / 25);
  const h = (19 * a + century - Math.floor(century / 4) - g + 15) % 30;
  const l = (32 + 2 * (century % 4) + 2 * Math.floor(rest / 4) - h - (rest % 4)) % 7;
  const m = Math.floor((a + 11 * h + 19 * l) / 433);
  const month = Math.floor((h + l - 7 * m + 90) / 25);
  const day = (h + l - 7 * m + 33 * month + 19) % 32;
  return `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
}

function officesClosed(day: Day): boolean {
  if (weekday(day) > 5) return true;
  const fixed = ['01-01', '01-06', '05-01', '12-06', '12-24', '12-25', '12-26'];
  const sunday = easter(Number(day.slice(0, 4)));
  const moving = [-2, 1, 39].map((offset) => addDays(sunday, offset));
  const monthAndDay = day.slice(5);
  const midsummerEve = weekday(day) === 5 && monthAndDay >= '06-19' && monthAndDay <= '06-25';
  return fixed.includes(monthAndDay) || moving.includes(day) || midsummerEve;
}

describe('working days', () => {
  it('agree with the holidays computed by hand on every day of a century', () => {
    const differing: Day[] = [];
    for (let day = '2000-01-01'; day <= '2099-12-31'; day = addDays(day, 1)) {
      if (isWorkingDay(day) === officesClosed(day)) differing.push(day);
    }
    expect(differing).toEqual([]);
  });

  it('are what adding always ends on', () => {
    fc.assert(
      fc.property(anyDay, anyCount, (day, count) => isWorkingDay(addWorkingDays(day, count))),
      seeded,
    );
  });

  it('are counted back to the number that was added', () => {
    fc.assert(
      fc.property(anyDay, fc.integer({ min: 1, max: 60 }), (day, count) => {
        expect(workingDaysBetween(day, addWorkingDays(day, count))).toBe(count);
      }),
      seeded,
    );
  });

  it('add up in steps', () => {
    fc.assert(
      fc.property(anyDay, fc.integer({ min: 1, max: 30 }), anyCount, (day, first, second) => {
        expect(addWorkingDays(addWorkingDays(day, first), second)).toBe(addWorkingDays(day, first + second));
      }),
      seeded,
    );
  });

  it('never move a later day before an earlier one', () => {
    fc.assert(
      fc.property(anyDay, fc.nat(40), anyCount, (day, later, count) => {
        expect(addWorkingDays(day, count) <= addWorkingDays(addDays(day, later), count)).toBe(true);
      }),
      seeded,
    );
  });

  it('come again within six days at the latest', () => {
    fc.assert(
      fc.property(anyDay, (day) => workingDayOnOrAfter(day) <= addDays(day, 6)),
      seeded,
    );
  });
});

describe('the bounds of a day', () => {
  it('hold that day in Helsinki and touch the next one', () => {
    fc.assert(
      fc.property(anyDay, (day) => {
        expect(dayInHelsinki(startOfDay(day))).toBe(day);
        expect(dayInHelsinki(new Date(startOfDay(day).getTime() - 1))).toBe(addDays(day, -1));
        expect(dayInHelsinki(endOfDay(day))).toBe(day);
        expect(endOfDay(day).getTime() + 1000).toBe(startOfDay(addDays(day, 1)).getTime());
      }),
      seeded,
    );
  });
});
