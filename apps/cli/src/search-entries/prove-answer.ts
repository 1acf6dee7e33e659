import { type Completeness, verifyComplete } from '#envelope';
import type { AgencyId } from '#kernel';
import { leafHash } from '#merkle';
import type { AnswerPage } from '../domain/answer-page.js';
import { Buried } from '../domain/buried.js';
import type { OpenedLog } from '../infra/open-log.js';
import { checkpointOver, provedLeaves } from '../infra/proved-leaves.js';
import { readTombstones } from '../infra/read-tombstones.js';

/** Filters of `GET /v1/audit/entries`, by their names there. */
export type SearchFilter = Readonly<Record<string, string>>;

/** Whether an answer leaves nothing out, by the log itself (decision 0025). */
export interface AnswerProof extends Completeness {
  readonly size: number;
  /** Instant up to which nothing was left out. */
  readonly until: string;
}

/**
 * Proves all pages of one answer against the public log. Errors: those of reading it, CHECKPOINT_INVALID.
 *
 * @param filter by which the answer was asked for
 * @param own the asking agency's, where it asks for its own
 */
export async function proveAnswer(
  log: OpenedLog,
  pages: readonly AnswerPage[],
  filter: SearchFilter,
  own?: AgencyId,
): Promise<AnswerProof> {
  // All of another chain would be complete too.
  const wanted = filter['subject'] ?? filter['agency'] ?? own;
  const chain = pages.every((page) => page.chain === wanted) ? pages[0]?.chain : undefined;
  const entries = pages.flatMap((page) => [...page.bounds, ...page.entries.flatMap(({ answered }) => answered ?? [])]);
  const erased = pages.flatMap((page) => page.erased);
  const newest = Math.max(0, ...entries.map(({ leafIndex }) => leafIndex));
  const checkpoint = await checkpointOver(log, newest);
  const tombstones = await readTombstones(
    { files: log.files, tree: checkpoint, published: checkpoint.size },
    erased.map(({ leafIndex }) => leafIndex),
  );
  const leaves = await provedLeaves(log, checkpoint, [
    ...entries.map(({ leafIndex }) => leafIndex),
    ...tombstones.map(({ index }) => index),
  ]);
  const isIncluded = (leafIndex: number, hash: Buffer): boolean => leaves.get(leafIndex)?.equals(hash) ?? false;
  const proved = tombstones.filter(({ index, entry }) => isIncluded(index, leafHash(entry)));
  const buried = new Buried(proved.flatMap(({ tombstone }) => tombstone.indices));
  const until = filter['loggedUntil'] ?? entries.find(({ leafIndex }) => leafIndex === newest)?.place.loggedAt ?? '';
  if (chain === undefined)
    return { size: checkpoint.size, until, complete: false, faults: [], entries: 0, erased: [], unproved: [] };
  const verified = verifyComplete({
    chain,
    entries,
    erased,
    ...(filter['loggedFrom'] !== undefined && { from: filter['loggedFrom'] }),
    until,
    isIncluded,
    isTombstoned: (leafIndex) => buried.has(leafIndex),
  });
  return { size: checkpoint.size, until, ...verified };
}

export function proofLines({ complete, faults, size, until, unproved }: AnswerProof): string[] {
  if (complete)
    return [`Complete: nothing that was logged before ${until} is left out, by the checkpoint of ${size} entries.`];
  if (faults.length === 0 && unproved.length === 0)
    return [
      'Not proved: only all entries of one agency or of one subject, without another filter, can be proved complete.',
    ];
  return [
    'NOT complete:',
    ...faults.map(
      ({ kind, number, leafIndex }) =>
        `  ${kind}${number === undefined ? '' : ` number ${number}`}${leafIndex === undefined ? '' : ` entry ${leafIndex}`}`,
    ),
    ...unproved.map((number) => `  number ${number} is said to be erased, and nothing shows it`),
  ];
}
