import type { Day } from '#calendar';
import { AppError, type PartyKind, type Result, err, ok } from '#kernel';
import { inForce } from './in-force.js';
import type { Category } from './records.js';

export interface CategoryQuestion {
  readonly asker: PartyKind;
  readonly holder: PartyKind;
  readonly day: Day;
}

/** How a kind of party stands to a category: `own` fact, `second-hand` copy, or `none`. */
export type Holding = 'own' | 'second-hand' | 'none';

export function holdingOf(category: Category, kind: PartyKind): Holding {
  if (category.holders.includes(kind)) return 'own';
  return category.secondHandHolders.includes(kind) ? 'second-hand' : 'none';
}

/** The record with this number that is in force on the day. */
export const findCategory = (categories: readonly Category[], number: number, day: Day): Category | undefined =>
  categories.find((category) => category.number === number && inForce(category, day));

/**
 * May this kind ask that kind for the category (table of information categories)? A second-hand holder may be asked.
 * Whether there is a legal basis is another question: see `statuteCovers`.
 *
 * Errors: CATEGORY_UNKNOWN (no such category on the day), CATEGORY_NOT_HELD.
 */
export function categoryAllows(
  category: Category | undefined,
  { asker, holder, day }: CategoryQuestion,
): Result<Exclude<Holding, 'none'>> {
  if (!category || !inForce(category, day)) return err(new AppError('CATEGORY_UNKNOWN'));
  const holding = holdingOf(category, holder);
  const pairFits = !category.betweenKindsOnly || asker !== holder;
  if (holding === 'none' || !category.askers.includes(asker) || !pairFits) {
    return err(new AppError('CATEGORY_NOT_HELD', undefined, { category: category.number, asker, holder }));
  }
  return ok(holding);
}

/**
 * All categories of one message. The first error is returned, with the number of its category.
 *
 * Errors: CATEGORY_UNKNOWN (also for an empty list or one named twice), CATEGORY_NOT_HELD.
 */
export function categoriesAllow(
  categories: readonly Category[],
  numbers: readonly number[],
  question: CategoryQuestion,
): Result<readonly Category[]> {
  if (numbers.length === 0 || new Set(numbers).size !== numbers.length) return err(new AppError('CATEGORY_UNKNOWN'));
  const found: Category[] = [];
  for (const number of numbers) {
    const category = findCategory(categories, number, question.day);
    if (!category) return err(new AppError('CATEGORY_UNKNOWN', undefined, { category: number }));
    const allowed = categoryAllows(category, question);
    if (!allowed.ok) return allowed;
    found.push(category);
  }
  return ok(found);
}
