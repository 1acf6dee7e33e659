import { createHmac } from 'node:crypto';
import { FinnishSSN } from 'finnish-ssn';
import { AppError, type Pseudonym, type Result, err, ok } from '#kernel';

export const identifierTypes = ['henkilotunnus', 'migri-customer', 'foreign', 'provisional'] as const;
export type IdentifierType = (typeof identifierTypes)[number];

/** The key that agencies share and the hub never has. */
export interface PseudonymKey {
  readonly key: Buffer;
  readonly version: number;
}

/** Version of the key under which a pseudonym was made. */
export const keyVersionOf = (pseudonym: Pseudonym): number => Number(pseudonym.slice(1, pseudonym.indexOf('.')));

const pseudonymKeyBytes = 32;
const label = 'kotovayla-subject-v1';

const tidy = (value: string): string => value.normalize('NFKC').trim().toUpperCase();
const withoutSpaces = (value: string): string => tidy(value).replace(/\s+/g, '');

// Individual numbers 000 and 001 are not given to anybody.
const isHenkilotunnus = (value: string): boolean =>
  FinnishSSN.validate(value) && !['000', '001'].includes(value.slice(7, 10));

const normalise: Readonly<Record<IdentifierType, (value: string) => string | undefined>> = {
  henkilotunnus: (value) => {
    const code = tidy(value);
    return isHenkilotunnus(code) ? code : undefined;
  },
  'migri-customer': (value) => /^[0-9]{1,20}$/.exec(withoutSpaces(value))?.[0],
  foreign: (value) => /^[\p{L}\p{N}][\p{L}\p{N}./:_-]{0,63}$/u.exec(withoutSpaces(value))?.[0],
  provisional: (value) => /^[A-Z0-9][A-Z0-9.:_-]{0,63}$/.exec(withoutSpaces(value))?.[0],
};

/**
 * The one spelling of an identifier: capitals, no white space, for a henkilötunnus a valid check character (all century
 * signs, those of 2023 included). Errors: IDENTITY_CODE_INVALID, which never repeats the value.
 */
export function normaliseIdentifier(type: IdentifierType, value: string): Result<string> {
  const normalised = normalise[type](value);
  return normalised === undefined ? err(new AppError('IDENTITY_CODE_INVALID')) : ok(normalised);
}

/**
 * HMAC-SHA-256 over label, type and normalised identifier, separated by zero bytes (design page 2, "Subjects"). Whoever
 * can call this at will can invert every pseudonym: offer it to nobody. Errors: IDENTITY_CODE_INVALID.
 */
export function pseudonymOf({ key, version }: PseudonymKey, type: IdentifierType, value: string): Result<Pseudonym> {
  if (key.length !== pseudonymKeyBytes) throw new TypeError('a pseudonym key has 32 bytes');
  const normalised = normaliseIdentifier(type, value);
  if (!normalised.ok) return normalised;
  const mac = createHmac('sha256', key).update(`${label}\0${type}\0${normalised.value}`, 'utf8').digest('base64url');
  return ok(`p${version}.${mac}` as Pseudonym);
}
