import { beforeAll, describe, expect, it } from '@jest/globals';
import { type CategoryContentCheck, compileCategorySchemas, lazyCategoryCheck } from './category-schemas.js';

const schemas = {
  9: {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    additionalProperties: false,
    properties: {
      status: { type: 'string', enum: ['granted', 'refused'] },
      decisionDate: { type: 'string', format: 'date' },
      periods: { type: 'array', items: { type: 'integer' }, maxItems: 2 },
    },
    required: ['status'],
  },
};
let check: CategoryContentCheck;

const failure = (content: unknown, category = 9) => {
  const result = check(category, content);
  if (result.ok) throw new Error('was accepted');
  return result.error;
};

describe.each([
  ['compiled at start', compileCategorySchemas],
  ['compiled when it is met', lazyCategoryCheck],
])('content of a category, its schema %s,', (_when, checkOf) => {
  beforeAll(() => {
    check = checkOf(schemas);
  });

  it('that fits the schema passes', () => {
    expect(check(9, { status: 'granted', decisionDate: '2026-11-22' }).ok).toBe(true);
  });

  it.each<[string, unknown, string]>([
    ['a missing field', {}, '/status required'],
    ['a value outside the list', { status: 'maybe' }, '/status enum'],
    ['a day that does not exist', { status: 'granted', decisionDate: '2026-02-30' }, '/decisionDate format'],
    ['too many items', { status: 'granted', periods: [1, 2, 3] }, '/periods maxItems'],
    ['another type', 'granted', 'type'],
    ['a field that the schema does not name', { status: 'granted', euros: 5 }, 'additionalProperties'],
  ])('with %s is refused, telling the place and the rule', (_, content, violation) => {
    const { code, details } = failure(content);
    expect(code).toBe('SCHEMA_INVALID');
    expect(details['violations']).toEqual([violation]);
  });

  it('is never echoed, neither its values nor names of fields that it made up', () => {
    const secret = 'KANARIALINTU';
    const { message, details } = failure({ status: secret, [secret]: secret, periods: [secret] });
    expect(JSON.stringify([message, details])).not.toContain(secret);
  });

  it('of a category without schema is unknown', () => {
    expect(failure({}, 17).code).toBe('CATEGORY_UNKNOWN');
  });

  it('with thousands of errors is refused with a short list', () => {
    const { details } = failure({ status: 'granted', periods: Array.from({ length: 5000 }, () => 'x') });
    expect(details['violations']).toHaveLength(20);
  });
});

describe('a schema that strict mode does not know', () => {
  it('is a bug and thrown at start', () => {
    expect(() => compileCategorySchemas({ 1: { type: 'object', propertees: {} } })).toThrow(/strict mode/);
  });
});
