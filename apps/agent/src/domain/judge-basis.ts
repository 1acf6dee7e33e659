import { type Catalogue, findCategory, findStatute, holdingOf, questionBetween, statuteCovers } from '#catalogue';
import { type Basis, type ConsentRecord, type JoinedPseudonyms, liftingConsents, type MessageContext } from '#envelope';
import { type ConsentId, partyKindOf } from '#kernel';
import { consentCovers } from './choose-basis.js';

/** A consent as the hub tells a party of it. */
export interface KnownConsent {
  readonly id: ConsentId;
  readonly version: number;
  readonly record: ConsentRecord;
  /** The record as signed. */
  readonly token: string;
  /** active, withdrawn, expired, superseded, not-yet-valid; computed by the hub when asked. */
  readonly state: string;
}

/** May this category be disclosed, as the discloser sees it? `ask-a-person`: this is not ours to hold. */
export type Judgement = { readonly may: true } | { readonly may: false; readonly reason: string } | 'ask-a-person';

const reasonOfState: Readonly<Record<string, string>> = {
  withdrawn: 'consent-withdrawn',
  expired: 'consent-expired',
  superseded: 'consent-missing',
  'not-yet-valid': 'consent-missing',
};

/**
 * The discloser's own look at the basis of a request, before any register is asked: where none holds, nobody needs to know
 * whether the person is a client, and the refusal takes as long and reads as any other.
 */
export function judgeBasis(
  context: MessageContext,
  category: number,
  facts: {
    readonly catalogue: Catalogue;
    readonly consents: readonly KnownConsent[];
    /** By which they are about the subjects under another number. */
    readonly links?: readonly JoinedPseudonyms[];
    readonly day: string;
    readonly at: Date;
  },
): Judgement {
  const { catalogue, day } = facts;
  const known = findCategory(catalogue.categories, category, day);
  const item = context.basis.find(({ categories }) => categories.includes(category));
  if (!known || !item) return { may: false, reason: 'no-basis' };
  if (holdingOf(known, partyKindOf(context.recipient)) === 'none') return 'ask-a-person';
  const lift = item.secrecyLift;
  if ('statute' in lift) {
    const statute = findStatute(catalogue.statutes, lift.statute.id, day, lift.statute.version);
    const covers = statuteCovers(statute, {
      effect: 'secrecyLift',
      ...questionBetween(catalogue.territories, context.sender, context.recipient, day),
      categories: [category],
      purpose: context.purpose,
      day,
    });
    return covers.ok ? { may: true } : { may: false, reason: 'no-basis' };
  }
  const question = {
    asker: context.sender,
    holder: context.recipient,
    purpose: context.purpose,
    at: facts.at,
    ...(facts.links && { links: facts.links }),
  };
  const named = liftingConsents(lift).map(({ id, version }) =>
    facts.consents.find((consent) => consent.id === id && consent.version === version),
  );
  for (const consent of named) {
    if (!consent) return { may: false, reason: 'consent-missing' };
    if (consent.state !== 'active') return { may: false, reason: reasonOfState[consent.state] ?? 'consent-missing' };
  }
  const covered = context.subjects.every((subject) =>
    named.some((consent) => consent && consentCovers(consent.record, { ...question, subjects: [subject] }, category)),
  );
  return covered && context.subjects.length > 0 ? { may: true } : { may: false, reason: 'consent-too-narrow' };
}

/** The discloser's basis for an answer: the request's, for what is disclosed, with the two sides exchanged. */
export function basisOfAnswer(context: MessageContext, disclosed: readonly number[]): Basis[] {
  return context.basis.flatMap(({ categories, processing, secrecyLift }) => {
    const some = categories.filter((category) => disclosed.includes(category));
    if (some.length === 0) return [];
    return [
      { categories: some, processing: { sender: processing.recipient, recipient: processing.sender }, secrecyLift },
    ];
  });
}

export const namesConsent = (context: MessageContext): boolean =>
  context.basis.some(({ secrecyLift }) => liftingConsents(secrecyLift).length > 0);
