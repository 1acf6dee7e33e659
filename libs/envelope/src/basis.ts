import type { ConsentId } from '#kernel';
import { code, consentVersion, provisionId, someCategories, version } from './fields.js';
import { type Check, closed, either } from './shape.js';

/**
 * Why some categories may pass (design page 2, "Basis"): the provision on which each party processes, and what lifts
 * secrecy: a statute of the dated catalogue or a consent, each with its version.
 */
export interface Basis {
  categories: number[];
  processing: { sender: string; recipient: string };
  secrecyLift: { statute: { id: string; version: number } } | { consent: { id: ConsentId; version: number } };
}

type SecrecyLift = Basis['secrecyLift'];

const statuteLift = closed<Extract<SecrecyLift, { statute: unknown }>>({
  statute: closed<{ id: string; version: number }>({ id: provisionId, version }),
});
const consentLift = closed<Extract<SecrecyLift, { consent: unknown }>>({ consent: consentVersion });

export const basisItem: Check<Basis> = closed<Basis>({
  categories: someCategories,
  processing: closed<Basis['processing']>({ sender: provisionId, recipient: provisionId }),
  secrecyLift: either(statuteLift, consentLift),
});

export const purposeCode = code;

/** Does each category stand in exactly one item, and no other category in any? */
export function coversOnce(basis: readonly Basis[], categories: readonly number[]): boolean {
  const covered = basis.flatMap((item) => item.categories).sort((a, b) => a - b);
  return covered.length === categories.length && covered.every((category, index) => category === categories[index]);
}
