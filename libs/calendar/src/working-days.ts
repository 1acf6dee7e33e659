import { createRequire } from 'node:module';
import type Holidays from 'date-holidays';
import { closedEves } from './closed-days.js';
import { type Day, addDays, weekday } from './day.js';

const require = createRequire(import.meta.url);
let finland: Holidays | undefined;

/** Read when a day is first asked for: it brings the holidays of all countries, which takes a quarter of a second. */
function finnishHolidays(): Holidays {
  const Calendar = require('date-holidays') as typeof Holidays;
  return (finland ??= new Calendar('FI'));
}

const closedEveRules: ReadonlySet<string> = new Set(closedEves.map(({ rule }) => rule));
const closedDaysByYear = new Map<string, ReadonlySet<Day>>();

/** Weekdays and week-ends alike: public holidays of mainland Finland and Åland, and the eves on which offices close. */
function closedDays(year: string): ReadonlySet<Day> {
  const known = closedDaysByYear.get(year);
  if (known) return known;
  const found = new Set(
    finnishHolidays()
      .getHolidays(year)
      .filter(({ type, rule }) => type === 'public' || closedEveRules.has(rule))
      .map(({ date }) => date.slice(0, 10)),
  );
  closedDaysByYear.set(year, found);
  return found;
}

/** A day on which public offices are open: Monday to Friday, no public holiday, no closed eve. */
export const isWorkingDay = (day: Day): boolean => weekday(day) <= 5 && !closedDays(day.slice(0, 4)).has(day);

/** The day itself when it is a working day, else the next one (Act 150/1930 §5). */
export function workingDayOnOrAfter(day: Day): Day {
  let candidate = day;
  while (!isWorkingDay(candidate)) candidate = addDays(candidate, 1);
  return candidate;
}

/**
 * The day so many working days after `day`, which itself does not count (Act 150/1930 §2). With 0 the day itself, or the
 * next working day when it is none.
 */
export function addWorkingDays(day: Day, count: number): Day {
  if (!Number.isSafeInteger(count) || count < 0) throw new RangeError('working days are counted forward in whole days');
  if (count === 0) return workingDayOnOrAfter(day);
  let reached = day;
  for (let left = count; left > 0; left -= 1) reached = workingDayOnOrAfter(addDays(reached, 1));
  return reached;
}

/** Working days after `from` up to and with `to`; 0 when `to` is not later. */
export function workingDaysBetween(from: Day, to: Day): number {
  let count = 0;
  for (let day = addDays(from, 1); day <= to; day = addDays(day, 1)) if (isWorkingDay(day)) count += 1;
  return count;
}
