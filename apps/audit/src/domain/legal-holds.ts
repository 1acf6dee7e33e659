import type { CandidateEntry } from './erasure-targets.js';

/** One of the three is set. */
export interface HeldScope {
  readonly subject: string | null;
  readonly party: string | null;
  readonly indices: readonly { readonly first: number; readonly last: number }[] | null;
}

const covers = (
  { subject, party, indices }: HeldScope,
  { leafIndex, subjects, parties }: Pick<CandidateEntry, 'leafIndex' | 'subjects' | 'parties'>,
): boolean =>
  (subject !== null && subjects.includes(subject)) ||
  (party !== null && parties.includes(party)) ||
  (indices?.some(({ first, last }) => first <= leafIndex && leafIndex <= last) ?? false);

/** Those of the standing holds that cover any of the entries. */
export const holdsOver = <H extends HeldScope>(
  holds: readonly H[],
  entries: readonly Pick<CandidateEntry, 'leafIndex' | 'subjects' | 'parties'>[],
): H[] => holds.filter((hold) => entries.some((entry) => covers(hold, entry)));
