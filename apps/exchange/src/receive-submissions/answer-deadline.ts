import { type DeadlineRule, day, deadlineFor, endOfDay } from '#calendar';
import type { MessageContext } from '#envelope';
import { AppError, type Result, err, ok } from '#kernel';

/** The periods that concern a question, from the reference data. */
export interface DeadlineRules {
  /** As agreed among the parties for this urgency. */
  readonly agreed: DeadlineRule;
  /** By law; no wish reaches beyond it. */
  readonly outerLimit: DeadlineRule;
}

/**
 * Which period of the reference data holds for a question. The client's own request and the consultation of the county have
 * periods of their own (GDPR article 12(3); design page 5, Deadlines), whatever urgency is stated.
 */
export function periodOf({ kind, purpose, urgency }: Pick<MessageContext, 'kind' | 'purpose' | 'urgency'>): string {
  if (purpose === 'own-request') return 'data-subject-request';
  if (kind === 'consultation' || purpose === 'consultation') return 'consultation';
  return urgency ?? 'normal';
}

/**
 * Until when the holder may answer what arrives `now`: the agreed period or, if later, the day that the asker wishes. A
 * wish for an earlier day is passed on and binds nobody.
 *
 * Errors: DEADLINE_PASSED (the wished day is over), DEADLINE_INVALID (it lies beyond the limit by law).
 */
export function answerDeadline(
  { agreed, outerLimit }: DeadlineRules,
  wished: string | undefined,
  now: Date,
): Result<Date> {
  const due = deadlineFor(agreed, now);
  if (wished === undefined) return ok(due);
  const wishedEnd = endOfDay(day(wished));
  if (wishedEnd.getTime() < now.getTime()) return err(new AppError('DEADLINE_PASSED'));
  if (wishedEnd.getTime() > deadlineFor(outerLimit, now).getTime()) return err(new AppError('DEADLINE_INVALID'));
  return ok(wishedEnd.getTime() > due.getTime() ? wishedEnd : due);
}
