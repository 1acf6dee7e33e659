import type { AgencyId, ConsentId, EventId, Pseudonym, Sha256 } from '#kernel';
import {
  agencies,
  agency,
  areUnique,
  categoryId,
  code,
  consentId,
  dataPeriod,
  eventId,
  hash,
  instant,
  isAscending,
  language,
  numericDate,
  pseudonym,
  tokenId,
  version,
  worker,
} from './fields.js';
import { type Check, also, closed, either, flag, integer, list, oneOf, optional, text } from './shape.js';

export const deciderRoles = ['self', 'custodian', 'guardian', 'representative', 'mandate'] as const;
export type DeciderRole = (typeof deciderRoles)[number];

/** Who decided: the person, or somebody for or beside the person. */
export interface Decider {
  role: DeciderRole;
  /** Of everybody but the person, whose pseudonym is the record's subject. */
  pseudonym?: Pseudonym;
  /** Reference of the mandate or order. */
  reference?: string;
  /** Instant at which the right to decide was verified; stated for everybody but the person. */
  verifiedAt?: string;
  /** Instant from which the order or mandate no longer holds. */
  validUntil?: string;
  /** Agencies' names are withheld in this decider's views. It says nothing about why. */
  namesWithheld?: boolean;
}

/** A yes: this category, from these agencies, to those. */
export interface Grant {
  category: number;
  disclosers: AgencyId[];
  /** Who may ask and receive. */
  recipients: AgencyId[];
}

/** How the person stands in the matter: a child is decided for, from the age of fifteen beside the custodian (Administrative Procedure Act §14). */
export const subjectStandings = ['adult', 'fifteen', 'child'] as const;
export type SubjectStanding = (typeof subjectStandings)[number];

export const frequencyPeriods = ['day', 'week', 'month', 'year'] as const;

/** How often it may be used: once, or again and again, with a maximum in all and in each period of time. */
export type Uses =
  | { kind: 'once' }
  | { kind: 'repeated'; max?: number; frequency?: { count: number; per: (typeof frequencyPeriods)[number] } };

/** Calendar dates, both included, to which the disclosed data must belong. */
export interface DataPeriod {
  from: string;
  to: string;
}

/** What was asked for and what was agreed to have these members in common. */
interface ConsentTerms {
  subject: Pseudonym;
  standing: SubjectStanding;
  collectingAgency: AgencyId;
  purposes: string[];
  dataPeriod?: DataPeriod;
  uses: Uses;
  /** Instant from which it no longer holds: every consent has an end. */
  validUntil: string;
  /** It also ends when the collecting agency says that the client's plan has ended. */
  untilPlanEnds?: boolean;
  language: string;
  /** Version of the notice that the person was given. A changed notice does not change old consents. */
  noticeVersion: string;
}

/** One version of a consent, signed by the agency that collected it (fields: ISO/IEC TS 27560, W3C DPV). */
export interface ConsentRecord extends ConsentTerms {
  v: 1;
  id: ConsentId;
  version: number;
  /** Hash of the proposal that it answers. */
  proposal?: Sha256;
  deciders: Decider[];
  /** Of a child with custodians: one, or two who decide together. */
  custody?: 'sole' | 'joint';
  /** What the person said yes to, by category. */
  grants: Grant[];
  /** Instant from which it holds. */
  validFrom: string;
  method: 'oral-once' | 'written' | 'electronic';
  interpreter: boolean;
  /** Pseudonym of the case worker who witnessed it. */
  witness?: string;
  /** Salted hash of the evidence; the salt stays at the agency. */
  evidenceHash?: Sha256;
  collectedAt: string;
}

/** What an agency asks a client to agree to. The client's answer is a record, or a denial. */
export interface ConsentProposal extends ConsentTerms {
  v: 1;
  /** Of the consent that it may become. */
  id: ConsentId;
  wanted: Grant[];
  /** Instant from which it can no longer be answered. */
  lapsesAt: string;
  createdAt: string;
}

export const consentActs = [
  'withdraw',
  'suspend',
  'resume',
  'revoke',
  'invalidate',
  'deny',
  'cancel',
  'end-plan',
  'verify-mandate',
] as const;
export type ConsentActType = (typeof consentActs)[number];

/** Something that happens to a consent after it was proposed or recorded, told and signed by an agency. */
export interface ConsentAct {
  v: 1;
  consentId: ConsentId;
  /** Newest version known to who acts; 0 for a proposal. */
  version: number;
  act: ConsentActType;
  /** Whose act it is: the person's (or of who decides for the person), or an authority's own. */
  by: 'subject' | 'decider' | 'authority';
  /** The decider, where one acts. */
  decider?: Pseudonym;
  channel: 'in-person' | 'telephone' | 'letter' | 'electronic';
  agency: AgencyId;
  worker: string;
  /** Why an authority acts. A person gives no reasons. */
  reason?: string;
  jti: string;
  iat: number;
}

/** Two pseudonyms name one person: a later identity code joins an earlier number. */
export interface SubjectLink {
  v: 1;
  subject: Pseudonym;
  earlier: Pseudonym;
  agency: AgencyId;
  worker: string;
  jti: string;
  iat: number;
}

/** This person may not decide for that one. */
export interface DeciderExclusion {
  v: 1;
  subject: Pseudonym;
  decider: Pseudonym;
  reason: 'conflict-of-interest';
  agency: AgencyId;
  worker: string;
  jti: string;
  iat: number;
}

/** How strongly a person was identified (eIDAS: Regulation (EU) 910/2014, article 8). */
export const identificationLevels = ['low', 'substantial', 'high'] as const;

/** A person was identified and sees the account about a subject; signed by the agency that hosts the account. */
export interface AccountIdentification {
  v: 1;
  subject: Pseudonym;
  /** Who looks, where it is not the subject: somebody who decides for the subject. */
  viewer?: Pseudonym;
  agency: AgencyId;
  /** Such as the issuer of the identification service. */
  method: string;
  level: (typeof identificationLevels)[number];
  /** When the person was identified, in seconds since the epoch (OpenID Connect Core §2). */
  authTime: number;
  /** Hash of the ID token, which stays at the agency. */
  idTokenHash: Sha256;
  jti: string;
  iat: number;
}

/** Something happened to a consent: told by exchange to the consent's parties in their mailboxes. */
export interface ConsentNotice {
  v: 1;
  /** Type of the log's entry, such as `consent-withdrawn`. */
  type: string;
  eventId: EventId;
  consentId: ConsentId;
  /** 0 of a proposal. */
  version: number;
  /** Afterwards. */
  state: string;
  subject: Pseudonym;
  /** Who told it; left out where the hub noticed it by itself. */
  by?: AgencyId;
  at: string;
}

const inOrder = (from: string, until: string): boolean => Date.parse(from) < Date.parse(until);

const decider: Check<Decider> = also(
  closed<Decider>({
    role: oneOf(...deciderRoles),
    pseudonym: optional(pseudonym),
    reference: optional(text(/^[^\p{Cc}]{1,128}$/u)),
    verifiedAt: optional(instant),
    validUntil: optional(instant),
    namesWithheld: optional(flag),
  }),
  ({ role, pseudonym: named }) => (role === 'self') === (named === undefined),
);

const grants: Check<Grant[]> = also(
  list(closed<Grant>({ category: categoryId, disclosers: agencies, recipients: agencies }), { min: 1, max: 64 }),
  (given) => isAscending(given.map(({ category }) => category)),
);

type Repeated = Extract<Uses, { kind: 'repeated' }>;

const uses: Check<Uses> = either(
  closed<Extract<Uses, { kind: 'once' }>>({ kind: oneOf('once') }),
  closed<Repeated>({
    kind: oneOf('repeated'),
    max: optional(integer(1, 10_000)),
    frequency: optional(
      closed<NonNullable<Repeated['frequency']>>({ count: integer(1, 1_000), per: oneOf(...frequencyPeriods) }),
    ),
  }),
);

const terms = {
  subject: pseudonym,
  standing: oneOf(...subjectStandings),
  collectingAgency: agency,
  purposes: also(list(code, { min: 1, max: 32 }), areUnique),
  dataPeriod: optional(dataPeriod),
  uses,
  validUntil: instant,
  untilPlanEnds: optional(flag),
  language,
  noticeVersion: code,
};

export const consentRecord: Check<ConsentRecord> = also(
  closed<ConsentRecord>({
    ...terms,
    v: oneOf(1),
    id: consentId,
    version,
    proposal: optional(hash),
    deciders: also(list(decider, { min: 1, max: 4 }), (given) => areUnique(given.map(({ pseudonym: who }) => who))),
    custody: optional(oneOf('sole', 'joint')),
    grants,
    validFrom: instant,
    method: oneOf('oral-once', 'written', 'electronic'),
    interpreter: flag,
    witness: optional(worker),
    evidenceHash: optional(hash),
    collectedAt: instant,
  }),
  ({ validFrom, validUntil }) => inOrder(validFrom, validUntil),
);

export const consentProposal: Check<ConsentProposal> = also(
  closed<ConsentProposal>({
    ...terms,
    v: oneOf(1),
    id: consentId,
    wanted: grants,
    lapsesAt: instant,
    createdAt: instant,
  }),
  ({ createdAt, lapsesAt, validUntil }) => inOrder(createdAt, lapsesAt) && inOrder(createdAt, validUntil),
);

export const consentAct: Check<ConsentAct> = closed<ConsentAct>({
  v: oneOf(1),
  consentId,
  version: integer(0, 1_000_000),
  act: oneOf(...consentActs),
  by: oneOf('subject', 'decider', 'authority'),
  decider: optional(pseudonym),
  channel: oneOf('in-person', 'telephone', 'letter', 'electronic'),
  agency,
  worker,
  reason: optional(code),
  jti: tokenId,
  iat: numericDate,
});

export const subjectLink: Check<SubjectLink> = also(
  closed<SubjectLink>({
    v: oneOf(1),
    subject: pseudonym,
    earlier: pseudonym,
    agency,
    worker,
    jti: tokenId,
    iat: numericDate,
  }),
  ({ subject, earlier }) => subject !== earlier,
);

export const deciderExclusion: Check<DeciderExclusion> = also(
  closed<DeciderExclusion>({
    v: oneOf(1),
    subject: pseudonym,
    decider: pseudonym,
    reason: oneOf('conflict-of-interest'),
    agency,
    worker,
    jti: tokenId,
    iat: numericDate,
  }),
  ({ subject, decider: excluded }) => subject !== excluded,
);

const union = (lists: readonly (readonly AgencyId[])[]): AgencyId[] => [...new Set(lists.flat())].sort();

/** Who may ask and receive on some grant, sorted. */
export const recipientsOf = (grantsGiven: readonly Grant[]): AgencyId[] =>
  union(grantsGiven.map(({ recipients }) => recipients));

/** Who may disclose on some grant, sorted. */
export const disclosersOf = (grantsGiven: readonly Grant[]): AgencyId[] =>
  union(grantsGiven.map(({ disclosers }) => disclosers));

/** Agencies that may know of the consent: who collected it, who may ask, who may disclose; sorted. */
export const partiesOf = (consent: ConsentRecord | ConsentProposal): AgencyId[] => {
  const given = 'grants' in consent ? consent.grants : consent.wanted;
  return union([[consent.collectingAgency], recipientsOf(given), disclosersOf(given)]);
};

/** The same agencies for each of these categories. */
export const grantEach = (
  categories: readonly number[],
  { disclosers, recipients }: { readonly disclosers: readonly AgencyId[]; readonly recipients: readonly AgencyId[] },
): Grant[] =>
  [...categories]
    .sort((a, b) => a - b)
    .map((category) => ({ category, disclosers: [...disclosers], recipients: [...recipients] }));

/** Does a yes cover this category between these two? */
export const grantsCover = (
  grantsGiven: readonly Grant[],
  {
    category,
    discloser,
    recipient,
  }: { readonly category: number; readonly discloser: AgencyId; readonly recipient: AgencyId },
): boolean =>
  grantsGiven.some(
    (grant) =>
      grant.category === category && grant.disclosers.includes(discloser) && grant.recipients.includes(recipient),
  );

export const accountIdentification: Check<AccountIdentification> = also(
  closed<AccountIdentification>({
    v: oneOf(1),
    subject: pseudonym,
    viewer: optional(pseudonym),
    agency,
    method: text(/^[^\p{Cc}]{1,256}$/u),
    level: oneOf(...identificationLevels),
    authTime: numericDate,
    idTokenHash: hash,
    jti: tokenId,
    iat: numericDate,
  }),
  ({ subject, viewer }) => subject !== viewer,
);

export const consentNotice: Check<ConsentNotice> = closed<ConsentNotice>({
  v: oneOf(1),
  type: code,
  eventId,
  consentId,
  version: integer(0, 1_000_000),
  state: code,
  subject: pseudonym,
  by: optional(agency),
  at: instant,
});
