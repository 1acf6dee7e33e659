import type { Catalogue } from '#catalogue';
import {
  type ConsentProposal,
  type ConsentRecord,
  type ExcludedDeciders,
  judgeDeciders,
  keyVersionOf,
} from '#envelope';
import { AppError, canonicalJson, type ErrorCode, err, ok, type Pseudonym, type Result } from '#kernel';
import { type Consent, mayHappen, type StoredState } from './consent-state.js';
import { acceptAnswer, acceptTerms, type Asked } from './proposal-rules.js';

/** Forgiven to agencies' clocks. */
const SKEW_MS = 60_000;

/** What is known of a consent when a record of it comes. */
export interface KnownConsent {
  /** The consent of that id, if there is one. */
  readonly present?: Pick<Consent, 'state' | 'version' | 'record'>;
  /** The proposal of that id, if it was proposed. */
  readonly asked?: Asked & { readonly state: StoredState };
  /** Who may not decide for this subject. */
  readonly excluded?: ExcludedDeciders;
}

const codeOfEnd = (state: StoredState): ErrorCode =>
  state === 'withdrawn' ? 'CONSENT_WITHDRAWN' : state === 'expired' ? 'CONSENT_EXPIRED' : 'CONSENT_INACTIVE';

/**
 * May this record be stored, as the first or the next version? Its signature has been verified before.
 *
 * Errors: CONSENT_INVALID, CONSENT_ID_REUSED, CONFLICT (a version that is not the next), CONSENT_WITHDRAWN, CONSENT_EXPIRED,
 * CONSENT_INACTIVE (final), CONSENT_PROPOSAL_LAPSED, CONSENT_NOT_AS_PROPOSED; as `judgeDeciders`
 */
export function acceptRecord(
  record: ConsentRecord,
  { present, asked, excluded = new Set() }: KnownConsent,
  catalogue: Catalogue,
  now: Date,
): Result<void> {
  const invalid = (why: string): { ok: false; error: AppError } => err(new AppError('CONSENT_INVALID', why));

  if (present && isRenamed(present.record, record)) return acceptRenamed(record, present, excluded, now);
  const before = present?.record ?? asked?.payload;
  if (before && (before.collectingAgency !== record.collectingAgency || before.subject !== record.subject))
    return err(new AppError('CONSENT_ID_REUSED'));
  if (present) {
    if (!mayHappen('new-version', present.state)) return err(new AppError(codeOfEnd(present.state)));
    if (record.version !== present.version + 1)
      return err(new AppError('CONFLICT', 'the version must be the next one'));
  } else {
    if (asked && !mayHappen('record', asked.state))
      return err(new AppError(asked.state === 'lapsed' ? 'CONSENT_PROPOSAL_LAPSED' : 'CONSENT_INACTIVE'));
    if (record.version !== 1) return invalid('the first version must be 1');
  }
  if (present === undefined ? asked !== undefined || record.proposal !== undefined : record.proposal !== undefined) {
    const answers = asked ? acceptAnswer(record, asked, now) : err(new AppError('CONSENT_NOT_AS_PROPOSED'));
    if (!answers.ok) return answers;
  }

  if (new Date(record.collectedAt).getTime() > now.getTime() + SKEW_MS)
    return invalid('collectedAt lies in the future');
  const possible = acceptTerms(record, record.grants, new Date(record.validFrom), catalogue, now);
  if (!possible.ok) return possible;
  if (record.method === 'oral-once' && record.uses.kind !== 'once')
    return invalid('a consent by word of mouth is for one contact');
  return judgeDeciders(record, excluded, now);
}

/** The same word for word under a later pseudonym key: only how its persons are named differs. */
export function isRenamed<Terms extends ConsentRecord | ConsentProposal>(before: Terms, next: Terms): boolean {
  const names = namesOf(next);
  const version = keyVersionOf(next.subject);
  return (
    version > keyVersionOf(before.subject) &&
    names.every((name) => keyVersionOf(name) === version) &&
    namesOf(before).length === names.length &&
    canonicalJson(nameless(before)) === canonicalJson(nameless(next))
  );
}

/**
 * The collecting agency says, and signs, that the new pseudonyms name the same persons (decision 0023). Nobody says yes anew,
 * so nothing but the names may change: what is suspended stays so, what has ended too, and who may not decide does not come
 * back under another name.
 */
function acceptRenamed(
  record: ConsentRecord,
  present: NonNullable<KnownConsent['present']>,
  excluded: ExcludedDeciders,
  now: Date,
): Result<void> {
  if (present.state !== 'active') return err(new AppError(codeOfEnd(present.state)));
  if (record.version !== present.version + 1) return err(new AppError('CONFLICT', 'the version must be the next one'));
  if (new Date(record.validUntil) <= now) return err(new AppError('CONSENT_EXPIRED'));
  if (decidersOf(present.record).some((name) => excluded.has(name))) return err(new AppError('DECIDER_EXCLUDED'));
  return ok(undefined);
}

/** An open proposal, its person named under a later key: nobody is asked anything else. Errors: as `acceptRecord`. */
export function acceptRenamedProposal(
  proposal: ConsentProposal,
  asked: { readonly state: StoredState; readonly proposal: Asked | undefined } | undefined,
  now: Date,
): Result<void> {
  if (!asked?.proposal || !isRenamed(asked.proposal.payload, proposal)) return err(new AppError('CONSENT_ID_REUSED'));
  if (asked.state === 'lapsed' || now >= new Date(proposal.lapsesAt))
    return err(new AppError('CONSENT_PROPOSAL_LAPSED'));
  return asked.state === 'requested' ? ok(undefined) : err(new AppError('CONSENT_INACTIVE'));
}

const decidersOf = (terms: ConsentRecord | ConsentProposal): Pseudonym[] =>
  'deciders' in terms ? terms.deciders.flatMap(({ pseudonym }) => pseudonym ?? []) : [];

const namesOf = (terms: ConsentRecord | ConsentProposal): Pseudonym[] => [terms.subject, ...decidersOf(terms)];

/** All of it but who is named how. */
const nameless = (terms: ConsentRecord | ConsentProposal): object => ({
  ...terms,
  subject: '',
  ...('deciders' in terms && {
    version: 0,
    deciders: terms.deciders.map((decider) => ({
      ...decider,
      pseudonym: decider.pseudonym === undefined ? '' : 'named',
    })),
  }),
});
