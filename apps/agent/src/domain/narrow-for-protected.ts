import type { Category } from '#catalogue';
import type { Draft } from './draft-rules.js';

/** Covers a turvakielto among other impediments, so that it names none of them. */
const IMPEDIMENT = 'legal-impediment';

/**
 * What may be drafted about somebody with a turvakielto: without the fields that could tell where the person lives, which
 * the catalogue names by category. What then no longer fits the category's schema is refused, for a reason that says
 * nothing.
 */
export function narrowed(
  draft: Draft,
  category: Pick<Category, 'withheldFromProtected'> | undefined,
  fits: (content: Readonly<Record<string, unknown>>) => boolean,
): Draft {
  const fields = category?.withheldFromProtected ?? [];
  if (draft.outcome !== 'given' || fields.length === 0) return draft;
  const content = fields.reduce<Readonly<Record<string, unknown>>>(
    (rest, path) => without(rest, path.split('.')),
    draft.content,
  );
  return fits(content) ? { ...draft, content } : { outcome: 'refused', reason: IMPEDIMENT };
}

/** Does the content hold any of them? */
export const tellsWhere = (
  content: Readonly<Record<string, unknown>>,
  category: Pick<Category, 'withheldFromProtected'> | undefined,
): boolean =>
  (category?.withheldFromProtected ?? []).some(
    (path) => JSON.stringify(without(content, path.split('.'))) !== JSON.stringify(content),
  );

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A path goes through lists: each element loses it. */
function without(fields: Fields, [name = '', ...rest]: readonly string[]): Fields {
  if (!Object.hasOwn(fields, name)) return fields;
  const { [name]: value, ...others } = fields;
  if (rest.length === 0) return others;
  const inner = (one: unknown): unknown => (isFields(one) ? without(one, rest) : one);
  return { ...fields, [name]: Array.isArray(value) ? value.map(inner) : inner(value) };
}
