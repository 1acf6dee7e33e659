import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { AppError } from '#kernel';
import type { AlertRules } from '../domain/alert-rules.js';

const text = { type: 'string', minLength: 1 };
const hour = { type: 'integer', minimum: 0, maximum: 24 };

const exactly = (properties: Record<string, object>, optional: Record<string, object> = {}): object => ({
  type: 'object',
  additionalProperties: false,
  properties: { ...properties, ...optional },
  required: Object.keys(properties),
});

const id = { type: 'string', pattern: '^[a-z]+(-[a-z]+)*$' };
const names = exactly({ fi: text, sv: text, en: text });
const owner = { enum: ['agency', 'supervising'] };

const shape = exactly({
  version: { type: 'integer', minimum: 1 },
  timeZone: text,
  rules: {
    type: 'array',
    items: exactly(
      {
        id,
        names,
        owner,
        end: { const: 'act' },
        measure: { enum: ['entries', 'subjects'] },
        types: { type: 'array', minItems: 1, items: text },
        windowMinutes: { type: 'integer', minimum: 1, maximum: 44_640 },
        threshold: { type: 'integer', minimum: 1 },
        source: text,
      },
      { outside: exactly({ fromHour: hour, untilHour: hour }) },
    ),
  },
  logDifference: exactly({
    id: { const: 'log-difference' },
    names,
    owner: { const: 'supervising' },
    end: { const: 'act' },
    source: text,
  }),
  breakGlass: exactly({
    id: { const: 'break-glass' },
    names,
    owner: { const: 'supervising' },
    end: { const: 'review' },
    mostMinutes: { type: 'integer', minimum: 1, maximum: 1_440 },
    mostEntries: { type: 'integer', minimum: 1, maximum: 10_000 },
    lookbackDays: { type: 'integer', minimum: 1, maximum: 3_660 },
    mostUnreviewed: { type: 'integer', minimum: 1, maximum: 100 },
    reasons: {
      type: 'array',
      minItems: 1,
      items: exactly({ id, names, source: text, confirmed: { type: 'boolean' } }),
    },
    source: text,
  }),
});

/** Errors: CONFIG_INVALID with every error at once. */
export async function readAlertRules(path: string): Promise<AlertRules> {
  const value: unknown = JSON.parse(await readFile(path, 'utf8'));
  const validate = new Ajv2020({ allErrors: true }).compile<AlertRules>(shape);
  if (validate(value)) return value;
  const errors = (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  throw new AppError('CONFIG_INVALID', `the alert rules: ${errors.join('; ')}`);
}
