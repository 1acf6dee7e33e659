import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { agencyId, type ConsentId, type Pseudonym } from '#kernel';
import { type Browser, chromium } from 'playwright-core';
import { Notices } from '../give-notice/notices.js';
import { proposalPage } from './client-page.js';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const inBrowser = CHROMIUM === undefined ? describe.skip : describe;

const pageIn = (language: string): string =>
  proposalPage(
    {
      v: 1,
      id: '22222222-2222-4222-8222-222222222222' as ConsentId,
      subject: `p1.${'A'.repeat(43)}` as Pseudonym,
      standing: 'adult',
      collectingAgency: agencyId('K-235'),
      wanted: [
        { category: 11, disclosers: [agencyId('H-03')], recipients: [agencyId('K-235')] },
        { category: 12, disclosers: [agencyId('H-03')], recipients: [agencyId('K-235'), agencyId('T-01')] },
      ],
      purposes: ['plan', 'coordination'],
      uses: { kind: 'repeated', frequency: { count: 2, per: 'month' } },
      validUntil: '2027-05-31T20:59:59Z',
      language,
      noticeVersion: '2026-1',
      lapsesAt: '2026-12-24T21:59:59Z',
      createdAt: '2026-11-25T10:00:00Z',
    },
    [
      {
        category: 11,
        discloser: agencyId('H-03'),
        recipient: agencyId('K-235'),
        provision: '681/2023-87',
        confirmed: false,
      },
    ],
    {
      notice: Notices.read('apps/agent/data/notices').get(language, '2026-1'),
      names: new Map([
        [agencyId('K-235'), { fi: 'Kauniainen', sv: 'Grankulla' }],
        [agencyId('H-03'), { fi: 'Länsi-Uudenmaan hyvinvointialue', sv: 'Västra Nylands välfärdsområde' }],
        [agencyId('T-01'), { fi: 'Espoo-Kauniaisten työllisyysalue', sv: 'Esbo-Grankulla sysselsättningsområde' }],
      ]),
      namesWithheld: false,
      person: 'Testi Henkilö',
      deciders: [],
      officer: {
        name: 'Kaisa Koordinaattori',
        title: 'Koordinaattori',
        unit: 'Maahanmuuttopalvelut',
        telephone: '+358 9 505 6111',
      },
    },
  );

/** Relative luminance and contrast as WCAG 2.2 defines them. */
const channel = (value: number): number => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const luminance = (rgb: string): number => {
  const [r = 0, g = 0, b = 0] = (rgb.match(/[\d.]+/g) ?? []).map((part) => channel(Number(part) / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};

interface Seen {
  readonly direction: string;
  readonly runsRightToLeft: boolean;
  readonly headings: readonly string[];
  readonly unscoped: number;
  readonly captions: number;
  readonly colours: readonly string[];
  readonly overflows: boolean;
}

/** Runs in the page, beside its own content policy, which forbids scripts. */
const LOOK = `(() => {
  const cells = [...document.querySelectorAll('thead th')].map((cell) => cell.getBoundingClientRect().left);
  const texts = [...document.querySelectorAll('h1, h2, p, dt, dd, th, td, small, caption')];
  return {
    direction: getComputedStyle(document.body).direction,
    runsRightToLeft: cells[0] > cells[1],
    headings: [...document.querySelectorAll('h1, h2')].map(({ tagName }) => tagName),
    unscoped: document.querySelectorAll('th:not([scope])').length,
    captions: document.querySelectorAll('table > caption').length,
    colours: [...new Set(texts.map((element) => getComputedStyle(element).color))],
    overflows: document.documentElement.scrollWidth > window.innerWidth,
  };
})()`;

inBrowser('the client’s page in a browser (needs Chromium)', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  }, 60_000);
  afterAll(() => browser?.close());

  it.each([
    ['fi', 'ltr'],
    ['ar', 'rtl'],
    ['fa', 'rtl'],
    ['ku', 'ltr'],
  ])('in %s reads %s, by its headings, table heads and contrast', async (language, direction) => {
    const page = await browser.newPage({ viewport: { width: 794, height: 1123 } });
    try {
      await page.setContent(pageIn(language));
      const shots = process.env['SCREENSHOTS'];
      if (shots !== undefined) await page.screenshot({ path: `${shots}/${language}.png`, fullPage: true });
      const seen = await page.evaluate<Seen>(LOOK);
      expect(seen).toMatchObject({
        direction,
        runsRightToLeft: direction === 'rtl',
        unscoped: 0,
        captions: 1,
        overflows: false,
      });
      expect(seen.headings[0]).toBe('H1');
      // The darkest ground that text stands on is the table head's.
      for (const colour of seen.colours)
        expect((luminance('rgb(236, 236, 236)') + 0.05) / (luminance(colour) + 0.05)).toBeGreaterThan(4.5);
    } finally {
      await page.close();
    }
  });
});
