import type { Grant } from '#envelope';
import { type AgencyId, AppError, err, ok, type Result } from '#kernel';

/** The client's word on one category and one recipient. */
export interface ConsentAnswer {
  readonly category: number;
  readonly recipient: AgencyId;
  readonly yes: boolean;
}

/** What the client is asked, one by one: each category for each recipient. */
export const questionsOf = (
  wanted: readonly Grant[],
): { category: number; recipient: AgencyId; disclosers: AgencyId[] }[] =>
  wanted.flatMap(({ category, disclosers, recipients }) =>
    recipients.flatMap((recipient) => {
      const from = disclosers.filter((discloser) => discloser !== recipient);
      return from.length > 0 ? [{ category, recipient, disclosers: from }] : [];
    }),
  );

/** What all of several deciders say: yes where each of them does. */
export const agreedByAll = (each: readonly (readonly ConsentAnswer[])[]): ConsentAnswer[] =>
  (each[0] ?? []).map(({ category, recipient }) => ({
    category,
    recipient,
    yes: each.every((answers) =>
      answers.some((one) => one.category === category && one.recipient === recipient && one.yes),
    ),
  }));

/**
 * What was agreed to of what was wanted. There is no default: each question has exactly one answer, and nothing else is
 * answered. Nothing agreed to is an empty list.
 *
 * Errors: CONSENT_ANSWER_MISSING with the first question that has no answer, several, or was never asked.
 */
export function grantsAgreed(wanted: readonly Grant[], answers: readonly ConsentAnswer[]): Result<Grant[]> {
  const questions = questionsOf(wanted);
  const to = (category: number, recipient: AgencyId) => (answer: { category: number; recipient: AgencyId }) =>
    answer.category === category && answer.recipient === recipient;
  const missing =
    questions.find(({ category, recipient }) => answers.filter(to(category, recipient)).length !== 1) ??
    answers.find(({ category, recipient }) => !questions.some(to(category, recipient)));
  if (missing) {
    const { category, recipient } = missing;
    return err(new AppError('CONSENT_ANSWER_MISSING', undefined, { category, recipient }));
  }
  return ok(
    wanted.flatMap(({ category, disclosers, recipients }) => {
      const agreed = recipients.filter((recipient) => answers.find(to(category, recipient))?.yes === true);
      const from = disclosers.filter((discloser) => agreed.some((recipient) => recipient !== discloser));
      return agreed.length > 0 ? [{ category, disclosers: from, recipients: agreed }] : [];
    }),
  );
}
