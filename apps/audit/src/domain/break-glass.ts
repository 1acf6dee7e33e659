import type { BreakGlassOpening } from '#envelope';
import { type AgencyId, AppError, type Pseudonym, type Result, type Sha256, err, ok } from '#kernel';
import { type Caller, isSupervising } from './caller.js';

/** What access in an emergency may be, as data. */
export interface BreakGlassRule {
  /** Of the alert that it raises. */
  readonly id: 'break-glass';
  readonly mostMinutes: number;
  /** Shown by one access, in all. */
  readonly mostEntries: number;
  /** Nothing that was logged longer before the opening is shown. */
  readonly lookbackDays: number;
  /** With so many unreviewed ones an agency opens no other. */
  readonly mostUnreviewed: number;
  readonly reasons: readonly { readonly id: string }[];
}

/** One access, as it stands. */
export interface BreakGlassAccess {
  /** Hash of the signed opening. */
  readonly grant: Sha256;
  readonly agency: AgencyId;
  readonly worker: string;
  /** Whose entries: an agency's, or a person's; the person is forgotten with the review. */
  readonly concerned: AgencyId | null;
  readonly subject: Pseudonym | null;
  readonly reason: string;
  readonly matter: string;
  readonly openedAt: Date;
  readonly endsAt: Date;
  readonly mostEntries: number;
  readonly shown: number;
  /** Agencies whose entries were shown. */
  readonly told: readonly AgencyId[];
  readonly alert: string;
  /** Whether the opening stands in the log. */
  readonly logged: boolean;
  readonly reviewedBy: AgencyId | null;
  readonly reviewedAt: Date | null;
  readonly finding: 'justified' | 'unjustified' | null;
}

/** An entry that a look shows, with whose it is. */
export interface ShownEntry {
  readonly leafIndex: number;
  readonly parties: readonly AgencyId[];
  readonly subjects: readonly Pseudonym[];
}

/** What a look shows of one person. */
export interface ShownPerson {
  readonly subject: Pseudonym;
  /** Rising. */
  readonly leaves: readonly number[];
  /** Other agencies that those entries name: they know of the person already. */
  readonly told: readonly AgencyId[];
}

/** Everybody whom a look shows, but for the person about whom it is. */
export function personsShown(
  shown: readonly ShownEntry[],
  { agency, subject }: Pick<BreakGlassAccess, 'agency' | 'subject'>,
): ShownPerson[] {
  const persons = new Set(shown.flatMap(({ subjects }) => subjects));
  if (subject !== null) persons.delete(subject);
  return [...persons].map((person) => {
    const about = shown.filter(({ subjects }) => subjects.includes(person));
    return {
      subject: person,
      leaves: about.map(({ leafIndex }) => leafIndex),
      told: agenciesOf(about, agency),
    };
  });
}

export const agenciesOf = (shown: readonly ShownEntry[], besides: AgencyId): AgencyId[] =>
  [...new Set(shown.flatMap(({ parties }) => parties))].filter((agency) => agency !== besides).sort();

export type BreakGlassState = 'open' | 'ended' | 'reviewed';

export function stateOf(
  { reviewedAt, logged, shown, mostEntries, endsAt }: BreakGlassAccess,
  now: Date,
): BreakGlassState {
  if (reviewedAt !== null) return 'reviewed';
  return logged && shown < mostEntries && now < endsAt ? 'open' : 'ended';
}

/** Gives when it ends. Errors: FORBIDDEN (a supervising authority), MALFORMED (own entries), REASON_UNKNOWN, REVIEW_NEEDED. */
export function judgeOpening(
  rule: BreakGlassRule,
  { agency, scope, reason, minutes }: Pick<BreakGlassOpening, 'agency' | 'scope' | 'reason' | 'minutes'>,
  { unreviewed, now }: { readonly unreviewed: number; readonly now: Date },
): Result<Date> {
  if (isSupervising(agency))
    return err(new AppError('FORBIDDEN', 'A supervising authority searches; it breaks no glass.'));
  if (scope.by === 'agency' && scope.agency === agency)
    return err(new AppError('MALFORMED', 'An agency searches its own entries.', { field: 'scope' }));
  if (!rule.reasons.some(({ id }) => id === reason))
    return err(new AppError('REASON_UNKNOWN', `Reasons: ${rule.reasons.map(({ id }) => id).join(', ')}.`));
  if (minutes > rule.mostMinutes)
    return err(new AppError('MALFORMED', `At most ${rule.mostMinutes} minutes.`, { field: 'minutes' }));
  if (unreviewed >= rule.mostUnreviewed) return err(new AppError('REVIEW_NEEDED'));
  return ok(new Date(now.getTime() + minutes * 60_000));
}

/** Gives how many entries may still be shown. Errors: FORBIDDEN (another worker), ACCESS_ENDED. */
export function judgeLook(access: BreakGlassAccess, { worker }: Caller, now: Date): Result<number> {
  if (worker !== access.worker)
    return err(new AppError('FORBIDDEN', 'Who opened it looks, and nobody else.', { field: 'askedBy' }));
  if (stateOf(access, now) !== 'open') return err(new AppError('ACCESS_ENDED'));
  return ok(access.mostEntries - access.shown);
}

/** Errors: SAME_HAND, FORBIDDEN. */
export function judgeReview({ agency }: Pick<BreakGlassAccess, 'agency'>, reviewer: AgencyId): Result<void> {
  if (reviewer === agency)
    return err(new AppError('SAME_HAND', 'Whoever looked does not review. A supervising authority does.'));
  return isSupervising(reviewer) ? ok(undefined) : err(new AppError('FORBIDDEN'));
}
