import { type RetentionData, type IndexedEntry, erasabilityOf } from './retention.js';

export interface CandidateEntry extends IndexedEntry {
  readonly leafIndex: number;
  readonly subjects: readonly string[];
  /** The consent whose standing the entry decides. */
  readonly decidesConsent: string | undefined;
}

export interface ChosenTargets {
  readonly targets: readonly CandidateEntry[];
  /** Candidates that stay. */
  readonly kept: number;
}

/**
 * What of a selection may be erased now: no floor keeps it, and of a consent all entries go or none, or a withdrawal could
 * go and the consent stay.
 *
 * @param keptConsents consents of which entries outside the candidates remain
 */
export function chooseTargets(
  candidates: readonly CandidateEntry[],
  {
    data,
    now,
    keptConsents,
  }: { readonly data: RetentionData; readonly now: Date; readonly keptConsents: ReadonlySet<string> },
): ChosenTargets {
  const free = candidates.filter((entry) => ['due', 'erasable'].includes(erasabilityOf(data, entry, now)));
  const stays = new Set(keptConsents);
  const chosen = new Set(free);
  for (const entry of candidates)
    if (entry.decidesConsent !== undefined && !chosen.has(entry)) stays.add(entry.decidesConsent);
  const targets = free.filter(({ decidesConsent }) => decidesConsent === undefined || !stays.has(decidesConsent));
  return { targets, kept: candidates.length - targets.length };
}

export const personsIn = (entries: readonly Pick<CandidateEntry, 'subjects'>[]): number =>
  new Set(entries.flatMap(({ subjects }) => subjects)).size;
