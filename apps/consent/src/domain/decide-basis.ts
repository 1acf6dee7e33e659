import { dayInHelsinki } from '#calendar';
import { type Catalogue, findPurpose, findStatute, statuteCovers } from '#catalogue';
import {
  type Basis,
  consentsNamedBy,
  disclosersOf,
  kindRules,
  liftingConsents,
  type MessageContext,
  recipientsOf,
} from '#envelope';
import { type AgencyId, type ConsentId, type ErrorCode, fromNumericDate, partyKindOf } from '#kernel';
import { type Consent, type ConsentState, isParty, stateAt } from './consent-state.js';

/** One use of a consent: by one recipient in one exchange, however many messages that takes (design: Again and again). */
export interface ConsentUse {
  readonly consentId: ConsentId;
  readonly version: number;
  readonly exchangeId: string;
  readonly recipient: AgencyId;
}

/** What is known when deciding; everything else would be a hidden input. */
export interface Facts {
  readonly catalogue: Catalogue;
  /** The consents that the context names, as far as they exist. */
  readonly consents: ReadonlyMap<ConsentId, Consent>;
  /** Uses already counted of those consents. */
  readonly uses: readonly ConsentUse[];
  readonly now: Date;
}

/** One reason against, with the rule that gave it. */
export interface Reason {
  readonly code: ErrorCode;
  readonly rule: string;
}

export type Decision =
  | { readonly allowed: true; readonly uses: readonly (ConsentUse & { readonly first: boolean })[] }
  | { readonly allowed: false; readonly reasons: readonly [Reason, ...Reason[]]; readonly final: boolean };

/** Codes after which the same message can never be released. A consent not yet valid may become valid. */
const passing: ReadonlySet<ErrorCode> = new Set(['CONSENT_NOT_YET_VALID', 'DIRECTORY_STALE']);

const codeOfState: Readonly<Record<Exclude<ConsentState, 'active'>, ErrorCode>> = {
  requested: 'CONSENT_INACTIVE',
  suspended: 'CONSENT_INACTIVE',
  withdrawn: 'CONSENT_WITHDRAWN',
  revoked: 'CONSENT_INACTIVE',
  invalidated: 'CONSENT_INACTIVE',
  denied: 'CONSENT_INACTIVE',
  lapsed: 'CONSENT_INACTIVE',
  cancelled: 'CONSENT_INACTIVE',
  expired: 'CONSENT_EXPIRED',
  superseded: 'CONSENT_SUPERSEDED',
  'not-yet-valid': 'CONSENT_NOT_YET_VALID',
};

/**
 * Does the basis that a message states hold at this moment? Pure and total: the same question has the same answer, before
 * sending, when accepting and when releasing. All reasons are given, each with its rule.
 *
 * A message is judged by the law of its own day, a consent by the present moment. Reasons that depend on a stored consent
 * are given only when both sender and recipient are its parties; otherwise they are NO_BASIS, whether or not it exists.
 */
export function decideBasis(context: MessageContext, facts: Facts): Decision {
  const rule = kindRules[context.kind];
  if (!rule.needsBasis) return { allowed: true, uses: [] };
  const { asker, holder } = sides(context);
  const day = dayInHelsinki(fromNumericDate(context.iat));
  const reasons: Reason[] = [];
  const uses: (ConsentUse & { first: boolean })[] = [];

  if (!findPurpose(facts.catalogue.purposes, context.purpose, day).ok)
    reasons.push({ code: 'PURPOSE_UNKNOWN', rule: 'purpose-in-force' });

  for (const basis of context.basis) {
    const question = {
      asker: partyKindOf(asker),
      holder: partyKindOf(holder),
      categories: basis.categories,
      purpose: context.purpose,
      day,
    };
    for (const [party, provision] of Object.entries(basis.processing)) {
      const statute = findStatute(facts.catalogue.statutes, provision, day);
      const covers = statuteCovers(statute, { ...question, effect: 'processing' });
      if (!covers.ok) reasons.push({ code: covers.error.code, rule: `processing-of-${party}` });
    }
    const lift = basis.secrecyLift;
    if ('statute' in lift) {
      const statute = findStatute(facts.catalogue.statutes, lift.statute.id, day, lift.statute.version);
      const covers = statuteCovers(statute, { ...question, effect: 'secrecyLift' });
      if (!covers.ok) reasons.push({ code: covers.error.code, rule: 'statute-lifts-secrecy' });
    } else {
      for (const named of liftingConsents(lift)) {
        const decided = decideConsent(named, basis, context, facts);
        reasons.push(...decided.reasons);
        // Two items may name one consent: that is one use.
        uses.push(...decided.uses.filter((use) => !uses.some((other) => sameUse(other, use))));
      }
    }
  }
  const [first, ...others] = reasons;
  if (first)
    return { allowed: false, reasons: [first, ...others], final: !reasons.every(({ code }) => passing.has(code)) };
  return { allowed: true, uses };
}

/** Who asks and who discloses: of an answer the recipient asked, of a request the sender does. */
export function sides(context: MessageContext): { asker: AgencyId; holder: AgencyId } {
  const discloses = kindRules[context.kind].gate === 'disclosure';
  return discloses
    ? { asker: context.recipient, holder: context.sender }
    : { asker: context.sender, holder: context.recipient };
}

function decideConsent(
  named: { id: ConsentId; version: number },
  basis: Basis,
  context: MessageContext,
  { consents, uses, now }: Facts,
): { reasons: Reason[]; uses: (ConsentUse & { first: boolean })[] } {
  const consent = consents.get(named.id);
  // One rule for all three: its name must not tell outsiders that a consent exists.
  if (
    !consent ||
    named.version > consent.version ||
    ![context.sender, context.recipient].every((agency) => isParty(consent.record, agency))
  )
    return { reasons: [{ code: 'NO_BASIS', rule: 'consent-of-both-parties' }], uses: [] };
  const { record } = consent;

  const reasons: Reason[] = [];
  const state = stateAt(consent, named.version, now);
  if (state !== 'active') reasons.push({ code: codeOfState[state], rule: 'consent-in-force' });

  const { asker, holder } = sides(context);
  const narrow = (rule: string, holds: boolean): void => {
    if (!holds) reasons.push({ code: 'CONSENT_TOO_NARROW', rule });
  };
  narrow('consent-names-asker', recipientsOf(record.grants).includes(asker));
  narrow('consent-names-discloser', disclosersOf(record.grants).includes(holder));
  narrow(
    'consent-covers-categories',
    basis.categories.every((category) => record.grants.some((grant) => grant.category === category)),
  );
  narrow('consent-covers-purpose', record.purposes.includes(context.purpose));
  narrow(
    'consent-is-about-subject',
    context.subjects.length > 0 && context.subjects.every((subject) => subject === record.subject),
  );

  if (!kindRules[context.kind].countsAsUse) return { reasons, uses: [] };
  const use: ConsentUse = {
    consentId: named.id,
    version: named.version,
    exchangeId: context.exchangeId,
    recipient: context.recipient,
  };
  const counted = uses.filter((other) => other.consentId === named.id);
  const repeated = counted.some((other) => sameUse(other, use));
  const limit = record.uses.kind === 'once' ? 1 : (record.uses.max ?? Infinity);
  if (!repeated && counted.length >= limit) reasons.push({ code: 'CONSENT_USED_UP', rule: 'consent-uses-left' });
  return { reasons, uses: [{ ...use, first: !repeated }] };
}

export const sameUse = (a: ConsentUse, b: ConsentUse): boolean =>
  a.consentId === b.consentId &&
  a.version === b.version &&
  a.exchangeId === b.exchangeId &&
  a.recipient === b.recipient;

/** Consents that a context names, each once. */
export const consentsNamed = (context: MessageContext): ConsentId[] => [
  ...new Set(consentsNamedBy(context.basis).map(({ id }) => id)),
];
