import { dayInHelsinki, deadlineFor } from '#calendar';
import { type Catalogue, findCategory, findDeadline, findPurpose } from '#catalogue';
import type { ConsentProposal, ConsentRecord, DataPeriod, Grant, Uses } from '#envelope';
import { AppError, err, ok, type Result, type Sha256 } from '#kernel';

/** Forgiven to agencies' clocks. */
const SKEW_MS = 60_000;

/** What was asked for, as far as an answer is judged by it. */
export interface Asked {
  readonly hash: Sha256;
  readonly payload: ConsentProposal;
}

/** Members that proposal and record have in common and that a day decides about. */
type Terms = Pick<ConsentProposal, 'purposes' | 'validUntil'>;

/**
 * Are these terms possible at all, by the reference data of the day?
 *
 * @param from when it begins to hold at the earliest
 * Errors: CONSENT_INVALID; as `findDeadline`
 */
export function acceptTerms(
  terms: Terms,
  given: readonly Grant[],
  from: Date,
  catalogue: Catalogue,
  now: Date,
): Result<void> {
  const today = dayInHelsinki(now);
  const invalid = (why: string): { ok: false; error: AppError } => err(new AppError('CONSENT_INVALID', why));
  if (new Date(terms.validUntil) <= now) return invalid('validUntil has passed');
  const maximum = findDeadline(catalogue.deadlines, 'consent-maximum', today);
  if (!maximum.ok) return maximum;
  if (new Date(terms.validUntil) > deadlineFor(maximum.value, from))
    return invalid('a consent lasts at most as long as the agreed maximum');
  if (given.some(({ category }) => !findCategory(catalogue.categories, category, today)))
    return invalid('a category is not in force');
  if (terms.purposes.some((code) => !findPurpose(catalogue.purposes, code, today).ok))
    return invalid('a purpose is not in force');
  return ok(undefined);
}

/** May this be asked? Its signature has been verified before. Errors: CONSENT_INVALID; as `findDeadline`. */
export function acceptProposal(proposal: ConsentProposal, catalogue: Catalogue, now: Date): Result<void> {
  const { createdAt, lapsesAt, wanted, uses } = proposal;
  const invalid = (why: string): { ok: false; error: AppError } => err(new AppError('CONSENT_INVALID', why));
  if (new Date(createdAt).getTime() > now.getTime() + SKEW_MS) return invalid('createdAt lies in the future');
  if (new Date(lapsesAt) <= now) return invalid('lapsesAt has passed');
  if (uses.kind === 'once' && new Date(lapsesAt) > new Date(proposal.validUntil))
    return invalid('it would lapse after it had ended');
  return acceptTerms(proposal, wanted, new Date(lapsesAt), catalogue, now);
}

/**
 * Does a record answer this proposal, and agree to nothing more than was asked? Less is the person's right.
 *
 * Errors: CONSENT_PROPOSAL_LAPSED, CONSENT_NOT_AS_PROPOSED
 */
export function acceptAnswer(record: ConsentRecord, { hash, payload: asked }: Asked, now: Date): Result<void> {
  if (now >= new Date(asked.lapsesAt)) return err(new AppError('CONSENT_PROPOSAL_LAPSED'));
  const wider = Object.entries(widerMembers(record, asked))
    .filter(([, isWider]) => isWider)
    .map(([member]) => member);
  if (record.proposal !== hash) wider.push('proposal');
  return wider.length === 0
    ? ok(undefined)
    : err(new AppError('CONSENT_NOT_AS_PROPOSED', undefined, { fields: wider }));
}

const widerMembers = (record: ConsentRecord, asked: ConsentProposal): Record<string, boolean> => ({
  subject: record.subject !== asked.subject,
  standing: record.standing !== asked.standing,
  collectingAgency: record.collectingAgency !== asked.collectingAgency,
  purposes: !within(record.purposes, asked.purposes),
  dataPeriod: !periodWithin(record.dataPeriod, asked.dataPeriod),
  uses: !usesWithin(record.uses, asked.uses),
  validUntil: new Date(record.validUntil) > new Date(asked.validUntil),
  untilPlanEnds: asked.untilPlanEnds === true && record.untilPlanEnds !== true,
  noticeVersion: record.noticeVersion !== asked.noticeVersion,
  collectedAt:
    new Date(record.collectedAt).getTime() < new Date(asked.createdAt).getTime() - SKEW_MS ||
    new Date(record.collectedAt) >= new Date(asked.lapsesAt),
  grants: !record.grants.every((grant) =>
    asked.wanted.some(
      (wanted) =>
        wanted.category === grant.category &&
        within(grant.disclosers, wanted.disclosers) &&
        within(grant.recipients, wanted.recipients),
    ),
  ),
});

const within = <T>(some: readonly T[], all: readonly T[]): boolean => some.every((one) => all.includes(one));

/** ISO dates compare as text. */
const periodWithin = (given: DataPeriod | undefined, asked: DataPeriod | undefined): boolean =>
  asked === undefined || (given !== undefined && given.from >= asked.from && given.to <= asked.to);

function usesWithin(given: Uses, asked: Uses): boolean {
  if (given.kind === 'once') return true;
  if (asked.kind === 'once') return false;
  if (asked.max !== undefined && (given.max === undefined || given.max > asked.max)) return false;
  const { frequency } = asked;
  return (
    frequency === undefined ||
    (given.frequency !== undefined && given.frequency.per === frequency.per && given.frequency.count <= frequency.count)
  );
}
