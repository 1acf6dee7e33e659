import { type Day, addDays, addMonths, dayInHelsinki, endOfDay } from './day.js';
import { addWorkingDays, workingDayOnOrAfter } from './working-days.js';

/** How long a period is. The reference data says it, for each kind of deadline; it travels as JSON. */
export interface PeriodLength {
  readonly unit: 'hours' | 'working-days' | 'days' | 'weeks' | 'months' | 'years';
  readonly count: number;
}

export interface DeadlineRule {
  readonly length: PeriodLength;
  /** A period that ends on a Saturday, holiday or closed eve goes on to the next working day (Act 150/1930 §5). */
  readonly endsOnWorkingDay: boolean;
}

function lastDay({ unit, count }: PeriodLength & { unit: Exclude<PeriodLength['unit'], 'hours'> }, from: Day): Day {
  switch (unit) {
    case 'working-days':
      return addWorkingDays(from, count);
    case 'days':
      return addDays(from, count);
    case 'weeks':
      return addDays(from, 7 * count);
    case 'months':
      return addMonths(from, count);
    case 'years':
      return addMonths(from, 12 * count);
  }
}

/**
 * When a period that begins at `from` is over: the last second of its last day in Helsinki; the day of `from` does not
 * count (Act 150/1930 §2). Hours are counted on the clock and never moved.
 */
export function deadlineFor({ length, endsOnWorkingDay }: DeadlineRule, from: Date): Date {
  const { unit, count } = length;
  if (unit === 'hours') return new Date(from.getTime() + count * 3_600_000);
  const last = lastDay({ unit, count }, dayInHelsinki(from));
  return endOfDay(endsOnWorkingDay ? workingDayOnOrAfter(last) : last);
}
