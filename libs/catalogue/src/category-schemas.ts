import { Ajv2020, type AnySchemaObject, type ErrorObject } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import { AppError, type Result, err, ok } from '#kernel';

/** A JSON Schema (draft 2020-12) as it stands in its file. */
export type CategorySchema = AnySchemaObject;

/** Errors: CATEGORY_UNKNOWN, SCHEMA_INVALID with the places and broken rules, never with a value. */
export type CategoryContentCheck = (category: number, content: unknown) => Result<void>;

const MAX_REPORTED = 20;

// Only places that the schema itself names are told: an unknown property's name comes from the content.
const placeAndRule = ({ instancePath, keyword, params }: ErrorObject): string => {
  const missing = keyword === 'required' ? `/${String(params['missingProperty'])}` : '';
  return `${instancePath}${missing} ${keyword}`.trim();
};

function strictAjv(): Ajv2020 {
  const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: false, validateFormats: true });
  addFormatsModule.default(ajv);
  return ajv;
}

/**
 * Compiles the schema of each category (by its number) once, at start. Throws on a schema that is no valid draft 2020-12 in Ajv's strict
 * mode: it comes with the release, so that is a bug.
 */
export function compileCategorySchemas(schemas: Readonly<Record<string, CategorySchema>>): CategoryContentCheck {
  const ajv = strictAjv();
  for (const schema of Object.values(schemas)) ajv.compile(schema);
  return checkBy(ajv, schemas);
}

/**
 * For schemas that were compiled elsewhere before: each is compiled here when its category is met first, as most never are
 * and all together take a sixth of a second.
 */
export const lazyCategoryCheck = (schemas: Readonly<Record<string, CategorySchema>>): CategoryContentCheck =>
  checkBy(strictAjv(), schemas);

const checkBy =
  (ajv: Ajv2020, schemas: Readonly<Record<string, CategorySchema>>): CategoryContentCheck =>
  (category, content) => {
    const schema = Object.hasOwn(schemas, category) ? schemas[category] : undefined;
    if (schema === undefined) return err(new AppError('CATEGORY_UNKNOWN', undefined, { category }));
    // Ajv keeps what it has compiled.
    const validate = ajv.compile(schema);
    if (validate(content)) return ok(undefined);
    const violations = [...new Set((validate.errors ?? []).map(placeAndRule))].slice(0, MAX_REPORTED);
    return err(new AppError('SCHEMA_INVALID', undefined, { category, violations }));
  };
