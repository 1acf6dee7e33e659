import type { AgencyId, ConsentId, Pseudonym, Sha256 } from '#kernel';
import {
  agencies,
  agency,
  areUnique,
  code,
  consentId,
  day,
  hash,
  instant,
  language,
  numericDate,
  pseudonym,
  someCategories,
  tokenId,
  version,
  worker,
} from './fields.js';
import { type Check, also, closed, either, flag, integer, list, oneOf, optional, text } from './shape.js';

/** Who decided: the person, or somebody for the person. */
export interface Decider {
  role: 'self' | 'custodian' | 'guardian' | 'representative' | 'mandate';
  pseudonym?: Pseudonym;
  /** Reference of the mandate or order. */
  reference?: string;
  /** Instant at which the right to decide was verified. */
  verifiedAt?: string;
}

/** One version of a consent, signed by the agency that collected it (fields: ISO/IEC TS 27560, W3C DPV). */
export interface ConsentRecord {
  v: 1;
  id: ConsentId;
  version: number;
  subject: Pseudonym;
  decidedBy: Decider;
  collectingAgency: AgencyId;
  /** Who may ask and receive. */
  requesters: AgencyId[];
  /** Who may disclose. */
  disclosers: AgencyId[];
  categories: number[];
  purposes: string[];
  /** Calendar dates, both included, to which the disclosed data must belong. */
  dataPeriod?: { from: string; to: string };
  uses: { kind: 'once' } | { kind: 'repeated'; max?: number };
  /** Instant from which it holds. */
  validFrom: string;
  /** Instant from which it no longer holds: every consent has an end. */
  validUntil: string;
  method: 'oral-once' | 'written' | 'electronic';
  interpreter: boolean;
  language: string;
  noticeVersion: string;
  /** Salted hash of the evidence; the salt stays at the agency. */
  evidenceHash?: Sha256;
  collectedAt: string;
}

/** A withdrawal is the subject's act, told by an agency. */
export interface ConsentWithdrawal {
  consentId: ConsentId;
  version: number;
  agency: AgencyId;
  worker: string;
  jti: string;
  iat: number;
}

type Uses = ConsentRecord['uses'];

const inOrder = (from: string, until: string): boolean => Date.parse(from) < Date.parse(until);

export const consentRecord: Check<ConsentRecord> = also(
  closed<ConsentRecord>({
    v: oneOf(1),
    id: consentId,
    version,
    subject: pseudonym,
    decidedBy: closed<Decider>({
      role: oneOf('self', 'custodian', 'guardian', 'representative', 'mandate'),
      pseudonym: optional(pseudonym),
      reference: optional(text(/^[^\p{Cc}]{1,128}$/u)),
      verifiedAt: optional(instant),
    }),
    collectingAgency: agency,
    requesters: agencies,
    disclosers: agencies,
    categories: someCategories,
    purposes: also(list(code, { min: 1, max: 32 }), areUnique),
    dataPeriod: optional(
      also(closed<{ from: string; to: string }>({ from: day, to: day }), ({ from, to }) => from <= to),
    ),
    uses: either(
      closed<Extract<Uses, { kind: 'once' }>>({ kind: oneOf('once') }),
      closed<Extract<Uses, { kind: 'repeated' }>>({ kind: oneOf('repeated'), max: optional(integer(1, 10_000)) }),
    ),
    validFrom: instant,
    validUntil: instant,
    method: oneOf('oral-once', 'written', 'electronic'),
    interpreter: flag,
    language,
    noticeVersion: code,
    evidenceHash: optional(hash),
    collectedAt: instant,
  }),
  ({ validFrom, validUntil }) => inOrder(validFrom, validUntil),
);

export const consentWithdrawal: Check<ConsentWithdrawal> = closed<ConsentWithdrawal>({
  consentId,
  version,
  agency,
  worker,
  jti: tokenId,
  iat: numericDate,
});
