import type { Catalogue } from '#catalogue';
import type { JoinedPseudonyms } from '#envelope';
import type { AgencyId, ConsentId, ErrorCode, Pseudonym } from '#kernel';
import type { Consent } from '../consent-state.js';

/** One use of a consent: by one recipient in one exchange, however many messages that takes (design: Again and again). */
export interface ConsentUse {
  readonly consentId: ConsentId;
  readonly version: number;
  readonly exchangeId: string;
  readonly recipient: AgencyId;
  readonly usedAt: Date;
}

/** This person may not decide for that one. Where the statement was lost and only the log tells of it, who is not known. */
export interface ExcludedDecider {
  readonly subject: Pseudonym;
  readonly decider?: Pseudonym;
}

/** What is known when deciding; everything else would be a hidden input. */
export interface Facts {
  readonly catalogue: Catalogue;
  /** The consents that the context names, as far as they exist. */
  readonly consents: ReadonlyMap<ConsentId, Consent>;
  /** Uses already counted of those consents. */
  readonly uses: readonly ConsentUse[];
  /** Of the subjects and deciders concerned. */
  readonly links: readonly JoinedPseudonyms[];
  /** Of which only the log tells, their statements being lost: they open nothing, and carry exclusions on. */
  readonly lostLinks?: readonly JoinedPseudonyms[];
  /** Of the subjects concerned. */
  readonly exclusions: readonly ExcludedDecider[];
  /** Agencies of the messages to decide that are onboarded and not suspended. */
  readonly activeAgencies: ReadonlySet<AgencyId>;
  readonly now: Date;
}

/** One reason against, with the rule that gave it. */
export interface Reason {
  readonly code: ErrorCode;
  readonly rule: string;
}

/** A use that a permit counts; `first` is false when it was counted before. */
export type CountedUse = ConsentUse & { readonly first: boolean };

export type Decision = (
  | { readonly allowed: true; readonly uses: readonly CountedUse[] }
  | {
      readonly allowed: false;
      readonly reasons: readonly [Reason, ...Reason[]];
      /** The same message can never be released; else a reason may pass. */
      readonly final: boolean;
    }
) & {
  /** A provision lifts the secrecy for which a consent is named: do not ask for what the law already gives. */
  readonly consentNeedless: boolean;
};
