import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { DisclosureReport, ProcessedLine } from './disclosure-report.js';
import { type ReportSetting, reportPage } from './report-page.js';
import { reportTranslations } from './report-translations.js';
import { reportWords } from './report-words.js';

const at = '2026-11-23T20:30:00.000Z';
const report = (members: Partial<DisclosureReport> = {}): DisclosureReport => ({
  v: 1,
  language: 'fi',
  madeAt: at,
  madeBy: 'A-TSV',
  person: 'Testi Henkilö',
  period: { from: '2026-01-01T00:00:00.000Z', until: '2027-01-01T00:00:00.000Z' },
  disclosures: [],
  processing: [],
  truncated: false,
  namesWithheld: false,
  ...members,
});
const shown = (told: DisclosureReport, setting: Partial<ReportSetting> = {}) =>
  reportPage(told, {
    language: told.language,
    direction: 'ltr',
    categoryName: String,
    purposeName: String,
    agencyName: (agency) => agency,
    ...setting,
  });
const refused = (code: string): ProcessedLine => ({ at, what: 'refused', agency: 'K-235', code });
const whatOf = (language: string, line: ProcessedLine): string | undefined => {
  const table = shown(report({ language, processing: [line] })).blocks.find(({ kind }) => kind === 'table');
  return table?.kind === 'table' ? table.rows[0]?.[2] : undefined;
};

describe('the page of a client’s account', () => {
  it.each([
    ['fi', 'Avaaminen estettiin: suostumus oli peruutettu'],
    ['sv', 'Öppningen förhindrades: samtycket var återkallat'],
    ['en', 'Opening was prevented: the consent was withdrawn'],
  ])('says in %s why an opening was refused, in words', (language, words) => {
    expect(whatOf(language, refused('CONSENT_WITHDRAWN'))).toBe(words);
  });

  it('shows nobody a code for which there are no words', () => {
    expect(whatOf('fi', refused('PERMIT_INVALID'))).toBe('Avaaminen estettiin');
    expect(whatOf('en', { at, what: 'consent', code: 'consent-recorded' })).toBe(
      'Act on a consent: consent was recorded',
    );
  });

  it('has the time of day in Finland, as an odd hour is worth a question', () => {
    expect(JSON.stringify(shown(report({ processing: [refused('NO_BASIS')] })))).toContain('"23.11.2026 22.30"');
    const english = shown(report({ language: 'en', processing: [refused('NO_BASIS')] }));
    expect(JSON.stringify(english)).toContain('"23.11.2026 22:30"');
  });

  it('has the same codes in each language', () => {
    const codes = Object.values(reportWords).map((words) => Object.keys(words.codes).sort());
    expect(new Set(codes.map(String)).size).toBe(1);
  });

  it('says what an account from the log does not have, and of one that is not proved that looks in an emergency were searched for', () => {
    const provedComplete = { until: at, treeSize: 7 };
    expect(JSON.stringify(shown(report({ provedComplete })))).toContain(reportWords.fi.notShown);
    expect(JSON.stringify(shown(report()))).not.toContain(reportWords.fi.notShown);
    expect(JSON.stringify(shown(report()))).toContain(reportWords.fi.emergenciesSearched);
  });

  it.each(['ru', 'uk', 'et', 'ar', 'fa', 'so', 'ku'])(
    'is in %s where the client reads that, under a note that no translator has checked it',
    (language) => {
      const direction = ['ar', 'fa'].includes(language) ? ('rtl' as const) : ('ltr' as const);
      const page = shown(report({ language, processing: [refused('NO_BASIS')] }), { direction });
      const words = reportTranslations[language]!;
      for (const text of [words.title, words.intro, words.rights, words.nothing, words.codes.NO_BASIS])
        expect(JSON.stringify(page)).toContain(text);
      expect(JSON.stringify(page)).not.toContain(reportWords.en.rights);
      const texts = page.blocks.filter(({ kind }) => kind === 'paragraph' || kind === 'heading');
      for (const block of texts) expect(block).not.toHaveProperty('language');
      expect(JSON.stringify(page)).toContain('Kääntäjä ei ole vielä tarkistanut');
    },
  );

  it('has words for whatever the originals have, in each language of the notices', () => {
    const notices = readdirSync('apps/agent/data/notices/2026-1').map((file) => file.replace('.json', ''));
    expect([...Object.keys(reportWords), ...Object.keys(reportTranslations)].sort()).toEqual(notices.sort());
    for (const { codes, ...words } of Object.values(reportTranslations)) {
      expect(Object.keys(codes).sort()).toEqual(Object.keys(reportWords.fi.codes).sort());
      for (const text of [...Object.values(codes), ...Object.values(words)]) expect(text.trim()).not.toBe('');
    }
  });

  it('has no line for a person whose name is not known', () => {
    const [facts] = shown(report({ person: '' })).blocks;
    expect(facts?.kind === 'facts' && facts.rows.map(([label]) => label)).not.toContain('Henkilö');
  });

  it('keeps a provision in its order, and English words in their direction, on a page from right to left', () => {
    const disclosure = {
      exchangeId: '3b241101-e2bb-4255-8caf-4136c566a962',
      at,
      opened: true,
      categories: [12],
      basis: 'law' as const,
      provision: '681/2023-88',
    };
    // A language without words of its own.
    const { blocks } = shown(report({ language: 'ur', disclosures: [disclosure] }), { direction: 'rtl' });
    expect(JSON.stringify(blocks)).toContain('\u200e681/2023-88\u200e');
    const read = blocks.filter(({ kind }) => kind === 'paragraph' || kind === 'heading');
    expect(read.length).toBeGreaterThan(3);
    for (const block of read) expect(block).toMatchObject({ language: 'en', direction: 'ltr' });
  });
});
