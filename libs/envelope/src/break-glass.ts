import type { AgencyId, Pseudonym, Sha256 } from '#kernel';
import { agency, code, hash, numericDate, pseudonym, tokenId, worker } from './fields.js';
import { type Check, closed, either, integer, oneOf, text } from './shape.js';

/** Whose entries an agency opens of which it is no party. */
export type BreakGlassScope = { by: 'agency'; agency: AgencyId } | { by: 'subject'; subject: Pseudonym };

/** An agency opens entries of the log beyond its own, in an emergency, for a short time. */
export interface BreakGlassOpening {
  v: 1;
  scope: BreakGlassScope;
  /** Id of a reason in the rules. */
  reason: string;
  /** Reference of the matter at the agency; no personal data. */
  matter: string;
  /** For so long. */
  minutes: number;
  agency: AgencyId;
  /** Who looks. */
  worker: string;
  jti: string;
  iat: number;
}

/** A supervising authority says afterwards what it makes of it. */
export interface BreakGlassReview {
  v: 1;
  /** Hash of the signed opening. */
  grant: Sha256;
  finding: 'justified' | 'unjustified';
  agency: AgencyId;
  worker: string;
  jti: string;
  iat: number;
}

const signed = { v: oneOf(1), agency, worker, jti: tokenId, iat: numericDate } as const;

type Opened<B extends BreakGlassScope['by']> = Extract<BreakGlassScope, { by: B }>;

const scope: Check<BreakGlassScope> = either(
  closed<Opened<'agency'>>({ by: oneOf('agency'), agency }),
  closed<Opened<'subject'>>({ by: oneOf('subject'), subject: pseudonym }),
);

export const breakGlassOpening: Check<BreakGlassOpening> = closed<BreakGlassOpening>({
  ...signed,
  scope,
  reason: code,
  matter: text(/^[^\p{Cc}]{1,128}$/u),
  minutes: integer(1, 1_440),
});

export const breakGlassReview: Check<BreakGlassReview> = closed<BreakGlassReview>({
  ...signed,
  grant: hash,
  finding: oneOf('justified', 'unjustified'),
});
