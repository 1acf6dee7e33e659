import { AppError, type Result, err, ok } from '#kernel';
import type { CategorySchema } from './category-schemas.js';
import { type CatalogueLists, shapeViolations } from './record-shapes.js';
import type { Validity } from './records.js';

/** What the directory's snapshot carries as JSON, so that other services judge without asking. */
export interface Catalogue extends CatalogueLists {
  /** Category number to its JSON Schema (draft 2020-12). */
  readonly schemas: Readonly<Record<string, CategorySchema>>;
}

const overlaps = (a: Validity, b: Validity): boolean =>
  (b.validTo === null || a.validFrom <= b.validTo) && (a.validTo === null || b.validFrom <= a.validTo);

/** Two records of one name at the same time, and records that end before they begin. */
export function validityViolations<T extends Validity>(
  list: string,
  records: readonly T[],
  nameOf: (record: T) => string,
): readonly string[] {
  const backwards = records
    .filter(({ validFrom, validTo }) => validTo !== null && validTo < validFrom)
    .map((record) => `${list} ${nameOf(record)}: ends before it begins`);
  const doubled = records
    .filter((record, index) =>
      records.slice(index + 1).some((other) => nameOf(other) === nameOf(record) && overlaps(record, other)),
    )
    .map((record) => `${list} ${nameOf(record)}: two records are in force on the same day`);
  return [...backwards, ...doubled];
}

/** Names that lead nowhere: a category, purpose, provision or schema that the catalogue does not have. */
function referenceViolations(catalogue: Catalogue): readonly string[] {
  const numbers = new Set(catalogue.categories.map(({ number }) => number));
  const purposes = new Set(catalogue.purposes.map(({ code }) => code));
  const provisions = new Set(catalogue.statutes.map(({ id }) => id));
  const missing = (place: string, what: string, known: boolean): string[] =>
    known ? [] : [`${place}: ${what} is not in the catalogue`];
  return [
    ...catalogue.categories.flatMap(({ number }) =>
      missing(`categories ${number}`, 'its schema', Object.hasOwn(catalogue.schemas, String(number))),
    ),
    ...catalogue.statutes.flatMap(({ id, scopes }) =>
      scopes.flatMap((scope) => [
        ...scope.categories.flatMap((number) => missing(`statutes ${id}`, `category ${number}`, numbers.has(number))),
        ...scope.purposes.flatMap((code) => missing(`statutes ${id}`, `purpose ${code}`, purposes.has(code))),
      ]),
    ),
    ...catalogue.refusalReasons.flatMap(({ code, provisions: stated }) =>
      stated.flatMap((id) => missing(`refusalReasons ${code}`, `provision ${id}`, provisions.has(id))),
    ),
    ...catalogue.deadlines.flatMap(({ code, provision }) =>
      provision === undefined ? [] : missing(`deadlines ${code}`, `provision ${provision}`, provisions.has(provision)),
    ),
    ...catalogue.necessityTemplates.flatMap(({ category, purpose }) => [
      ...missing(`necessityTemplates ${category} ${purpose}`, 'the category', numbers.has(category)),
      ...missing(`necessityTemplates ${category} ${purpose}`, 'the purpose', purposes.has(purpose)),
    ]),
  ];
}

/** Every error of a catalogue at once; empty for one that may be used. */
export function catalogueViolations(catalogue: Catalogue): readonly string[] {
  const shape = shapeViolations(catalogue);
  if (shape.length > 0) return shape;
  return [
    ...validityViolations('categories', catalogue.categories, ({ number }) => String(number)),
    ...validityViolations('purposes', catalogue.purposes, ({ code }) => code),
    ...validityViolations('refusalReasons', catalogue.refusalReasons, ({ code }) => code),
    ...validityViolations('statutes', catalogue.statutes, ({ id }) => id),
    ...validityViolations('territories', catalogue.territories, ({ code }) => code),
    ...validityViolations('deadlines', catalogue.deadlines, ({ code }) => code),
    ...validityViolations(
      'necessityTemplates',
      catalogue.necessityTemplates,
      ({ category, purpose }) => `${category} ${purpose}`,
    ),
    ...referenceViolations(catalogue),
  ];
}

/** The JSON of the directory's snapshot. */
export const serializeCatalogue = (catalogue: Catalogue): string =>
  JSON.stringify({
    categories: catalogue.categories,
    purposes: catalogue.purposes,
    refusalReasons: catalogue.refusalReasons,
    statutes: catalogue.statutes,
    territories: catalogue.territories,
    deadlines: catalogue.deadlines,
    necessityTemplates: catalogue.necessityTemplates,
    schemas: catalogue.schemas,
  });

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Errors: CONFIG_INVALID with every violation. */
export function parseCatalogue(json: string): Result<Catalogue> {
  const invalid = (violations: readonly string[]) => err(new AppError('CONFIG_INVALID', undefined, { violations }));
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return invalid(['catalogue: not JSON']);
  }
  if (!isObject(parsed) || !isObject(parsed['schemas'])) return invalid(['catalogue: lists or schemas are missing']);
  const shape = shapeViolations(parsed);
  if (shape.length > 0) return invalid(shape);
  const catalogue = parsed as unknown as Catalogue;
  const violations = catalogueViolations(catalogue);
  return violations.length > 0 ? invalid(violations) : ok(catalogue);
}
