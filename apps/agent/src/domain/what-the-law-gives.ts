import {
  type Catalogue,
  categoryAllows,
  findCategory,
  findPurpose,
  questionBetween,
  type Statute,
  statutesCovering,
} from '#catalogue';
import type { Grant } from '#envelope';
import { type AgencyId, AppError, err, ok, partyKindOf, type Result } from '#kernel';

/** One disclosure that somebody is to agree to: this category, from here, to there. */
export interface Disclosure {
  readonly category: number;
  readonly discloser: AgencyId;
  readonly recipient: AgencyId;
}

/** A disclosure that needs no consent. */
export interface LawfulAnyway extends Disclosure {
  readonly provision: string;
  /** Has somebody compared the provision with the text of the law? */
  readonly confirmed: boolean;
}

/** Every disclosure of these grants. Nobody discloses to itself. */
export const disclosuresOf = (grants: readonly Grant[]): Disclosure[] =>
  grants.flatMap(({ category, disclosers, recipients }) =>
    disclosers.flatMap((discloser) =>
      recipients
        .filter((recipient) => recipient !== discloser)
        .map((recipient) => ({ category, discloser, recipient })),
    ),
  );

/**
 * Does the catalogue allow to ask for this at all? Errors: PURPOSE_UNKNOWN, CATEGORY_UNKNOWN, CATEGORY_NOT_HELD (also where
 * a grant names nobody who could disclose to somebody else).
 */
export function mayBeAskedFor(
  catalogue: Catalogue,
  grants: readonly Grant[],
  purposes: readonly string[],
  day: string,
): Result<void> {
  for (const code of purposes) {
    const purpose = findPurpose(catalogue.purposes, code, day);
    if (!purpose.ok) return purpose;
  }
  for (const grant of grants) {
    const { category } = grant;
    const disclosures = disclosuresOf([grant]);
    if (disclosures.length === 0) return err(new AppError('CATEGORY_NOT_HELD', undefined, { category }));
    for (const { discloser, recipient } of disclosures) {
      const known = findCategory(catalogue.categories, category, day);
      const parties = { asker: partyKindOf(recipient), holder: partyKindOf(discloser), day };
      const allowed = categoryAllows(known, parties);
      if (!allowed.ok) return err(new AppError(allowed.error.code, undefined, { category, discloser, recipient }));
    }
  }
  return ok(undefined);
}

/**
 * What of it a statute gives already, for every one of the purposes: the client is not asked for it, or knows that a no
 * changes nothing (design: never ask for a consent where the law already gives the right).
 */
export function whatTheLawGives(
  catalogue: Catalogue,
  grants: readonly Grant[],
  purposes: readonly string[],
  day: string,
): LawfulAnyway[] {
  const lifting = ({ category, discloser, recipient }: Disclosure, purpose: string): Statute | undefined =>
    statutesCovering(catalogue.statutes, {
      effect: 'secrecyLift',
      ...questionBetween(catalogue.territories, recipient, discloser, day),
      categories: [category],
      purpose,
      day,
    })[0];
  return disclosuresOf(grants).flatMap((disclosure) => {
    const statutes = purposes.map((purpose) => lifting(disclosure, purpose));
    const [first] = statutes;
    if (!first || statutes.some((statute) => !statute)) return [];
    return [{ ...disclosure, provision: first.id, confirmed: statutes.every((statute) => statute?.confirmed) }];
  });
}
