import { addMonths, type Day, isDay } from '#calendar';
import { type IdentifierType, normaliseIdentifier, type SubjectStanding } from '#envelope';

/** First two digits of the year, by the sign in the middle of a henkilötunnus. */
const centuries: Readonly<Record<string, string>> = {
  '+': '18',
  ...Object.fromEntries([...'-YXWVU'].map((sign) => [sign, '19'])),
  ...Object.fromEntries([...'ABCDEF'].map((sign) => [sign, '20'])),
};

const MONTHS = 12;
const ADULT_AT = 18;
/** Administrative Procedure Act §14: from this age a minor is heard beside the custodian. */
const HEARD_AT = 15;

/** The day of birth that a henkilötunnus tells; undefined for other identifiers. */
export function birthdayOf({
  type,
  value,
}: {
  readonly type: IdentifierType;
  readonly value: string;
}): Day | undefined {
  const code = type === 'henkilotunnus' ? normaliseIdentifier(type, value) : undefined;
  if (!code?.ok) return undefined;
  const [day, month, year] = [code.value.slice(0, 2), code.value.slice(2, 4), code.value.slice(4, 6)];
  const birthday = `${centuries[code.value.charAt(6)] ?? ''}${year}-${month}-${day}`;
  return isDay(birthday) ? birthday : undefined;
}

/** How somebody born on that day stands on this one. */
export function standingAt(birthday: Day, on: Day): SubjectStanding {
  if (addMonths(birthday, ADULT_AT * MONTHS) <= on) return 'adult';
  return addMonths(birthday, HEARD_AT * MONTHS) <= on ? 'fifteen' : 'child';
}

/** The next birthday on which the standing changes; undefined for an adult. What others decided ends then. */
export function nextStandingFrom(birthday: Day, on: Day): Day | undefined {
  return [HEARD_AT, ADULT_AT].map((age) => addMonths(birthday, age * MONTHS)).find((day) => day > on);
}
