/** A calendar day in Finland as `YYYY-MM-DD`. Days compare as text. */
export type Day = string;

const DAY = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/;
const MILLISECONDS_PER_DAY = 86_400_000;

const helsinkiClock = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'Europe/Helsinki',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

// Arithmetic on days is done on UTC midnights, which know no summer time.
const utcMidnight = (day: Day): number => Date.parse(`${day}T00:00:00Z`);
const dayOfUtc = (milliseconds: number): Day => new Date(milliseconds).toISOString().slice(0, 10);

/** True for days that exist, from year 1000 to 9999: `2026-02-30` is none. */
export function isDay(value: unknown): value is Day {
  if (typeof value !== 'string' || !DAY.test(value) || value < '1000') return false;
  return dayOfUtc(utcMidnight(value)) === value;
}

/** The day itself, or throw: for values that were validated before. */
export function day(value: string): Day {
  if (!isDay(value)) throw new TypeError('not a calendar day (YYYY-MM-DD)');
  return value;
}

/** Milliseconds that Helsinki's wall clock is ahead of UTC at this instant: two or three hours in our time. */
function aheadOfUtc(at: number): number {
  const part = Object.fromEntries(helsinkiClock.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const wallClock = Date.UTC(
    part['year'] ?? NaN,
    (part['month'] ?? NaN) - 1,
    part['day'],
    part['hour'],
    part['minute'],
    part['second'],
  );
  return wallClock - Math.floor(at / 1000) * 1000;
}

/** The calendar day that Helsinki's wall clock shows at this instant. */
export const dayInHelsinki = (at: Date): Day => dayOfUtc(at.getTime() + aheadOfUtc(at.getTime()));

/** The instant at which the day begins in Helsinki, also on the days on which summer time begins or ends. */
export function startOfDay(of: Day): Date {
  const midnight = utcMidnight(of);
  // Clocks change at 03:00 and 04:00 local time, so the offset of two hours before midnight holds at midnight.
  return new Date(midnight - aheadOfUtc(midnight - 4 * 3_600_000));
}

/** The last second of the day in Helsinki: what expires then still shows this day as its date. */
export const endOfDay = (of: Day): Date => new Date(startOfDay(addDays(of, 1)).getTime() - 1000);

export const addDays = (to: Day, count: number): Day => dayOfUtc(utcMidnight(to) + count * MILLISECONDS_PER_DAY);

/** Days from one day to another; negative when `to` lies before `from`. */
export const daysBetween = (from: Day, to: Day): number => (utcMidnight(to) - utcMidnight(from)) / MILLISECONDS_PER_DAY;

/** The day of the same number so many months later, or the last day of a shorter month (Act 150/1930 §3). */
export function addMonths(to: Day, count: number): Day {
  const [year = 0, month = 1, number = 1] = to.split('-').map(Number);
  const lastOfMonth = new Date(Date.UTC(year, month - 1 + count + 1, 0));
  return dayOfUtc(
    Date.UTC(lastOfMonth.getUTCFullYear(), lastOfMonth.getUTCMonth(), Math.min(number, lastOfMonth.getUTCDate())),
  );
}

/** Monday is 1 and Sunday is 7, as in ISO 8601. */
export const weekday = (of: Day): number => new Date(utcMidnight(of)).getUTCDay() || 7;
