import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';
import { describe, expect, it } from '@jest/globals';
import type { PdfDocument } from './pdf-document.js';
import { renderPdf } from './render-pdf.js';

const page = (changes: Partial<PdfDocument> = {}): PdfDocument => ({
  title: 'Selvitys',
  language: 'fi',
  direction: 'ltr',
  standard: 'accessible',
  madeAt: new Date('2026-11-26T08:00:00Z'),
  blocks: [{ kind: 'paragraph', text: 'Väestö' }],
  ...changes,
});

async function read(
  pdf: Buffer,
): Promise<{ text: string; info: Record<string, unknown>; lang: string | null; tagged: boolean }> {
  const document = await getDocument({ data: new Uint8Array(pdf), verbosity: 0 }).promise;
  try {
    const { info } = await document.getMetadata();
    const [mark, first] = [await document.getMarkInfo(), await document.getPage(1)];
    const { items, lang } = await first.getTextContent();
    const text = items.map((item) => ('str' in item ? item.str : '')).join(' ');
    return { text, info: info as Record<string, unknown>, lang, tagged: mark?.Marked === true };
  } finally {
    await document.destroy();
  }
}

const text = async (words: string, changes: Partial<PdfDocument> = {}): Promise<string> =>
  (await read(renderPdf(page({ blocks: [{ kind: 'paragraph', text: words }], ...changes })))).text;

describe('a page for people', () => {
  it('is a tagged PDF with title and language', async () => {
    expect(await read(renderPdf(page({ language: 'sv' })))).toMatchObject({
      info: { Title: 'Selvitys' },
      lang: 'sv',
      tagged: true,
    });
  });

  it('has real text in the ten languages of clients', async () => {
    const words = [
      'Hyvinvointialue ääkköset',
      'Välfärdsområde åäö',
      'Wellbeing services county',
      'Районы Финляндии',
      'Україна ґ є ї',
      'Jõgevamaa õüž',
      'Macluumaadka aqoonsiga',
      'Agahî û şêwe çêkirin',
    ];
    for (const line of words) expect(await text(line)).toContain(line);
  });

  it('has Arabic, Persian and Sorani from right to left, each letter there', async () => {
    const signs = (of: string): string => [...of.normalize('NFKC').replace(/\s/g, '')].sort().join('');
    for (const [language, line] of [
      ['ar', 'معلومات'],
      ['fa', 'گزارش'],
      ['ckb', 'ڕاپۆرت'],
    ] as const) {
      const found = await text(line, { language, direction: 'rtl', title: 'x' });
      for (const sign of line) expect(signs(found)).toContain(sign);
    }
  });

  it.each(['accessible', 'archive'] as const)('shows every sign of its scripts (%s)', (standard) => {
    const ranges = [
      [0x20, 0x7e],
      [0xa0, 0x24f],
      [0x370, 0x3ff],
      [0x400, 0x52f],
      [0x600, 0x6ff],
      [0x1e00, 0x1eff],
    ] as const;
    const all = ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => from + at));
    const words = all.map((sign) => String.fromCodePoint(sign)).join(' ');
    expect(() => renderPdf(page({ standard, blocks: [{ kind: 'paragraph', text: words }] }))).not.toThrow();
  });

  it.each(['accessible', 'archive'] as const)(
    'takes any text, and shows what its fonts do not have as missing (%s)',
    async (standard) => {
      const found = await text('Näin 王 \u{1f600} \u0000\u0007\ud800 loppu', { standard });
      expect(found.replaceAll(' ', '')).toBe('SelvitysNäin\ufffd\ufffdloppu1/1');
    },
  );

  it('takes no text for markup', async () => {
    const words = '#read("/etc/passwd") *ei* _ei_ = $x$ \\ @viite <tag> [a]';
    expect(await text(words)).toContain(words);
  });

  it('is the same bytes for the same page, and another title, language or row makes others', () => {
    const made = renderPdf(page());
    expect(renderPdf(page()).equals(made)).toBe(true);
    for (const changes of [
      { title: 'Toinen' },
      { language: 'sv' },
      { madeAt: new Date(0) },
      { standard: 'archive' },
    ] as const)
      expect(renderPdf(page(changes)).equals(made)).toBe(false);
  });

  it('repeats the head of a table on each page and numbers the pages', async () => {
    const rows = Array.from({ length: 120 }, (_, at) => [`rivi ${at}`, 'x']);
    const pdf = renderPdf(page({ blocks: [{ kind: 'table', heads: ['Otsake', 'B'], widths: [1, 1], rows }] }));
    const document = await getDocument({ data: new Uint8Array(pdf), verbosity: 0 }).promise;
    const last = await (await document.getPage(document.numPages)).getTextContent();
    const words = last.items.map((item) => ('str' in item ? item.str : '')).join(' ');
    expect(document.numPages).toBeGreaterThan(2);
    expect(words).toContain('Otsake');
    expect(words.replaceAll(' ', '')).toContain(`${document.numPages}/${document.numPages}`);
    await document.destroy();
  });
});
