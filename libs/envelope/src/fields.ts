import {
  type ConsentId,
  type ErrorCode,
  isAgencyId,
  isConsentId,
  isErrorCode,
  isEventId,
  isExchangeId,
  isMessageId,
  isPseudonym,
  isSha256,
  isThumbprint,
} from '#kernel';
import { also, closed, integer, list, text, that } from './shape.js';

/** Members that several tokens share, each checked in one way only. */
export const agency = that(isAgencyId);
export const messageId = that(isMessageId);
export const exchangeId = that(isExchangeId);
export const consentId = that(isConsentId);
export const eventId = that(isEventId);
export const thumbprint = that(isThumbprint);
export const hash = that(isSha256);
export const pseudonym = that(isPseudonym);
export const errorCode = that((value): value is ErrorCode => isErrorCode(value));

/** Seconds since the epoch (RFC 7519 §2 NumericDate, without fractions). */
export const numericDate = integer(0);
export const version = integer(1, 1_000_000);
export const categoryId = integer(1, 999);

/** Code of the reference data: purpose, event type, notice version. */
export const code = text(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/);
/** Provision of the catalogue, such as `681/2023-87`. */
export const provisionId = text(/^[\p{L}\p{N}][\p{L}\p{N}./:§_-]{0,63}$/u);
/** Case worker's pseudonym at the own agency. */
export const worker = text(/^[A-Za-z0-9._:-]{1,128}$/);
/** Unique identifier of a signed request: at least 96 bits when random, as base64url or UUID. */
export const tokenId = text(/^[A-Za-z0-9_-]{16,64}$/);
/** BCP 47 language tag in the form that the reference data uses. */
export const language = text(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$/);

function isDay(value: string): boolean {
  const date = new Date(value);
  // A calendar date that the parser moved (30 February) is no date.
  return !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 10) === value.slice(0, 10);
}

/** Instant in UTC as of RFC 3339, ending in Z. */
export const instant = also(text(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/), isDay);
/** Calendar date, `YYYY-MM-DD`. */
export const day = also(text(/^\d{4}-\d\d-\d\d$/), isDay);

export const isAscending = (values: readonly number[]): boolean =>
  values.every((value, index) => index === 0 || Number(values[index - 1]) < value);
export const areUnique = (values: readonly unknown[]): boolean => new Set(values).size === values.length;

/** Information categories, sorted and unique: one set has one canonical form. */
export const categories = also(list(categoryId, { max: 64 }), isAscending);
export const someCategories = also(list(categoryId, { min: 1, max: 64 }), isAscending);
export const agencies = also(list(agency, { min: 1, max: 64 }), areUnique);
/** Of one message or entry. */
export const mostSubjects = 16;
export const subjects = also(list(pseudonym, { max: mostSubjects }), areUnique);

/** Calendar dates, both included. */
export const dataPeriod = also(
  closed<{ from: string; to: string }>({ from: day, to: day }),
  ({ from, to }) => from <= to,
);

export const consentVersion = closed<{ id: ConsentId; version: number }>({
  id: consentId,
  version,
});
