import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { type ConsentRecord, deciderRoles, messageKinds, subjectStandings } from '#envelope';

const consentMethods = ['oral-once', 'written', 'electronic'] as const satisfies readonly ConsentRecord['method'][];

/** Who decided; `self` is the person. */
export interface DeciderText {
  readonly role: (typeof deciderRoles)[number];
  readonly who?: string;
  readonly verified?: string;
  readonly until?: string;
}

/** A consent as a file states it; what a case leaves out is taken from the file. */
export interface ConsentText {
  readonly subject: string;
  readonly standing?: (typeof subjectStandings)[number];
  readonly deciders?: readonly DeciderText[];
  readonly collected: string;
  readonly yes: readonly string[];
  readonly for: readonly string[];
  readonly from: string;
  readonly until: string;
  readonly uses?: string;
  readonly data?: string;
  readonly method?: (typeof consentMethods)[number];
  readonly version?: number;
}

export interface Given {
  readonly consents?: Readonly<Record<string, Partial<ConsentText>>>;
  readonly history?: readonly string[];
}

export interface When {
  readonly message: (typeof messageKinds)[number];
  readonly from: string;
  readonly to: string;
  readonly about: readonly string[];
  readonly for: string;
  readonly basis?: readonly string[];
  readonly grounds?: { readonly sender?: string; readonly recipient?: string };
  readonly data?: string;
  readonly urgency?: 'urgent' | 'normal' | 'consultation';
  readonly exchange?: string;
  readonly sent: string;
  readonly at?: string;
}

export interface CaseText {
  readonly case: string;
  readonly given?: Given;
  readonly when?: Partial<When>;
  readonly then: 'permit' | readonly string[];
  readonly uses?: 'first' | 'repeat' | 'none';
  readonly final?: boolean;
  readonly needless?: boolean;
}

export interface ScenarioFile {
  readonly theme: string;
  readonly agencies: Readonly<Record<string, string>>;
  readonly given?: Given;
  readonly when?: Partial<When>;
  readonly cases: readonly CaseText[];
}

const text = { type: 'string', minLength: 1 };
const texts = { type: 'array', items: text };
const closed = (properties: object, required: readonly string[] = []) => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
});

const consent = closed({
  subject: text,
  standing: { enum: subjectStandings },
  deciders: {
    type: 'array',
    minItems: 1,
    items: closed({ role: { enum: deciderRoles }, who: text, verified: text, until: text }, ['role']),
  },
  collected: text,
  yes: { ...texts, minItems: 1 },
  for: { ...texts, minItems: 1 },
  from: text,
  until: text,
  uses: text,
  data: text,
  method: { enum: consentMethods },
  version: { type: 'integer', minimum: 1 },
});
const given = closed({ consents: { type: 'object', additionalProperties: consent }, history: texts });
const when = closed({
  message: { enum: messageKinds },
  from: text,
  to: text,
  about: texts,
  for: text,
  basis: texts,
  grounds: closed({ sender: text, recipient: text }),
  data: text,
  urgency: { enum: ['urgent', 'normal', 'consultation'] },
  exchange: text,
  sent: text,
  at: text,
});
const reason = { type: 'string', pattern: '^[A-Z_]+ [a-z-]+$' };

const isScenarioFile = new Ajv2020({ strict: true, allErrors: true }).compile<ScenarioFile>({
  ...closed(
    {
      theme: text,
      agencies: { type: 'object', additionalProperties: text },
      given,
      when,
      cases: {
        type: 'array',
        minItems: 1,
        items: closed(
          {
            case: text,
            given,
            when,
            then: { anyOf: [{ const: 'permit' }, { type: 'array', items: reason, minItems: 1, uniqueItems: true }] },
            uses: { enum: ['first', 'repeat', 'none'] },
            final: { type: 'boolean' },
            needless: { type: 'boolean' },
          },
          ['case', 'then'],
        ),
      },
    },
    ['theme', 'agencies', 'cases'],
  ),
});

const placeOf = ({ instancePath, message, params }: ErrorObject): string => {
  const name: unknown = params['additionalProperty'];
  return `${instancePath || 'the file'} ${message ?? ''}${typeof name === 'string' ? ` (${name})` : ''}`;
};

/** @throws Error that names every place where the text is no scenario file */
export function parseScenarioFile(yaml: string): ScenarioFile {
  const value: unknown = parse(yaml);
  if (!isScenarioFile(value)) throw new Error((isScenarioFile.errors ?? []).map(placeOf).join('; '));
  const names = value.cases.map((one) => one.case);
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  if (twice.length > 0) throw new Error(`two cases have one name: ${twice.join('; ')}`);
  return value;
}

/** Paths of the YAML files below a folder, in the order of their names. */
export const scenarioFilesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(folder, name));

/** @throws Error that begins with the file's name */
export function readScenarioFile(path: string): ScenarioFile {
  try {
    return parseScenarioFile(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`${relative('.', path)}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
