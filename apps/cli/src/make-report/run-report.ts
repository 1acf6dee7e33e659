import { writeFile } from 'node:fs/promises';
import { addDays, dayInHelsinki, isDay, startOfDay } from '#calendar';
import { type ReportLanguage, reportPage } from '#disclosure-report';
import { type AgencyId, type Clock, type Pseudonym, unwrap } from '#kernel';
import { renderPdf } from '#pdf';
import { type AnswerPage, parseAnswerPage } from '../domain/answer-page.js';
import { type CommandOutcome, UsageError } from '../domain/command-outcome.js';
import type { AuditSession } from '../infra/audit-session.js';
import type { OpenedLog } from '../infra/open-log.js';
import type { PublicHub } from '../infra/public-hub.js';
import { proofLines, proveAnswer } from '../search-entries/prove-answer.js';
import { reportOfEntries } from './report-of-entries.js';

export interface RunReport {
  readonly subject: Pseudonym;
  /** PDF; the same as JSON beside it, with `.json`. */
  readonly target: string;
  readonly session: Pick<AuditSession, 'entries' | 'supervising'>;
  readonly madeBy: AgencyId;
  readonly names: Pick<PublicHub, 'names'>;
  readonly language: ReportLanguage;
  /** Days. */
  readonly from?: string;
  readonly until?: string;
  /** Against which it is proved complete. */
  readonly log: OpenedLog;
  readonly reason?: string;
  /** For somebody else than the client. */
  readonly withholdNames: boolean;
  readonly clock: Clock;
}

/**
 * The account of one client from the log, as PDF and JSON. Every look at the log for it is logged. A supervising authority's, which
 * is over all agencies, is proved to leave nothing out; where it is not, nothing is written. An agency sees its own entries
 * only, and its account says nothing of others'. Errors: as `reportOfEntries`, those of the gateway and of reading the log.
 */
export async function runReport(request: RunReport): Promise<CommandOutcome> {
  const { subject, target, session, madeBy, log, language, clock, reason, withholdNames } = request;
  const now = clock.now();
  const until = startOfDay(addDays(dayOf(request.until) ?? dayInHelsinki(now), 1));
  const from = dayOf(request.from);
  const pages: AnswerPage[] = [];
  let cursor: string | undefined;
  do {
    const page = parseAnswerPage(
      await session.entries({ subject, limit: '500', ...(cursor !== undefined && { cursor }) }),
    );
    pages.push(page);
    cursor = page.cursor;
  } while (cursor !== undefined);
  const proof = session.supervising ? await proveAnswer(log, pages, { subject }) : undefined;
  if (proof?.complete === false) return { ok: false, data: { proof }, lines: proofLines(proof) };
  const entries = pages.flatMap((page) => page.entries.map(({ leafIndex: index, body }) => ({ index, body })));
  const report = unwrap(
    reportOfEntries({
      subject,
      madeBy,
      madeAt: now,
      language,
      ...(from !== undefined && { from: startOfDay(from) }),
      until,
      ...(reason !== undefined && { reason }),
      withholdNames,
      ...(proof && { provedComplete: { until: proof.until, treeSize: proof.size } }),
      entries,
    }),
  );
  const names = await request.names.names(language);
  const setting = { language, direction: 'ltr' as const, ...names };
  await writeFile(target, renderPdf(reportPage(report, setting)), { mode: 0o600 });
  const json = target.replace(/(\.pdf)?$/i, '.json');
  await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`, { mode: 0o600 });
  const { disclosures, processing } = report;
  return {
    ok: true,
    data: {
      path: target,
      json,
      disclosures: disclosures.length,
      processing: processing.length,
      ...(proof && { proof }),
    },
    lines: [
      `account of ${subject.slice(0, 12)}…: ${disclosures.length} disclosures, ${processing.length} lines of processing`,
      `  written to  ${target}`,
      `              ${json}`,
      ...(proof
        ? proofLines(proof)
        : [
            'Not proved complete: one agency’s entries about a person are no chain. A supervising authority proves it.',
          ]),
    ],
  };
}

function dayOf(text: string | undefined): string | undefined {
  if (text !== undefined && !isDay(text)) throw new UsageError('A day is written YYYY-MM-DD.');
  return text;
}
