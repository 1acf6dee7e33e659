import { dayInHelsinki } from '#calendar';
import type { PdfBlock, PdfDocument } from '#pdf';
import type { DisclosureReport, ProcessedLine, ReportedDisclosure } from './disclosure-report.js';
import { type ReportLabels, type ReportWords, isReportCode } from './report-words.js';
import { type Written, wordsIn } from './words-in.js';

export interface ReportSetting {
  readonly language: string;
  readonly direction: 'ltr' | 'rtl';
  readonly labels?: ReportLabels;
  readonly categoryName: (category: number) => string;
  readonly purposeName: (purpose: string) => string;
  readonly agencyName: (agency: string) => string;
}

/** The account as a page. Where a language has no words of its own, the new ones are in English and the page says so. */
export function reportPage(report: DisclosureReport, setting: ReportSetting): PdfDocument {
  const { words: known, written, notes: beside } = wordsIn(setting.language);
  const words: ReportWords = { ...known, ...setting.labels };
  return {
    title: words.title,
    language: setting.language,
    direction: setting.direction,
    standard: 'accessible',
    madeAt: new Date(report.madeAt),
    blocks: [
      ...(beside ? notes(beside) : []),
      { kind: 'facts', rows: facts(report, words, setting) },
      { kind: 'paragraph', text: words.intro, ...written },
      ...(report.truncated ? [{ kind: 'note', text: words.truncated, ...written } as const] : []),
      { kind: 'heading', text: words.disclosures, ...written },
      disclosuresOf(report.disclosures, words, setting, written),
      { kind: 'heading', text: words.processing, ...written },
      processingOf(report.processing, words, setting, written),
      // An agency's own account is of its own looks, and has them all; others' in an emergency it was told.
      { kind: 'paragraph', text: report.provedComplete ? words.notShown : words.emergenciesSearched, ...written },
      { kind: 'paragraph', text: words.rights, ...written },
    ],
  };
}

const notes = (text: Readonly<Record<'fi' | 'sv', string>>): PdfBlock[] =>
  (['fi', 'sv'] as const).map((language) => ({
    kind: 'note',
    language,
    direction: 'ltr',
    text: text[language],
  }));

function facts(
  { person, madeBy, madeAt, period, reason, provedComplete }: DisclosureReport,
  words: ReportWords,
  { agencyName }: ReportSetting,
): [string, string][] {
  const last = new Date(Date.parse(period.until) - 1).toISOString();
  return [
    ...(person === '' ? [] : [[words.person, person] as [string, string]]),
    [words.madeBy, madeBy === undefined ? words.withheld : agencyName(madeBy)],
    [words.madeAt, dayOf(madeAt)],
    [words.period, `${dayOf(period.from)} – ${dayOf(last)}`],
    ...(reason === undefined ? [] : [[words.reason, reason] as [string, string]]),
    ...(provedComplete === undefined
      ? []
      : [[words.provedComplete, `${dayOf(provedComplete.until)} (${provedComplete.treeSize})`] as [string, string]]),
  ];
}

function disclosuresOf(
  disclosures: readonly ReportedDisclosure[],
  words: ReportWords,
  { categoryName, purposeName, agencyName, language, direction }: ReportSetting,
  written: Written,
): PdfBlock {
  if (disclosures.length === 0) return { kind: 'paragraph', text: words.nothing, ...written };
  const named = (agency: string | undefined): string => (agency === undefined ? words.withheld : agencyName(agency));
  return {
    kind: 'table',
    heads: [words.when, words.information, words.from, words.to, words.basis],
    widths: [1.7, 2.6, 2.4, 2.4, 2.6],
    rows: disclosures.map(({ at, opened, categories, from, to, basis, provision, purpose, logIndex }) => [
      [momentOf(at, language), ...(opened ? [] : [words.notOpened])].join('\n'),
      categories.map(categoryName).join('\n'),
      named(from),
      named(to),
      [
        basis === 'consent' ? words.consent : lawOf(words.law, provision, direction),
        ...(purpose === undefined ? [] : [purposeName(purpose)]),
        ...(logIndex === undefined ? [] : [`${words.logIndex} ${logIndex}`]),
      ].join('\n'),
    ]),
  };
}

function processingOf(
  processing: readonly ProcessedLine[],
  words: ReportWords,
  { agencyName, language }: ReportSetting,
  written: Written,
): PdfBlock {
  if (processing.length === 0) return { kind: 'paragraph', text: words.nothing, ...written };
  const told = { opened: words.opened, looked: words.looked, refused: words.refused, consent: words.consentEvent };
  const withStaff = processing.some(({ staff, pseudonym }) => staff !== undefined || pseudonym !== undefined);
  return {
    kind: 'table',
    heads: [words.when, words.agency, words.what, ...(withStaff ? [words.staff] : [])],
    widths: [1.6, 3, 3, ...(withStaff ? [2.4] : [])],
    rows: processing.map(({ at, agency, what, staff, pseudonym, code, logIndex }) => [
      momentOf(at, language),
      agency === undefined ? words.withheld : agencyName(agency),
      [
        code !== undefined && isReportCode(code) ? `${told[what]}: ${words.codes[code]}` : told[what],
        ...(logIndex === undefined ? [] : [`${words.logIndex} ${logIndex}`]),
      ].join('\n'),
      ...(withStaff ? [staff ?? pseudonym ?? '–'] : []),
    ]),
  };
}

/** In a line from right to left the parts of a provision would change places: a mark keeps them in their order. */
const lawOf = (law: string, provision: string | undefined, direction: ReportSetting['direction']): string => {
  if (provision === undefined) return law;
  return `${law} ${direction === 'rtl' ? `\u200e${provision}\u200e` : provision}`;
};

const clock = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Helsinki', hour: '2-digit', minute: '2-digit' });

/** With the time of day in Finland. */
function momentOf(instant: string, language: string): string {
  const time = clock.format(new Date(instant));
  return `${dayOf(instant)} ${['fi', 'sv'].includes(language) ? time.replace(':', '.') : time}`;
}

/** Day, month and year as every other paper in Finland writes them. */
function dayOf(instant: string): string {
  const [year, month, day] = dayInHelsinki(new Date(instant)).split('-').map(Number);
  return `${day}.${month}.${year}`;
}
