import { Ajv2020, type AnySchemaObject, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
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

/**
 * Compile the schema of each category (by its number) once, at start. Throws on a schema that is no valid draft 2020-12 in Ajv's strict
 * mode: it comes with the release, so that is a bug.
 */
export function compileCategorySchemas(schemas: Readonly<Record<string, CategorySchema>>): CategoryContentCheck {
  const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: false, validateFormats: true });
  addFormatsModule.default(ajv);
  const validators = new Map<number, ValidateFunction>(
    Object.entries(schemas).map(([category, schema]) => [Number(category), ajv.compile(schema)]),
  );
  return (category, content) => {
    const validate = validators.get(category);
    if (!validate) return err(new AppError('CATEGORY_UNKNOWN', undefined, { category }));
    if (validate(content)) return ok(undefined);
    const violations = [...new Set((validate.errors ?? []).map(placeAndRule))].slice(0, MAX_REPORTED);
    return err(new AppError('SCHEMA_INVALID', undefined, { category, violations }));
  };
}
