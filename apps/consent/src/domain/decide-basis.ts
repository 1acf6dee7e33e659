import { dayInHelsinki } from '#calendar';
import { findStatute, questionBetween, statutesCovering } from '#catalogue';
import { type Basis, consentsNamedBy, kindRules, liftingConsents, type MessageContext } from '#envelope';
import { type AgencyId, type ConsentId, fromNumericDate } from '#kernel';
import { type Consent, isParty, stateAt } from './consent-state.js';
import { sameUse } from './decide/count-uses.js';
import type { CountedUse, Decision, Facts, Reason } from './decide/facts.js';
import {
  consentRules,
  consentsRules,
  groundRules,
  type ItemCase,
  knownToBoth,
  type MessageCase,
  messageRules,
  type Rule,
  statuteRules,
} from './decide/rules.js';

export type { ConsentUse, Decision, Facts, Reason } from './decide/facts.js';

/** A reason with whether it may pass. */
type Finding = Reason & { readonly passing: boolean };

/**
 * Does the basis that a message states hold at this moment? Pure and total: the same question has the same answer, before
 * sending, when accepting and when releasing. All reasons are given, each with its rule (`decide/rules.ts`).
 *
 * A message is judged by the law of its own day, a consent by the present moment. Reasons that depend on a stored consent
 * are given only when both sender and recipient are its parties; otherwise they are NO_BASIS, whether or not it exists.
 */
export function decideBasis(context: MessageContext, facts: Facts): Decision {
  const about: MessageCase = {
    context,
    facts,
    ...sides(context),
    day: dayInHelsinki(fromNumericDate(context.iat)),
  };
  const items = kindRules[context.kind].needsBasis ? context.basis.map((item) => itemCase(about, item)) : [];
  const decided = items.map(decideItem);
  const [first, ...others] = [...judge(messageRules, about), ...decided.flatMap(({ findings }) => findings)];
  const consentNeedless = isConsentNeedless(items);
  if (first) {
    const reasons = [first, ...others] as const;
    const final = !reasons.every(({ passing }) => passing);
    return { allowed: false, reasons: [reasonOf(first), ...others.map(reasonOf)], final, consentNeedless };
  }
  // Two items may name one consent: that is one use.
  const uses = decided.flatMap((item) => item.uses);
  const each = uses.filter((use, at) => uses.findIndex((other) => sameUse(other, use)) === at);
  return { allowed: true, uses: each, consentNeedless };
}

/** Who asks and who discloses: of an answer the recipient asked, of a request the sender does. */
export function sides(context: MessageContext): { asker: AgencyId; holder: AgencyId } {
  const discloses = kindRules[context.kind].gate === 'disclosure';
  return discloses
    ? { asker: context.recipient, holder: context.sender }
    : { asker: context.sender, holder: context.recipient };
}

/** Consents that a context names, each once. */
export const consentsNamed = (context: MessageContext): ConsentId[] => [
  ...new Set(consentsNamedBy(context.basis).map(({ id }) => id)),
];

const reasonOf = ({ code, rule }: Finding): Reason => ({ code, rule });

/** What the rules that apply to this kind of message have against it. */
function judge<Case extends MessageCase>(rules: readonly Rule<Case>[], about: Case): Finding[] {
  const { gate, needsBasis } = kindRules[about.context.kind];
  return rules
    .filter((rule) => (rule.gates ? rule.gates.includes(gate) : needsBasis) && rule.broken(about))
    .map(({ code, name, passing = false }) => ({ code, rule: name, passing }));
}

function itemCase(about: MessageCase, item: Basis): ItemCase {
  const { context, facts, asker, holder, day } = about;
  const question = {
    ...questionBetween(facts.catalogue.territories, asker, holder, day),
    categories: item.categories,
    purpose: context.purpose,
    day,
  };
  return { ...about, item, question };
}

interface DecidedItem {
  readonly findings: readonly Finding[];
  readonly uses: readonly CountedUse[];
}

function decideItem(about: ItemCase): DecidedItem {
  const { item, facts, day } = about;
  const { statutes } = facts.catalogue;
  const grounds = (['sender', 'recipient'] as const).flatMap((party) =>
    judge(groundRules[party], { ...about, statute: findStatute(statutes, item.processing[party], day) }),
  );
  const lift = item.secrecyLift;
  if ('statute' in lift) {
    const statute = findStatute(statutes, lift.statute.id, day, lift.statute.version);
    return { findings: [...grounds, ...judge(statuteRules, { ...about, statute })], uses: [] };
  }
  const named = liftingConsents(lift).map(({ id, version }) => ({
    version,
    consent: consentOfBoth(about, id, version),
  }));
  const consents = named.flatMap(({ consent }) => consent ?? []);
  const decided = named.map(({ version, consent }) => decideConsent(about, version, consent));
  return {
    findings: [
      ...grounds,
      ...decided.flatMap(({ findings }) => findings),
      // Whether the others cover everybody would tell about those that may not be known.
      ...(consents.length === named.length ? judge(consentsRules, { ...about, consents }) : []),
    ],
    uses: decided.flatMap(({ uses }) => uses),
  };
}

/** The consent, where both parties may know of it and it has that version. */
function consentOfBoth({ context, facts }: MessageCase, id: ConsentId, version: number): Consent | undefined {
  const consent = facts.consents.get(id);
  const known =
    consent !== undefined &&
    version <= consent.version &&
    [context.sender, context.recipient].every((agency) => isParty(consent.record, agency));
  return known ? consent : undefined;
}

function decideConsent(about: ItemCase, version: number, consent: Consent | undefined): DecidedItem {
  if (!consent) return { findings: [{ code: knownToBoth.code, rule: knownToBoth.name, passing: false }], uses: [] };
  const { context, facts } = about;
  const use = {
    consentId: consent.id,
    version,
    exchangeId: context.exchangeId,
    recipient: context.recipient,
    usedAt: facts.now,
  };
  const counted = facts.uses.filter(({ consentId }) => consentId === consent.id);
  const findings = judge(consentRules, {
    ...about,
    record: consent.record,
    state: stateAt(consent, version, facts.now),
    mandateVerifiedAt: consent.mandateVerifiedAt,
    use,
    counted,
    today: dayInHelsinki(facts.now),
  });
  const uses = kindRules[context.kind].countsAsUse
    ? [{ ...use, first: !counted.some((other) => sameUse(other, use)) }]
    : [];
  return { findings, uses };
}

/** Does a provision lift secrecy for every item that names a consent? Read from the catalogue alone: it tells of no consent. */
function isConsentNeedless(items: readonly ItemCase[]): boolean {
  const byConsent = items.filter(({ item }) => liftingConsents(item.secrecyLift).length > 0);
  return (
    byConsent.length > 0 &&
    byConsent.every(
      ({ facts, question }) =>
        statutesCovering(facts.catalogue.statutes, { ...question, effect: 'secrecyLift' }).length > 0,
    )
  );
}
