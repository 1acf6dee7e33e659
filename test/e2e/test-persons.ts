export interface TestPerson {
  readonly name: string;
  /** Henkilötunnus. */
  readonly identityCode: string;
}

const CHECK_CHARACTERS = '0123456789ABCDEFHJKLMNPRSTUVWXY';

/**
 * Somebody who does not exist.
 *
 * @param individual 900 to 999, which are given to nobody
 * @param birth ddmmyy
 * @param sign of the century
 */
export function testPerson(individual: number, birth = '010190', sign: '-' | 'A' = '-'): TestPerson {
  if (individual < 900 || individual > 999) throw new RangeError('the individual number of somebody who may exist');
  const check = CHECK_CHARACTERS[Number(`${birth}${individual}`) % CHECK_CHARACTERS.length];
  return { name: `Testi Henkilö ${individual}`, identityCode: `${birth}${sign}${individual}${check}` };
}
