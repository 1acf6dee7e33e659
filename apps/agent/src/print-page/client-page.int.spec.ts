import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { agencyId, type ConsentId, type Pseudonym } from '#kernel';
import type { Browser } from 'playwright-core';
import { Notices } from '../give-notice/notices.js';
import { proposalPage } from './client-page.js';
import { inBrowser, lookAt, startBrowser } from './look-at-page.fixture.js';

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

inBrowser('the client’s page in a browser (needs Chromium)', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
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
      expect(await lookAt(page)).toMatchObject({
        direction,
        runsRightToLeft: direction === 'rtl',
        unscoped: 0,
        unlabelled: 0,
        withoutCaption: 0,
        firstHeading: 'H1',
        overflows: false,
        faint: [],
      });
    } finally {
      await page.close();
    }
  });
});
