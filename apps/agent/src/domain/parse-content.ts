import { AppError, err, isAgencyId, isConsentId, ok, type Result } from '#kernel';
import type { MessageContent } from './content.js';

type Shape = Readonly<Record<string, (value: unknown) => boolean>>;

const MAX_TEXT = 8_000;
const text = (value: unknown): boolean => typeof value === 'string' && value.length > 0 && value.length <= MAX_TEXT;
const longText = (value: unknown): boolean => typeof value === 'string' && value.length > 0;
const maybe = (check: (value: unknown) => boolean) => (value: unknown) => value === undefined || check(value);
const every = (check: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.length <= 64 && value.every(check);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const day = (value: unknown): boolean => typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value);
const category = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) > 0;
const literal = (expected: string) => (value: unknown) => value === expected;

/** Members of ours must fit; another agency's newer version may add some, which are ignored. */
const fits = (shape: Shape) => (value: unknown) =>
  isObject(value) && Object.entries(shape).every(([name, check]) => check(value[name]));

const officer = fits({ name: text, title: text, unit: text, telephone: maybe(text) });
const texts = fits({ fi: text, sv: text, en: text });
const given = fits({ category, outcome: literal('given'), content: isObject, asOf: day, source: text });
const noRecord = fits({ category, outcome: literal('no-record'), asOf: day, source: text });
const refused = fits({
  category,
  outcome: literal('refused'),
  reason: text,
  provisions: every(text),
  text: texts,
  remedy: texts,
  holder: maybe(isAgencyId),
});
const evidence = fits({ consentId: isConsentId, version: category, evidence: longText, salt: text });
const item = (value: unknown): boolean => given(value) || noRecord(value) || refused(value);
const answer: Shape = {
  items: every(item),
  caseNumber: maybe(text),
  decidedBy: maybe(officer),
};

const shapes: Readonly<Record<MessageContent['type'], Shape>> = {
  request: {
    categories: every(category),
    purpose: text,
    necessity: text,
    period: maybe(fits({ from: day, to: day })),
    caseNumber: text,
    officer,
    consentEvidence: maybe(every(evidence)),
    clarification: maybe(text),
  },
  answer,
  refusal: answer,
  clarification: { question: text, officer },
  referral: { reason: text, items: every(given), caseNumber: text, officer },
  'pseudonym-key': { token: text },
};

/** Kinds of message and the contents that they carry. */
const contentOfKind: Readonly<Record<string, readonly MessageContent['type'][]>> = {
  request: ['request'],
  consultation: ['request'],
  answer: ['answer'],
  refusal: ['refusal'],
  clarification: ['clarification'],
  referral: ['referral'],
  transfer: ['referral'],
  notice: ['pseudonym-key'],
};

/** The content that a kind of message carries. Errors: SCHEMA_INVALID, without any value. */
export function parseContent(kind: string, content: unknown): Result<MessageContent> {
  const type = isObject(content) ? content['type'] : undefined;
  const allowed = contentOfKind[kind]?.find((candidate) => candidate === type);
  if (allowed === undefined || !fits(shapes[allowed])(content))
    return err(new AppError('SCHEMA_INVALID', undefined, { kind }));
  return ok(content as MessageContent);
}

/** The categories whose content passes: those that the context of the message must name. */
export const disclosedBy = (content: MessageContent): number[] =>
  content.type === 'answer' || content.type === 'refusal' || content.type === 'referral'
    ? content.items
        .filter(({ outcome }) => outcome !== 'refused')
        .map((one) => one.category)
        .sort((a, b) => a - b)
    : [];
