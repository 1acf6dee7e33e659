import { type Day, isDay, startOfDay } from '#calendar';
import type { Category } from '#catalogue';
import { type Basis, type DataPeriod, frequencyPeriods, type Grant, grantEach, type Uses } from '#envelope';
import { type AgencyId, type ConsentId, type ExchangeId, isAgencyId, type Pseudonym, sha256 } from '#kernel';

/** What the words of one file mean. */
export interface Dictionary {
  readonly agencies: Readonly<Record<string, string>>;
  readonly categories: readonly Category[];
}

const misread = (what: string, words: string): never => {
  throw new Error(`"${words}" is no ${what}`);
};

/** `[^,]+` between commas. */
const listed = (words: string): string[] => words.split(',').map((word) => word.trim());

/** `2026-11-22`, the beginning of that day in Helsinki, or `2026-11-22 14:30` on Helsinki's clock. */
export function readTime(words: string): Date {
  const [, day, hours, minutes, seconds] =
    /^(\d{4}-\d\d-\d\d)(?: ([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?)?$/.exec(words) ?? [];
  if (!isDay(day)) return misread('time', words);
  const midnight = startOfDay(day).getTime();
  const clock = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60 + Number(seconds ?? 0);
  const at = midnight + clock * 1_000;
  // On the days on which the clock changes, midnight is not as far away as it looks.
  const sixHours = 6 * 3_600_000;
  const change = startOfDay(nextDay(day)).getTime() - midnight - 24 * 3_600_000;
  return new Date(clock * 1_000 >= sixHours ? at + change : at);
}

const nextDay = (day: Day): Day => new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);

/** `2026-01-01 to 2026-06-30`, both days included. */
export function readPeriod(words: string): DataPeriod {
  const [, from, to] = /^(\S+) to (\S+)$/.exec(words) ?? [];
  return isDay(from) && isDay(to) && from <= to ? { from, to } : misread('period', words);
}

export function readAgency(word: string, { agencies }: Dictionary): AgencyId {
  const id = agencies[word] ?? word;
  return isAgencyId(id) ? id : misread('agency', word);
}

/** Short names of the categories (`functional-ability`), or their numbers; sorted. */
export const readCategories = (words: string, { categories }: Dictionary): number[] =>
  listed(words)
    .map(
      (word) =>
        categories.find(({ slug, number }) => slug === word || String(number) === word)?.number ??
        misread('category', word),
    )
    .sort((a, b) => a - b);

/** `functional-ability, housing from county to municipality, kela`: a yes. */
export function readGrants(words: string, dictionary: Dictionary): Grant[] {
  const [, categories, disclosers, recipients] = /^(.+) from (.+) to (.+)$/.exec(words) ?? [];
  if (!categories || !disclosers || !recipients) return misread('yes', words);
  const named = (list: string): AgencyId[] => listed(list).map((word) => readAgency(word, dictionary));
  return grantEach(readCategories(categories, dictionary), {
    disclosers: named(disclosers),
    recipients: named(recipients),
  });
}

/** `once`, `repeatedly`, `at most 3`, `2 a month`, `at most 5, 2 a month`. */
export function readUses(words: string): Uses {
  if (words === 'once') return { kind: 'once' };
  if (words === 'repeatedly') return { kind: 'repeated' };
  const [, max, count, per] = /^(?:at most (\d+))?(?:, )?(?:(\d+) a (\w+))?$/.exec(words) ?? [];
  const period = frequencyPeriods.find((one) => one === per);
  if ((max ?? count) === undefined || (per !== undefined && !period)) return misread('number of uses', words);
  return {
    kind: 'repeated',
    ...(max !== undefined && { max: Number(max) }),
    ...(count !== undefined && period && { frequency: { count: Number(count), per: period } }),
  };
}

/**
 * `housing, interpreting by statute 681/2023-87`, `functional-ability by consent anna, bashir`. A version is named as
 * `681/2023-87 version 2`; else it is the newest of a consent and 1 of a provision.
 */
export function readBasis(
  words: string,
  dictionary: Dictionary,
  { processing, newest }: { processing: Basis['processing']; newest: (consent: string) => number },
): Basis {
  const [, categories, means, names] = /^(.+) by (statute|consent) (.+)$/.exec(words) ?? [];
  if (!categories || !names) return misread('basis', words);
  const named = listed(names).map((one) => {
    const [, name = '', version] = /^(\S+)(?: version (\d+))?$/.exec(one) ?? misread('basis', words);
    return { name, version: version === undefined ? undefined : Number(version) };
  });
  const [first, ...others] = named;
  const consents = named.map(({ name, version }) => ({ id: consentIdOf(name), version: version ?? newest(name) }));
  const statute = { id: first!.name, version: first!.version ?? 1 };
  const secrecyLift =
    means === 'statute' ? { statute } : others.length === 0 ? { consent: consents[0]! } : { consents };
  return { categories: readCategories(categories, dictionary), processing, secrecyLift };
}

/** Any word is a person, a consent or an exchange: the same word the same one. */
export const pseudonymOf = (word: string): Pseudonym => `p1.${sha256(`person ${word}`)}` as Pseudonym;
export const consentIdOf = (word: string): ConsentId => uuidOf(`consent ${word}`) as ConsentId;
export const exchangeIdOf = (word: string): ExchangeId => uuidOf(`exchange ${word}`) as ExchangeId;

function uuidOf(words: string): string {
  const hex = Buffer.from(sha256(words), 'base64url').toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
