import { type Completeness, verifyComplete } from '#envelope';
import { leafHash } from '#merkle';
import { type AnswerPage, parseAnswerPage } from '../domain/answer-page.js';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { covers } from '../domain/tombstones.js';
import type { AuditSession } from '../infra/audit-session.js';
import type { OpenedLog } from '../infra/open-log.js';
import { checkpointOver, provedLeaves } from '../infra/proved-leaves.js';
import { readTombstones } from '../infra/read-tombstones.js';
import { tableLines } from '../infra/table.js';

/** Filters of `GET /v1/audit/entries`, by their names there. */
export type SearchFilter = Readonly<Record<string, string>>;

export interface SearchRequest {
  readonly filter: SearchFilter;
  /** Entries at most; the pages are fetched until then. */
  readonly most: number;
  /** Against which the answer is proved complete. */
  readonly log?: OpenedLog;
}

const pageSize = 500;

/**
 * Looks for entries, page by page, each of which is logged. With a log the answer is proved to leave nothing out, which
 * needs all of it. Errors: those of the gateway, NOT_FOUND, CHECKPOINT_INVALID.
 */
export async function searchEntries(
  session: Pick<AuditSession, 'entries'>,
  request: SearchRequest,
): Promise<CommandOutcome> {
  const { filter, most, log } = request;
  const pages: AnswerPage[] = [];
  let found = 0;
  let cursor: string | undefined;
  do {
    const limit = String(log ? pageSize : Math.min(pageSize, most - found));
    const page = parseAnswerPage(await session.entries({ ...filter, limit, ...(cursor !== undefined && { cursor }) }));
    pages.push(page);
    found += page.entries.length;
    cursor = page.cursor;
  } while (cursor !== undefined && (log !== undefined || found < most));
  const proof = log && (await prove(log, pages, filter));
  const entries = pages.flatMap((page) => page.entries);
  return {
    ok: proof === undefined || proof.complete,
    data: {
      entries: entries.map(({ leafIndex, body }) => ({ leafIndex, ...body })),
      more: cursor !== undefined,
      searches: pages.map(({ searchLeaf }) => searchLeaf),
      ...(proof && { proof }),
    },
    lines: [
      ...(entries.length === 0 ? ['Nothing was found.'] : table(entries)),
      ...(cursor === undefined ? [] : [`There is more: ask for more than ${most}.`]),
      ...(proof ? proofLines(proof) : []),
    ],
  };
}

const table = (entries: AnswerPage['entries']): string[] =>
  tableLines(
    ['index', 'at', 'type', 'from', 'to', 'by', 'categories', 'code'],
    entries.map(({ leafIndex, body }) => [
      String(leafIndex),
      body.at,
      body.type,
      body.sender ?? '',
      body.recipient ?? '',
      [body.actor?.agency, body.actor?.worker].filter((part) => part !== undefined).join(' '),
      (body.categories ?? []).join(' '),
      body.code ?? '',
    ]),
  );

interface Proof extends Completeness {
  readonly size: number;
  /** Instant up to which nothing was left out. */
  readonly until: string;
}

async function prove(log: OpenedLog, pages: readonly AnswerPage[], filter: SearchFilter): Promise<Proof> {
  const chain = pages[0]?.chain;
  const entries = pages.flatMap((page) => [...page.bounds, ...page.entries.flatMap(({ answered }) => answered ?? [])]);
  const erased = pages.flatMap((page) => page.erased);
  const newest = Math.max(0, ...entries.map(({ leafIndex }) => leafIndex));
  const checkpoint = await checkpointOver(log, newest);
  const tombstones = await readTombstones(
    log.files,
    checkpoint,
    erased.map(({ leafIndex }) => leafIndex),
  );
  const leaves = await provedLeaves(log, checkpoint, [
    ...entries.map(({ leafIndex }) => leafIndex),
    ...tombstones.map(({ index }) => index),
  ]);
  const isIncluded = (leafIndex: number, hash: Buffer): boolean => leaves.get(leafIndex)?.equals(hash) ?? false;
  const proved = tombstones.filter(({ index, entry }) => isIncluded(index, leafHash(entry)));
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
    isTombstoned: (leafIndex) => proved.some(({ tombstone }) => covers(tombstone, leafIndex)),
  });
  return { size: checkpoint.size, until, ...verified };
}

function proofLines({ complete, faults, size, until, unproved }: Proof): string[] {
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
