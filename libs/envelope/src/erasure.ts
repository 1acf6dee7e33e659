import type { AgencyId, Pseudonym, Sha256 } from '#kernel';
import { agency, areUnique, code, day, hash, numericDate, pseudonym, tokenId, worker } from './fields.js';
import { type Check, also, closed, either, integer, list, oneOf, optional, text } from './shape.js';
import { type IndexRange, someIndices } from './tombstone.js';

/** Which entries an erasure is about. */
export type ErasureSelection =
  /** Those about one person, logged on these calendar days in UTC, both included. */
  | { by: 'subject'; subject: Pseudonym; from: string; to: string }
  /** Those of a retention class that are older than its ceiling. */
  | { by: 'ceiling'; class: string }
  | { by: 'indices'; indices: IndexRange[] };

/** An agency asks that entries be erased. */
export interface ErasureProposal {
  v: 1;
  selection: ErasureSelection;
  /** Id of a legal ground in the retention data. */
  ground: string;
  /**
   * Retention classes whose periods nobody has compared with the law, and by which the agency, as controller, has entries erased
   * all the same. Without it none of theirs goes.
   */
  acceptsUnconfirmed?: string[];
  agency: AgencyId;
  worker: string;
  jti: string;
  iat: number;
}

/** A second person, with another agency's key, agrees to exactly these entries. */
export interface ErasureApproval {
  v: 1;
  /** Hash of the signed proposal. */
  proposal: Sha256;
  /** What the selection comes to: hash of the canonical list of index ranges, and the number of entries. */
  targets: Sha256;
  count: number;
  /** What the proposal accepts, where it does: the second agency has seen it and answers for it, too. */
  acceptsUnconfirmed?: string[];
  agency: AgencyId;
  worker: string;
  jti: string;
  iat: number;
}

/** What a legal hold keeps from erasure. */
export type HoldScope =
  { by: 'subject'; subject: Pseudonym } | { by: 'agency'; agency: AgencyId } | { by: 'indices'; indices: IndexRange[] };

/** An agency says that entries are needed as evidence: nothing of them is erased until it is lifted. */
export interface LegalHold {
  v: 1;
  scope: HoldScope;
  /** Reference of the matter at the agency; no personal data. */
  matter: string;
  agency: AgencyId;
  worker: string;
  jti: string;
  iat: number;
}

export interface LegalHoldLift {
  v: 1;
  /** Hash of the signed hold. */
  hold: Sha256;
  agency: AgencyId;
  worker: string;
  jti: string;
  iat: number;
}

/** An owner takes an alert up, or ends it with a reason. */
export interface AlertAct {
  v: 1;
  alert: string;
  act: 'acknowledge' | 'close';
  /** What was found: a code; no personal data. */
  reason: string;
  agency: AgencyId;
  worker: string;
  jti: string;
  iat: number;
}

const signed = { v: oneOf(1), agency, worker, jti: tokenId, iat: numericDate } as const;
const matter = text(/^[^\p{Cc}]{1,128}$/u);

type Selected<B extends ErasureSelection['by']> = Extract<ErasureSelection, { by: B }>;
type Held<B extends HoldScope['by']> = Extract<HoldScope, { by: B }>;

const selection: Check<ErasureSelection> = either(
  also(
    closed<Selected<'subject'>>({ by: oneOf('subject'), subject: pseudonym, from: day, to: day }),
    ({ from, to }) => from <= to,
  ),
  either(
    closed<Selected<'ceiling'>>({ by: oneOf('ceiling'), class: code }),
    closed<Selected<'indices'>>({ by: oneOf('indices'), indices: someIndices }),
  ),
);

const scope: Check<HoldScope> = either(
  closed<Held<'subject'>>({ by: oneOf('subject'), subject: pseudonym }),
  either(
    closed<Held<'agency'>>({ by: oneOf('agency'), agency }),
    closed<Held<'indices'>>({ by: oneOf('indices'), indices: someIndices }),
  ),
);

const acceptsUnconfirmed = optional(also(list(code, { min: 1, max: 64 }), areUnique));

export const erasureProposal: Check<ErasureProposal> = closed<ErasureProposal>({
  ...signed,
  selection,
  ground: code,
  acceptsUnconfirmed,
});

export const erasureApproval: Check<ErasureApproval> = closed<ErasureApproval>({
  ...signed,
  proposal: hash,
  targets: hash,
  count: integer(1),
  acceptsUnconfirmed,
});

export const legalHold: Check<LegalHold> = closed<LegalHold>({ ...signed, scope, matter });
export const legalHoldLift: Check<LegalHoldLift> = closed<LegalHoldLift>({ ...signed, hold: hash });

export const alertAct: Check<AlertAct> = closed<AlertAct>({
  ...signed,
  alert: text(/^[0-9a-f]{32}$/),
  act: oneOf('acknowledge', 'close'),
  reason: code,
});
