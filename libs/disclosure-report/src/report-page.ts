import { dayInHelsinki } from '#calendar';
import type { PdfBlock, PdfDocument } from '#pdf';
import type { DisclosureReport, ProcessedLine, ReportedDisclosure } from './disclosure-report.js';
import { type ReportWords, reportLanguages, reportWords } from './report-words.js';

/** Words that the client's notice has in the client's language. */
export type ReportLabels = Pick<
  ReportWords,
  'person' | 'information' | 'from' | 'to' | 'basis' | 'when' | 'purpose' | 'consent' | 'law' | 'withheld'
>;

export interface ReportSetting {
  readonly language: string;
  readonly direction: 'ltr' | 'rtl';
  readonly labels?: ReportLabels;
  readonly categoryName: (category: number) => string;
  readonly purposeName: (purpose: string) => string;
  readonly agencyName: (agency: string) => string;
}

/** Beside words for which there is no translation yet, in the languages of the house. */
const untranslated = {
  fi: 'Osaa tästä tekstistä ei ole vielä käännetty asiakkaan kielelle. Käy se läpi tulkin kanssa.',
  sv: 'En del av denna text är ännu inte översatt till kundens språk. Gå igenom den med en tolk.',
} as const;

/** The account as a page. Where a language has no words of its own, the new ones are in English and the page says so. */
export function reportPage(report: DisclosureReport, setting: ReportSetting): PdfDocument {
  const own = reportLanguages.find((language) => language === setting.language);
  const words: ReportWords = { ...reportWords[own ?? 'en'], ...setting.labels };
  return {
    title: words.title,
    language: setting.language,
    direction: setting.direction,
    standard: 'accessible',
    madeAt: new Date(report.madeAt),
    blocks: [
      ...(own === undefined ? notes() : []),
      { kind: 'facts', rows: facts(report, words, setting) },
      { kind: 'paragraph', text: words.intro },
      ...(report.truncated ? [{ kind: 'note', text: words.truncated } as const] : []),
      { kind: 'heading', text: words.disclosures },
      disclosuresOf(report.disclosures, words, setting),
      { kind: 'heading', text: words.processing },
      processingOf(report.processing, words, setting),
      { kind: 'paragraph', text: words.rights },
    ],
  };
}

const notes = (): PdfBlock[] =>
  (['fi', 'sv'] as const).map((language) => ({
    kind: 'note',
    language,
    direction: 'ltr',
    text: untranslated[language],
  }));

function facts(
  { person, madeBy, madeAt, period, reason, provedComplete }: DisclosureReport,
  words: ReportWords,
  { agencyName }: ReportSetting,
): [string, string][] {
  const last = new Date(Date.parse(period.until) - 1).toISOString();
  return [
    [words.person, person],
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
  { categoryName, purposeName, agencyName }: ReportSetting,
): PdfBlock {
  if (disclosures.length === 0) return { kind: 'paragraph', text: words.nothing };
  const named = (agency: string | undefined): string => (agency === undefined ? words.withheld : agencyName(agency));
  return {
    kind: 'table',
    heads: [words.when, words.information, words.from, words.to, words.basis],
    widths: [1.7, 2.6, 2.4, 2.4, 2.6],
    rows: disclosures.map(({ at, opened, categories, from, to, basis, provision, purpose, logIndex }) => [
      [dayOf(at), ...(opened ? [] : [words.notOpened])].join('\n'),
      categories.map(categoryName).join('\n'),
      named(from),
      named(to),
      [
        basis === 'consent' ? words.consent : [words.law, provision].filter(Boolean).join(' '),
        ...(purpose === undefined ? [] : [purposeName(purpose)]),
        ...(logIndex === undefined ? [] : [`${words.logIndex} ${logIndex}`]),
      ].join('\n'),
    ]),
  };
}

function processingOf(
  processing: readonly ProcessedLine[],
  words: ReportWords,
  { agencyName }: ReportSetting,
): PdfBlock {
  if (processing.length === 0) return { kind: 'paragraph', text: words.nothing };
  const told = { opened: words.opened, looked: words.looked, refused: words.refused, consent: words.consentEvent };
  const withStaff = processing.some(({ staff, pseudonym }) => staff !== undefined || pseudonym !== undefined);
  return {
    kind: 'table',
    heads: [words.when, words.agency, words.what, ...(withStaff ? [words.staff] : [])],
    widths: [1.6, 3, 3, ...(withStaff ? [2.4] : [])],
    rows: processing.map(({ at, agency, what, staff, pseudonym, code, logIndex }) => [
      dayOf(at),
      agency === undefined ? words.withheld : agencyName(agency),
      [
        code === undefined ? told[what] : `${told[what]} (${code})`,
        ...(logIndex === undefined ? [] : [`${words.logIndex} ${logIndex}`]),
      ].join('\n'),
      ...(withStaff ? [staff ?? pseudonym ?? '–'] : []),
    ]),
  };
}

/** Day, month and year as every other paper in Finland writes them. */
function dayOf(instant: string): string {
  const [year, month, day] = dayInHelsinki(new Date(instant)).split('-').map(Number);
  return `${day}.${month}.${year}`;
}
