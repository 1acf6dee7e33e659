import type { ConsentId } from '#kernel';
import { areUnique, code, consentVersion, provisionId, someCategories, version } from './fields.js';
import { type Check, also, closed, either, list } from './shape.js';

/**
 * Why some categories may pass (design page 2, "Basis"): the provision on which each party processes, and what lifts
 * secrecy: a statute of the dated catalogue or a consent, each with its version.
 */
export interface Basis {
  categories: number[];
  processing: { sender: string; recipient: string };
  secrecyLift: SecrecyLift;
}

export interface ConsentVersion {
  id: ConsentId;
  version: number;
}

/** `consents`: of a message about several subjects, each with a consent of their own; one consent has one spelling. */
export type SecrecyLift =
  { statute: { id: string; version: number } } | { consent: ConsentVersion } | { consents: ConsentVersion[] };

const statuteLift = closed<Extract<SecrecyLift, { statute: unknown }>>({
  statute: closed<{ id: string; version: number }>({ id: provisionId, version }),
});
const consentLift = closed<Extract<SecrecyLift, { consent: unknown }>>({ consent: consentVersion });
const consentsLift = closed<Extract<SecrecyLift, { consents: unknown }>>({
  consents: also(list(consentVersion, { min: 2, max: 16 }), (named) => areUnique(named.map(({ id }) => id))),
});

export const basisItem: Check<Basis> = closed<Basis>({
  categories: someCategories,
  processing: closed<Basis['processing']>({ sender: provisionId, recipient: provisionId }),
  secrecyLift: either(statuteLift, either(consentLift, consentsLift)),
});

export const purposeCode = code;

/** Does each category stand in exactly one item, and no other category in any? */
export function coversOnce(basis: readonly Basis[], categories: readonly number[]): boolean {
  const covered = basis.flatMap((item) => item.categories).sort((a, b) => a - b);
  return covered.length === categories.length && covered.every((category, index) => category === categories[index]);
}

/** The consents that lift secrecy; none where a statute does. */
export const liftingConsents = (lift: SecrecyLift): readonly ConsentVersion[] =>
  'consent' in lift ? [lift.consent] : 'consents' in lift ? lift.consents : [];

/** The consents that a message names, each version once. */
export const consentsNamedBy = (basis: readonly Basis[]): ConsentVersion[] => {
  const named = basis.flatMap(({ secrecyLift }) => liftingConsents(secrecyLift));
  return named.filter(
    ({ id, version: of }, at) => named.findIndex((one) => one.id === id && one.version === of) === at,
  );
};
