import { type AnswerPage, parseAnswerPage } from '../domain/answer-page.js';
import type { CommandOutcome } from '../domain/command-outcome.js';
import type { AuditSession } from '../infra/audit-session.js';
import type { AgencyId } from '#kernel';
import type { OpenedLog } from '../infra/open-log.js';
import { tableLines } from '../infra/table.js';
import { type SearchFilter, proofLines, proveAnswer } from './prove-answer.js';

export interface SearchRequest {
  readonly filter: SearchFilter;
  /** Entries at most; the pages are fetched until then. */
  readonly most: number;
  /** Against which the answer is proved complete. */
  readonly log?: OpenedLog;
  /** Who asks. */
  readonly asker: AgencyId;
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
  const { filter, most, log, asker } = request;
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
  const proof = log && (await proveAnswer(log, pages, filter, asker));
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
