import { writeFile } from 'node:fs/promises';
import { addDays, dayInHelsinki, isDay, startOfDay } from '#calendar';
import { type ReportLanguage, reportPage } from '#disclosure-report';
import type { Clock, Pseudonym } from '#kernel';
import { renderPdf } from '#pdf';
import { parseAnswerPage } from '../domain/answer-page.js';
import { type CommandOutcome, UsageError } from '../domain/command-outcome.js';
import type { HubSettings } from '../infra/hub-settings.js';
import { type SessionReader, openSession } from '../infra/open-session.js';
import { PublicHub } from '../infra/public-hub.js';
import { type EntryAbout, reportOfEntries } from './report-of-entries.js';

export interface RunReport {
  readonly subject: Pseudonym;
  /** PDF; the same as JSON beside it, with `.json`. */
  readonly target: string;
  readonly reader: SessionReader;
  readonly hub: HubSettings;
  readonly language: ReportLanguage;
  /** Days. */
  readonly from?: string;
  readonly until?: string;
  readonly clock: Clock;
}

/** The account of one client from the log, as PDF and JSON. Every look at the log for it is logged. */
export async function runReport(request: RunReport): Promise<CommandOutcome> {
  const { subject, target, reader, hub, language, clock } = request;
  const now = clock.now();
  const until = startOfDay(addDays(dayOf(request.until) ?? dayInHelsinki(now), 1));
  const wished = dayOf(request.from);
  const session = await openSession(reader, hub);
  const entries: EntryAbout[] = [];
  let cursor: string | undefined;
  do {
    const page = parseAnswerPage(
      await session.entries({ subject, limit: '500', ...(cursor !== undefined && { cursor }) }),
    );
    entries.push(...page.entries.map(({ leafIndex: index, body }) => ({ index, body })));
    cursor = page.cursor;
  } while (cursor !== undefined);
  const first = entries.map(({ body }) => body.at).sort()[0];
  const from = startOfDay(wished ?? dayInHelsinki(first === undefined ? now : new Date(first)));
  if (from >= until) throw new UsageError('The period ends before it begins.');
  const report = reportOfEntries({ subject, madeBy: reader.agency, madeAt: now, language, from, until, entries });
  const names = await new PublicHub(await hub.get('gateway')).names(language);
  const setting = { language, direction: 'ltr' as const, ...names };
  await writeFile(target, renderPdf(reportPage(report, setting)), { mode: 0o600 });
  const json = target.replace(/(\.pdf)?$/i, '.json');
  await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`, { mode: 0o600 });
  const { disclosures, processing } = report;
  return {
    ok: true,
    data: { path: target, json, disclosures: disclosures.length, processing: processing.length },
    lines: [
      `account of ${subject.slice(0, 12)}…: ${disclosures.length} disclosures, ${processing.length} lines of processing`,
      `  written to  ${target}`,
      `              ${json}`,
    ],
  };
}

function dayOf(text: string | undefined): string | undefined {
  if (text !== undefined && !isDay(text)) throw new UsageError('A day is written YYYY-MM-DD.');
  return text;
}
