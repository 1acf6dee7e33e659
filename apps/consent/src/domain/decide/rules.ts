import { type Day, deadlineFor } from '#calendar';
import {
  findDeadline,
  findPurpose,
  inTerritory,
  type Statute,
  type StatuteEffect,
  type StatuteQuestion,
  statuteCovers,
} from '#catalogue';
import {
  type Basis,
  type ConsentRecord,
  type Decider,
  grantsCover,
  isSamePerson,
  type JoinedPseudonyms,
  type KindRule,
  liftingConsents,
  type MessageContext,
} from '#envelope';
import { type AgencyId, type ErrorCode, partyKindOf, type Pseudonym } from '#kernel';
import type { Consent, ConsentState } from '../consent-state.js';
import { frequencyOf, mostUses, sameUse, usedTooOften } from './count-uses.js';
import type { ConsentUse, ExcludedDecider, Facts } from './facts.js';

/** A message with everything that is known when deciding. */
export interface MessageCase {
  readonly context: MessageContext;
  readonly facts: Facts;
  /** Of an answer the recipient asked, of a request the sender does. */
  readonly asker: AgencyId;
  readonly holder: AgencyId;
  /** Day of the message, whose law holds. */
  readonly day: Day;
}

/** One item of the basis. */
export interface ItemCase extends MessageCase {
  readonly item: Basis;
  /** All that a provision must cover but the effect. */
  readonly question: Omit<StatuteQuestion, 'effect'>;
}

/** One provision that an item names; undefined where the catalogue has none of this name on the day. */
export interface ProvisionCase extends ItemCase {
  readonly statute: Statute | undefined;
}

/** The consents that lift secrecy for an item; all are known to both parties. */
export interface ConsentsCase extends ItemCase {
  readonly consents: readonly Consent[];
}

/** One consent of them. */
export interface ConsentCase extends ItemCase {
  readonly record: ConsentRecord;
  readonly state: ConsentState;
  readonly today: Day;
  readonly mandateVerifiedAt: Date | undefined;
  /** The use that this message would be. */
  readonly use: ConsentUse;
  /** Uses of this consent, in all its versions. */
  readonly counted: readonly ConsentUse[];
}

export interface Rule<Case> {
  readonly name: string;
  readonly code: ErrorCode;
  /** What must hold, in one sentence. */
  readonly holds: string;
  /** Statute, or page of the design. */
  readonly source: string;
  /** Kinds of message that the rule applies to, by their gate; where it is not stated, all that need a basis. */
  readonly gates?: readonly KindRule['gate'][];
  /** The reason may pass by itself or by somebody's act, so the message may be tried again. */
  readonly passing?: true;
  readonly broken: (about: Case) => boolean;
}

const page2 = 'design page 2, Basis';
const page5 = 'design page 5';
const gdpr6 = 'GDPR article 6(1); design page 2, Basis';
const opennessAct = 'Openness Act 621/1999 §26; design page 2, Basis';

const CONSULTATION_CATEGORY = 15;

const isConsultation = ({ context }: MessageCase): boolean =>
  context.kind === 'consultation' || context.purpose === 'consultation';
const isOwnRequest = ({ context }: MessageCase): boolean => context.purpose === 'own-request';
const onlyConsultationCategory = ({ context }: MessageCase): boolean =>
  context.categories.every((category) => category === CONSULTATION_CATEGORY);

/** Asked of every message. */
export const messageRules: readonly Rule<MessageCase>[] = [
  {
    name: 'recipient-active',
    code: 'AGENCY_NOT_ONBOARDED',
    holds: 'The recipient is onboarded and not suspended.',
    source: 'design page 1, Calls between services',
    gates: ['standing', 'disclosure', 'none'],
    passing: true,
    broken: ({ context, facts }) => !facts.activeAgencies.has(context.recipient),
  },
  {
    name: 'purpose-in-force',
    code: 'PURPOSE_UNKNOWN',
    holds: 'The catalogue has the purpose on the day of the message.',
    source: `GDPR article 5(1)(b); ${page5}, Purposes`,
    broken: ({ context, facts, day }) => !findPurpose(facts.catalogue.purposes, context.purpose, day).ok,
  },
  {
    name: 'somebody-concerned',
    code: 'PROCEDURE_INVALID',
    holds: 'The message is about somebody; only about an agreement on placement (category 15) it may be about nobody.',
    source: 'design page 2, Subjects',
    broken: (about) => about.context.subjects.length === 0 && !onlyConsultationCategory(about),
  },
  {
    name: 'consultation-parties',
    code: 'PROCEDURE_INVALID',
    holds: 'The county is consulted by a municipality, or a municipality by the county.',
    source: `Act 681/2023; ${page5}, category 15`,
    broken: (about) =>
      isConsultation(about) && [about.asker, about.holder].map(partyKindOf).sort().join(' and ') !== 'H and K',
  },
  {
    name: 'consultation-category',
    code: 'PROCEDURE_INVALID',
    holds: 'A consultation is about placement (category 15) and nothing else.',
    source: `Act 681/2023; ${page5}, category 15`,
    broken: (about) => isConsultation(about) && !onlyConsultationCategory(about),
  },
  {
    name: 'consultation-period',
    code: 'PROCEDURE_INVALID',
    holds: 'A consultation has the period agreed for it; no other message has that period.',
    source: `${page5}, Deadlines`,
    broken: (about) =>
      about.context.urgency !== undefined && (about.context.urgency === 'consultation') !== isConsultation(about),
  },
  {
    name: 'own-request-about-one-client',
    code: 'PROCEDURE_INVALID',
    holds: "The client's own request is about one person, who asks.",
    source: `GDPR article 15; Openness Act 621/1999 §12; ${page5}, Purposes`,
    broken: (about) => isOwnRequest(about) && about.context.subjects.length !== 1,
  },
  {
    name: 'own-request-is-asked',
    code: 'PROCEDURE_INVALID',
    holds: "The client's own request is a request or its answer: a referral or transfer is an authority's own act.",
    source: 'GDPR article 15; Openness Act 621/1999 §12',
    broken: (about) => isOwnRequest(about) && !['request', 'answer'].includes(about.context.kind),
  },
  {
    name: 'own-request-without-consent',
    code: 'PROCEDURE_INVALID',
    holds: "The client's own request rests on the client's right, and uses up no consent.",
    source: `GDPR article 15; ${page2}`,
    broken: (about) =>
      isOwnRequest(about) && about.context.basis.some((item) => liftingConsents(item.secrecyLift).length > 0),
  },
];

const isInForce: (about: ProvisionCase) => boolean = ({ statute }) => statute !== undefined;

const covers = ({ statute, question }: ProvisionCase, effect: StatuteEffect): boolean =>
  statuteCovers(statute, { ...question, effect }).ok;

/** Asked of the provision on which each party processes, by party. */
export const groundRules: Readonly<Record<keyof Basis['processing'], readonly Rule<ProvisionCase>[]>> = {
  sender: [
    {
      name: 'sender-ground-in-force',
      code: 'STATUTE_UNKNOWN',
      holds: 'The catalogue has the provision on which the sender processes, on the day of the message.',
      source: gdpr6,
      broken: (about) => !isInForce(about),
    },
    {
      name: 'sender-ground-covers',
      code: 'STATUTE_NOT_APPLICABLE',
      holds: 'The provision on which the sender processes is a ground for these parties, categories and this purpose.',
      source: gdpr6,
      broken: (about) => isInForce(about) && !covers(about, 'processing'),
    },
  ],
  recipient: [
    {
      name: 'recipient-ground-in-force',
      code: 'STATUTE_UNKNOWN',
      holds: 'The catalogue has the provision on which the recipient processes, on the day of the message.',
      source: gdpr6,
      broken: (about) => !isInForce(about),
    },
    {
      name: 'recipient-ground-covers',
      code: 'STATUTE_NOT_APPLICABLE',
      holds:
        'The provision on which the recipient processes is a ground for these parties, categories and this purpose.',
      source: gdpr6,
      broken: (about) => isInForce(about) && !covers(about, 'processing'),
    },
  ],
};

/** Asked of the provision that lifts secrecy. */
export const statuteRules: readonly Rule<ProvisionCase>[] = [
  {
    name: 'statute-in-force',
    code: 'STATUTE_UNKNOWN',
    holds: 'The catalogue has this version of the provision on the day of the message.',
    source: opennessAct,
    broken: (about) => !isInForce(about),
  },
  {
    name: 'statute-in-territory',
    code: 'STATUTE_NOT_APPLICABLE',
    holds: 'The provision is in force where both parties are: the mainland and Åland have Acts of their own.',
    source: 'Act 681/2023; ÅFS 2012:74; design page 5, Routing',
    broken: ({ statute, question }) => statute !== undefined && !inTerritory(statute, question.territories),
  },
  {
    name: 'statute-lifts-secrecy',
    code: 'STATUTE_NOT_APPLICABLE',
    holds: 'The provision lifts secrecy between these parties, for this purpose and each of these categories.',
    source: opennessAct,
    broken: (about) =>
      about.statute !== undefined &&
      inTerritory(about.statute, about.question.territories) &&
      !covers(about, 'secrecyLift'),
  },
];

/**
 * The rule before all others about a consent. Where it is broken nothing else is told: unknown, of others, or of a version
 * that does not exist have one answer.
 */
export const knownToBoth = {
  name: 'consent-of-both-parties',
  code: 'NO_BASIS',
  holds: 'Sender and recipient are parties of the consent, and it has the version that is named.',
  source: `${page2}: reasons that depend on a stored consent go only to its parties`,
} as const satisfies Omit<Rule<never>, 'broken'>;

/** Asked of all consents of an item together. */
export const consentsRules: readonly Rule<ConsentsCase>[] = [
  {
    name: 'every-subject-has-consent',
    code: 'CONSENT_TOO_NARROW',
    holds: 'Each person that the message is about is the subject of one of the consents.',
    source: 'GDPR article 6; design page 2, Subjects',
    broken: ({ context, consents, facts }) =>
      !context.subjects.every((subject) =>
        consents.some(({ record }) => isSamePerson(subject, record.subject, facts.links)),
      ),
  },
];

const inState =
  (...states: readonly ConsentState[]) =>
  ({ state }: ConsentCase): boolean =>
    states.includes(state);

const mandates = ({ record }: ConsentCase): readonly Decider[] =>
  record.deciders.filter(({ role }) => role === 'mandate');

/** Until when a mandate that was verified at this moment carries a disclosure; never, where the catalogue does not say. */
function verifiedUntil(verifiedAt: Date, { facts, today }: ConsentCase): Date {
  const period = findDeadline(facts.catalogue.deadlines, 'mandate-verification', today);
  return period.ok ? deadlineFor(period.value, verifiedAt) : verifiedAt;
}

/** Asked of each consent, where both parties may know of it. */
export const consentRules: readonly Rule<ConsentCase>[] = [
  {
    name: 'consent-not-withdrawn',
    code: 'CONSENT_WITHDRAWN',
    holds: 'The client has not withdrawn the consent.',
    source: 'GDPR article 7(3)',
    broken: inState('withdrawn'),
  },
  {
    name: 'consent-not-revoked',
    code: 'CONSENT_INACTIVE',
    holds: 'No authority has revoked the consent.',
    source: page2,
    broken: inState('revoked'),
  },
  {
    name: 'consent-not-invalidated',
    code: 'CONSENT_INACTIVE',
    holds: 'The consent was not found to be invalid.',
    source: `GDPR article 7; ${page2}`,
    broken: inState('invalidated'),
  },
  {
    name: 'consent-was-given',
    code: 'CONSENT_INACTIVE',
    holds: 'The client has answered yes: a proposal that is open, denied, cancelled or lapsed is no consent.',
    source: `GDPR article 4(11); ${page2}`,
    broken: inState('requested', 'denied', 'cancelled', 'lapsed'),
  },
  {
    name: 'consent-not-superseded',
    code: 'CONSENT_SUPERSEDED',
    holds: 'The version that is named is the newest.',
    source: page2,
    broken: inState('superseded'),
  },
  {
    name: 'consent-not-expired',
    code: 'CONSENT_EXPIRED',
    holds: 'The end of the consent is not reached, and the plan to which it was bound has not ended.',
    source: page2,
    broken: inState('expired'),
  },
  {
    name: 'consent-not-suspended',
    code: 'CONSENT_INACTIVE',
    holds: 'The consent is not suspended.',
    source: page2,
    passing: true,
    broken: inState('suspended'),
  },
  {
    name: 'consent-has-begun',
    code: 'CONSENT_NOT_YET_VALID',
    holds: 'The beginning of the consent is reached.',
    source: page2,
    passing: true,
    broken: inState('not-yet-valid'),
  },
  {
    name: 'consent-grants-category',
    code: 'CONSENT_TOO_NARROW',
    holds: 'The client said yes to each of these categories, from this discloser to this recipient.',
    source: 'GDPR article 4(11); design page 5, Client',
    broken: ({ record, item, asker, holder }) =>
      !item.categories.every((category) =>
        grantsCover(record.grants, { category, discloser: holder, recipient: asker }),
      ),
  },
  {
    name: 'consent-covers-purpose',
    code: 'CONSENT_TOO_NARROW',
    holds: 'The consent is for the purpose of the message.',
    source: 'GDPR articles 5(1)(b) and 6(1)(a)',
    broken: ({ record, context }) => !record.purposes.includes(context.purpose),
  },
  {
    name: 'consent-is-about-subject',
    code: 'CONSENT_TOO_NARROW',
    holds: 'The message is about the subject of the consent, also under a number that was joined to it.',
    source: 'design page 2, Subjects',
    broken: ({ record, context, facts }) =>
      !context.subjects.some((subject) => isSamePerson(subject, record.subject, facts.links)),
  },
  {
    name: 'data-period-stated',
    code: 'CONSENT_TOO_NARROW',
    holds: 'Where the consent is for data of a certain period, the message states a period.',
    source: page2,
    broken: ({ record, context }) => record.dataPeriod !== undefined && context.dataPeriod === undefined,
  },
  {
    name: 'data-period-within',
    code: 'CONSENT_TOO_NARROW',
    holds: 'The period that the message states lies within that of the consent.',
    source: page2,
    broken: ({ record: { dataPeriod: agreed }, context: { dataPeriod: stated } }) =>
      agreed !== undefined && stated !== undefined && (stated.from < agreed.from || stated.to > agreed.to),
  },
  {
    name: 'decider-not-excluded',
    code: 'DECIDER_EXCLUDED',
    holds: 'Nobody who decided has been excluded from deciding for this person.',
    source: `Guardianship Services Act 442/1999 §32; ${page5}, Refusal reasons`,
    broken: (about) =>
      exclusionsOf(about).some(
        ({ decider }) =>
          decider !== undefined &&
          pseudonymsOfDeciders(about.record).some((one) => isSamePerson(one, decider, everyLink(about))),
      ),
  },
  {
    name: 'exclusions-known',
    code: 'DECIDER_EXCLUDED',
    holds:
      'Where somebody other than the person decided, the log tells of no exclusion whose statement was lost with a restored backup.',
    source: `Guardianship Services Act 442/1999 §32; ${page2}, Basis`,
    passing: true,
    broken: (about) =>
      pseudonymsOfDeciders(about.record).length > 0 && exclusionsOf(about).some(({ decider }) => decider === undefined),
  },
  {
    name: 'mandate-not-ended',
    code: 'MANDATE_ENDED',
    holds: 'The mandate or order of everybody who decided still holds.',
    source: page2,
    broken: ({ record, facts }) =>
      record.deciders.some(({ validUntil }) => validUntil !== undefined && facts.now >= new Date(validUntil)),
  },
  {
    name: 'mandate-verified',
    code: 'MANDATE_STALE',
    holds: 'Each mandate was verified within the time that the catalogue gives (deadline `mandate-verification`).',
    source: page2,
    passing: true,
    broken: (about) =>
      mandates(about).some(({ verifiedAt }) => {
        const times = [verifiedAt, about.mandateVerifiedAt].flatMap((at) => (at === undefined ? [] : [new Date(at)]));
        return !times.some((at) => about.facts.now <= verifiedUntil(at, about));
      }),
  },
  {
    name: 'oral-consent-one-contact',
    code: 'CONSENT_USED_UP',
    holds: 'A consent by word of mouth is used in one exchange only.',
    source: 'design page 2, Basis (`oral-once`)',
    gates: ['disclosure'],
    broken: ({ record, counted, use }) =>
      record.method === 'oral-once' && counted.some(({ exchangeId }) => exchangeId !== use.exchangeId),
  },
  {
    name: 'consent-uses-left',
    code: 'CONSENT_USED_UP',
    holds: 'A use of the consent is left, or this recipient has had its use in this exchange.',
    source: page2,
    gates: ['disclosure'],
    broken: ({ record, counted, use }) => isNew(use, counted) && counted.length >= mostUses(record),
  },
  {
    name: 'consent-frequency',
    code: 'CONSENT_USED_TOO_OFTEN',
    holds: 'The consent was not used in this period as often as it allows.',
    source: page2,
    gates: ['disclosure'],
    passing: true,
    broken: ({ record, counted, use, facts }) => {
      const frequency = frequencyOf(record.uses);
      return frequency !== undefined && isNew(use, counted) && usedTooOften(frequency, counted, facts.now);
    },
  },
];

/** Also those that were lost: who is excluded stays so under every number. */
const everyLink = ({ facts: { links, lostLinks = [] } }: ConsentCase): readonly JoinedPseudonyms[] => [
  ...links,
  ...lostLinks,
];

const exclusionsOf = (about: ConsentCase): readonly ExcludedDecider[] =>
  about.facts.exclusions.filter(({ subject }) => isSamePerson(subject, about.record.subject, everyLink(about)));

const isNew = (use: ConsentUse, counted: readonly ConsentUse[]): boolean =>
  !counted.some((other) => sameUse(other, use));

const pseudonymsOfDeciders = ({ deciders }: ConsentRecord): readonly Pseudonym[] =>
  deciders.flatMap(({ pseudonym }) => pseudonym ?? []);
