import { createHash } from 'node:crypto';

/** Somebody who does not exist: the individual number lies in 900 to 999, which is never given to a person. */
export interface TestPerson {
  readonly name: string;
  /** Henkilötunnus. */
  readonly identityCode: string;
  /** Home municipality, three digits. */
  readonly municipality: string;
}

const CHECK_CHARACTERS = '0123456789ABCDEFHJKLMNPRSTUVWXY';
const GIVEN = [
  'Amina',
  'Oleksandr',
  'Fatima',
  'Yusuf',
  'Natalia',
  'Reza',
  'Leyla',
  'Mehmet',
  'Olena',
  'Hassan',
  'Mirjeta',
  'Dmytro',
];
const FAMILY = ['Esimerkki', 'Exempel', 'Testinen', 'Provberg', 'Mallinen', 'Testström', 'Koehenkilö', 'Prövling'];

/** The same seed gives the same person on every machine. */
export function testPerson(seed: string, municipality: string): TestPerson {
  const digest = createHash('sha256').update(`kotovayla-test-person ${seed}`).digest();
  const pick = <T>(list: readonly T[], at: number): T => list[digest.readUInt16BE(at) % list.length]!;
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${two(1 + (digest[0]! % 28))}${two(1 + (digest[1]! % 12))}${two(60 + (digest[2]! % 40))}`;
  const individual = 900 + (digest.readUInt16BE(3) % 100);
  const check = CHECK_CHARACTERS[Number(`${date}${individual}`) % 31]!;
  return { name: `${pick(GIVEN, 6)} ${pick(FAMILY, 8)}`, identityCode: `${date}-${individual}${check}`, municipality };
}
