import { Ajv2020, type AnySchemaObject, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import { agencyIdPattern, partyKinds } from '#kernel';
import {
  type Category,
  type Deadline,
  type NecessityTemplate,
  type Purpose,
  type RefusalReason,
  type Statute,
  type Territory,
  territoryCodes,
} from './records.js';

export interface CatalogueLists {
  readonly categories: readonly Category[];
  readonly purposes: readonly Purpose[];
  readonly refusalReasons: readonly RefusalReason[];
  readonly statutes: readonly Statute[];
  readonly territories: readonly Territory[];
  readonly deadlines: readonly Deadline[];
  readonly necessityTemplates: readonly NecessityTemplate[];
}

const text = { type: 'string', minLength: 1, pattern: '\\S' };
const slug = { type: 'string', pattern: '^[a-z0-9]+(-[a-z0-9]+)*$' };
const day = { type: 'string', format: 'date' };
const kinds = { type: 'array', items: { enum: partyKinds }, uniqueItems: true };
const texts = { type: 'array', items: text, uniqueItems: true };
const boolean = { type: 'boolean' };

/** An object with exactly these properties, all required but the optional ones. */
const exactly = (properties: Record<string, object>, optional: Record<string, object> = {}): AnySchemaObject => ({
  type: 'object',
  additionalProperties: false,
  properties: { ...properties, ...optional },
  required: Object.keys(properties),
});

const names = exactly({ fi: text, sv: text, en: text });
const namesWithoutEnglish = exactly({ fi: text, sv: text });

/** What every record of law or practice has: validity and provenance. */
const dated = (properties: Record<string, object>, optional: Record<string, object> = {}): AnySchemaObject =>
  exactly(
    { ...properties, validFrom: day, validTo: { anyOf: [day, { type: 'null' }] }, confirmed: boolean, source: text },
    { note: text, ...optional },
  );

const categoryNumber = { type: 'integer', minimum: 1, maximum: 99 };

const shapes: Readonly<Record<keyof CatalogueLists, AnySchemaObject>> = {
  categories: dated(
    {
      number: categoryNumber,
      slug,
      schema: { type: 'string', pattern: '^schemas/[0-9]{2}-[a-z0-9-]+\\.v[1-9][0-9]*\\.json$' },
      names,
      describes: names,
      holders: { ...kinds, minItems: 1 },
      secondHandHolders: kinds,
      askers: { ...kinds, minItems: 1 },
      betweenKindsOnly: boolean,
      sensitivity: { enum: [1, 2, 3] },
      decides: boolean,
      duty: slug,
      firstLook: {
        type: 'object',
        propertyNames: { enum: partyKinds },
        additionalProperties: { enum: ['Koto-AJ', 'Kelmu', 'VTJ'] },
      },
    },
    { withheldFromProtected: texts },
  ),
  purposes: dated({ code: slug, names }),
  refusalReasons: dated({ code: slug, names, texts: names, provisions: texts, namesHolder: boolean, delayed: boolean }),
  statutes: dated({
    id: { type: 'string', pattern: '^([0-9]{1,4}/[0-9]{3,4}-[0-9]+[a-z]?(\\.[0-9a-z]+)*|AX-[0-9]{4}:[0-9]+)$' },
    version: { type: 'integer', minimum: 1 },
    act: namesWithoutEnglish,
    section: text,
    names: namesWithoutEnglish,
    territory: { enum: territoryCodes },
    effects: {
      type: 'array',
      items: { enum: ['processing', 'secrecyLift', 'refusal', 'procedure'] },
      minItems: 1,
      uniqueItems: true,
    },
    scopes: {
      type: 'array',
      items: exactly({
        askers: { ...kinds, minItems: 1 },
        holders: { ...kinds, minItems: 1 },
        categories: { type: 'array', items: categoryNumber, minItems: 1, uniqueItems: true },
        purposes: { type: 'array', items: slug, minItems: 1, uniqueItems: true },
      }),
    },
  }),
  territories: dated({
    code: { enum: ['aland'] },
    names,
    agencies: { type: 'array', items: { type: 'string', pattern: agencyIdPattern.source }, uniqueItems: true },
  }),
  deadlines: dated(
    {
      code: slug,
      names,
      length: exactly({
        unit: { enum: ['hours', 'working-days', 'days', 'weeks', 'months', 'years'] },
        count: { type: 'integer', minimum: 1, maximum: 366 },
      }),
      endsOnWorkingDay: boolean,
      setBy: { enum: ['agreement', 'law'] },
    },
    { provision: text },
  ),
  necessityTemplates: dated({ category: categoryNumber, purpose: slug, texts: names }),
};

const recordAjv = new Ajv2020({ strict: true, allErrors: true });
addFormatsModule.default(recordAjv);

/** The building blocks, for the other lists of the reference data. */
export const shapeParts = { text, slug, names, dated };

const describe = (list: string, { instancePath, keyword, params }: ErrorObject): string => {
  const name: unknown = params['additionalProperty'] ?? params['missingProperty'];
  return `${list}${instancePath}: ${keyword}${typeof name === 'string' ? ` ${name}` : ''}`;
};

/**
 * A check of one list of records; it tells every violation with its place. Compiled when it is first asked: all that import
 * this library would wait 0.2 s for what most of them never check.
 */
export function listCheck(list: string, record: AnySchemaObject): (value: unknown) => readonly string[] {
  let compiled: ValidateFunction | undefined;
  return (value) => {
    const validate = (compiled ??= recordAjv.compile({ type: 'array', minItems: 1, items: record }));
    return validate(value) ? [] : (validate.errors ?? []).map((error) => describe(list, error));
  };
}

const listNames = Object.keys(shapes) as (keyof CatalogueLists)[];
const listChecks = new Map(listNames.map((list) => [list, listCheck(list, shapes[list])]));

/** Violations of the records' own shape; empty for lists of the documented types. */
export const shapeViolations = (lists: Readonly<Partial<Record<keyof CatalogueLists, unknown>>>): readonly string[] =>
  [...listChecks].flatMap(([list, check]) => check(lists[list]));
