/**
 * Eves on which public offices are closed although they are no public holidays, by the rule's name in `date-holidays`.
 * Act on the Calculation of Prescribed Periods of Time 150/1930 §5 names both beside holidays, Independence Day, May Day
 * and Saturday. New Year's Eve and Maundy Thursday, which the package lists too, are ordinary office days.
 */
export const closedEves = [
  { rule: '12-24', fi: 'jouluaatto', sv: 'julafton', en: 'Christmas Eve' },
  { rule: 'friday after 06-19', fi: 'juhannusaatto', sv: 'midsommarafton', en: 'Midsummer Eve' },
] as const;
