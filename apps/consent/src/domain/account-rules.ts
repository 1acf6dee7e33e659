import type { ConsentProposal, ConsentRecord, Decider, ExcludedDeciders } from '#envelope';
import { AppError, err, ok, type Pseudonym, type Result } from '#kernel';

type Terms = ConsentRecord | ConsentProposal;

const decidersOf = (terms: readonly Terms[]): Decider[] =>
  terms.flatMap((one) => ('deciders' in one ? one.deciders : []));

/**
 * May somebody who is not the subject look at the subject's account? Who has decided something for the subject may.
 *
 * Errors: DECIDER_EXCLUDED, DECIDER_NOT_ENTITLED
 */
export function viewerMaySee(viewer: Pseudonym, terms: readonly Terms[], excluded: ExcludedDeciders): Result<void> {
  if (excluded.has(viewer)) return err(new AppError('DECIDER_EXCLUDED'));
  return decidersOf(terms).some(({ pseudonym }) => pseudonym === viewer)
    ? ok(undefined)
    : err(new AppError('DECIDER_NOT_ENTITLED'));
}

/** Whether agencies' names are withheld from this decider: once marked, in everything about the subject. */
export const namesWithheldFrom = (viewer: Pseudonym, terms: readonly Terms[]): boolean =>
  decidersOf(terms).some(({ pseudonym, namesWithheld }) => pseudonym === viewer && namesWithheld === true);
