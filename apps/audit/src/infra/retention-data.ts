import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { AppError, partyKinds } from '#kernel';
import { consentTypes, messageTypes } from '../domain/entry-types.js';
import { type Period, type RetentionData, takesType } from '../domain/retention.js';

const text = { type: 'string', minLength: 1 };
const slug = { type: 'string', pattern: '^[a-z0-9]+(-[a-z0-9]+)*$' };
const day = { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\d$' };
const whole = (minimum: number): object => ({ type: 'integer', minimum, maximum: 10_000 });

/** An object with exactly these properties, all required but the optional ones. */
const exactly = (properties: Record<string, object>, optional: Record<string, object> = {}): object => ({
  type: 'object',
  additionalProperties: false,
  properties: { ...properties, ...optional },
  required: Object.keys(properties),
});

const names = exactly({ fi: text, sv: text, en: text });
const period = {
  anyOf: [exactly({ unit: { enum: ['days', 'months', 'years'] }, count: whole(0) }), { type: 'null' }],
};
const dated = (properties: Record<string, object>): object =>
  exactly(
    {
      id: slug,
      names,
      ...properties,
      ground: text,
      validFrom: day,
      validTo: { anyOf: [day, { type: 'null' }] },
      confirmed: { type: 'boolean' },
      source: text,
    },
    { note: text, open: text },
  );

const shape = exactly({
  version: whole(1),
  transportDays: whole(1),
  proposalDays: whole(1),
  batch: exactly({ leastPersons: whole(1), waitDays: whole(0) }),
  classes: {
    type: 'array',
    minItems: 1,
    items: dated({
      types: { type: 'array', minItems: 1, items: { type: 'string', pattern: '^[a-z]+(-[a-z]+)*(-\\*)?$' } },
      partyKinds: { type: 'array', items: { enum: partyKinds } },
      floor: period,
      ceiling: period,
    }),
  },
  grounds: { type: 'array', minItems: 1, items: dated({}) },
});

/** Longer than a message can be opened or a consent can last: by these entries releases are decided. */
const leastDecidingDays = 730;
const decidingTypes = [...messageTypes, ...consentTypes];

const days: Record<Period['unit'], number> = { days: 1, months: 30, years: 365 };
const lengthOf = ({ unit, count }: Period): number => days[unit] * count;

/** Throws CONFIG_INVALID with every error at once. */
export function parseRetentionData(value: unknown): RetentionData {
  const validate = new Ajv2020({ allErrors: true }).compile<RetentionData>(shape);
  if (!validate(value)) {
    const errors = (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
    throw new AppError('CONFIG_INVALID', `the retention data: ${errors.join('; ')}`);
  }
  const reversed = value.classes.filter(
    ({ floor, ceiling }) => ceiling && (floor === null || lengthOf(ceiling) < lengthOf(floor)),
  );
  if (reversed.length > 0) {
    const ids = reversed.map(({ id }) => id).join(', ');
    throw new AppError('CONFIG_INVALID', `the retention data: a ceiling lies below its floor in ${ids}`);
  }
  const unasked = value.classes.filter(({ confirmed, open }) => !confirmed && open === undefined);
  if (unasked.length > 0) {
    const ids = unasked.map(({ id }) => id).join(', ');
    throw new AppError('CONFIG_INVALID', `the retention data: nothing says what is open about the unconfirmed ${ids}`);
  }
  const short = value.classes.filter(
    (one) => one.floor && lengthOf(one.floor) < leastDecidingDays && decidingTypes.some((type) => takesType(one, type)),
  );
  if (short.length > 0) {
    const ids = short.map(({ id }) => id).join(', ');
    throw new AppError('CONFIG_INVALID', `the retention data: releases are still decided by what ${ids} would erase`);
  }
  return value;
}

/** Errors: CONFIG_INVALID. */
export async function readRetentionData(path: string): Promise<RetentionData> {
  return parseRetentionData(JSON.parse(await readFile(path, 'utf8')));
}
