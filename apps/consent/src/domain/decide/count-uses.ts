import { addDays, addMonths, type Day, dayInHelsinki } from '#calendar';
import type { ConsentRecord, Uses } from '#envelope';
import type { ConsentUse } from './facts.js';

export const sameUse = (a: ConsentUse, b: ConsentUse): boolean =>
  a.consentId === b.consentId &&
  a.version === b.version &&
  a.exchangeId === b.exchangeId &&
  a.recipient === b.recipient;

type Frequency = NonNullable<Extract<Uses, { kind: 'repeated' }>['frequency']>;

export const frequencyOf = (uses: Uses): Frequency | undefined =>
  uses.kind === 'repeated' ? uses.frequency : undefined;

/** How many uses there may ever be. */
export const mostUses = ({ uses }: Pick<ConsentRecord, 'uses'>): number =>
  uses.kind === 'once' ? 1 : (uses.max ?? Infinity);

/** The first day on which a use of this day no longer counts. */
function freeAgainOn(used: Day, per: Frequency['per']): Day {
  switch (per) {
    case 'day':
      return addDays(used, 1);
    case 'week':
      return addDays(used, 7);
    case 'month':
      return addMonths(used, 1);
    case 'year':
      return addMonths(used, 12);
  }
}

/**
 * Has the consent been used as often as its frequency allows? The period slides: after a use on the 20th, "once a month" is
 * free again on the 20th of the next. With calendar periods two uses on two days, the 31st and the 1st, would pass as two
 * months. Days and months are counted as in the Act on the computation of time limits (150/1930 §3).
 */
export function usedTooOften(frequency: Frequency, uses: readonly ConsentUse[], now: Date): boolean {
  const today = dayInHelsinki(now);
  const counting = uses.filter(({ usedAt }) => today < freeAgainOn(dayInHelsinki(usedAt), frequency.per));
  return counting.length >= frequency.count;
}
