import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { ConsentProposal, ConsentRecord } from '#envelope';
import { agencyId, type ConsentId, type Pseudonym } from '#kernel';
import { Notices } from '../give-notice/notices.js';
import { accountPage, agreedPage, type PageSetting, proposalPage } from './client-page.js';

const notices = Notices.read('apps/agent/data/notices');
const names = new Map([
  [agencyId('K-235'), { fi: 'Kauniainen', sv: 'Grankulla' }],
  [agencyId('H-03'), { fi: 'Länsi-Uudenmaan hyvinvointialue', sv: 'Västra Nylands välfärdsområde' }],
]);
const terms = {
  v: 1,
  id: '22222222-2222-4222-8222-222222222222' as ConsentId,
  subject: `p1.${'A'.repeat(43)}` as Pseudonym,
  standing: 'adult',
  collectingAgency: agencyId('K-235'),
  purposes: ['plan'],
  uses: { kind: 'repeated', max: 6, frequency: { count: 2, per: 'month' } },
  dataPeriod: { from: '2026-01-01', to: '2026-12-31' },
  validUntil: '2027-05-31T20:59:59Z',
  untilPlanEnds: true,
  language: 'fi',
  noticeVersion: '2026-1',
} as const;
const grants = [{ category: 12, disclosers: [agencyId('H-03')], recipients: [agencyId('K-235'), agencyId('T-01')] }];
const proposal = {
  ...terms,
  purposes: [...terms.purposes],
  wanted: grants,
  lapsesAt: '2026-12-24T21:59:59Z',
  createdAt: '2026-11-25T10:00:00Z',
} satisfies ConsentProposal;
const record = {
  ...terms,
  purposes: [...terms.purposes],
  version: 1,
  deciders: [{ role: 'self' }],
  grants,
  validFrom: '2026-11-25T10:00:00Z',
  method: 'written',
  interpreter: true,
  collectedAt: '2026-11-25T10:00:00Z',
} satisfies ConsentRecord;

const setting = (language: string, more: Partial<PageSetting> = {}): PageSetting => ({
  notice: notices.get(language, '2026-1'),
  names,
  namesWithheld: false,
  person: 'Testi Henkilö',
  deciders: [],
  officer: {
    name: 'Kaisa Koordinaattori',
    title: 'Koordinaattori',
    unit: 'Maahanmuutto',
    telephone: '+358 9 505 6111',
  },
  ...more,
});
const languages = readdirSync('apps/agent/data/notices/2026-1').map((file) => file.replace('.json', ''));
const pages = (language: string, more?: Partial<PageSetting>): [string, string][] => [
  ['proposal', proposalPage(proposal, [], setting(language, more))],
  ['agreed', agreedPage(record, setting(language, more))],
  ['account', accountPage([{ record, state: 'active' }], [], agencyId('K-235'), setting(language, more))],
];

describe('the client’s page', () => {
  it('is there in the ten languages', () => {
    expect(languages.sort()).toEqual(['ar', 'en', 'et', 'fa', 'fi', 'ku', 'ru', 'so', 'sv', 'uk']);
  });

  it.each(languages)('in %s says its language and direction, runs nothing and loads nothing', (language) => {
    for (const [, markup] of pages(language)) {
      const direction = ['ar', 'fa'].includes(language) ? 'rtl' : 'ltr';
      expect(markup).toContain(`<html lang="${language}" dir="${direction}">`);
      expect(markup).not.toMatch(/<script|javascript:|\son[a-z]+=|<link|<img|src=|href=/i);
      expect(markup).not.toMatch(/undefined|\[object/);
      expect(markup.match(/<h1>/g)).toHaveLength(1);
    }
  });

  it.each(languages)('in %s says that one may refuse and what the law allows, before the questions', (language) => {
    const markup = proposalPage(proposal, [], setting(language));
    const [, , refusing = '?'] = notices.get(language, '2026-1').paragraphs;
    expect(markup).toContain(refusing.replace(/'/g, '&#39;'));
    expect(markup.indexOf(refusing.slice(0, 20))).toBeLessThan(markup.indexOf('<table>'));
  });

  it('has an empty box for each yes and no, none of them ticked', () => {
    const markup = proposalPage(proposal, [], setting('fi'));
    expect(markup.match(/☐/g)).toHaveLength(4);
    expect(markup).not.toMatch(/☑|☒|checked|<input/);
  });

  it('names agencies in the client’s language where the directory knows it, else in Finnish and Swedish', () => {
    expect(agreedPage(record, setting('sv'))).toContain('<bdi>Grankulla</bdi>');
    expect(agreedPage(record, setting('fi'))).toContain('<bdi>Kauniainen</bdi>');
    expect(agreedPage(record, setting('so'))).toContain('<bdi>Kauniainen / Grankulla</bdi>');
    expect(agreedPage(record, setting('so'))).toContain('<bdi>T-01</bdi>');
  });

  it('says whom to call to withdraw, until when it holds and how often', () => {
    const markup = agreedPage(record, setting('fi'));
    expect(markup).toContain('+358 9 505 6111');
    expect(markup).toContain('31.5.2027');
    expect(markup).toContain('Toistuvasti · enintään 2 kuukaudessa · enintään 6');
    expect(markup).toContain('1.1.2026');
  });

  it('says beside a question that the law gives the right anyway', () => {
    const lawful = ['K-235', 'T-01'].map((to) => ({
      category: 12,
      discloser: agencyId('H-03'),
      recipient: agencyId(to),
      provision: '1/2020-1',
      confirmed: true,
    }));
    const { lawAnyway } = notices.get('fi', '2026-1').labels;
    expect(proposalPage(proposal, lawful.slice(0, 1), setting('fi')).split(lawAnyway)).toHaveLength(2);
    expect(proposalPage(proposal, [], setting('fi'))).not.toContain(lawAnyway);
  });

  it('escapes what comes from outside', () => {
    const person = '<b onclick="x()">\'&';
    const markup = agreedPage(record, setting('fi', { person }));
    expect(markup).not.toContain('<b onclick');
    expect(markup).toContain('&lt;b onclick=&quot;x()&quot;&gt;&#39;&amp;');
  });

  it('shows no agency, official or telephone to a reader from whom names are withheld', () => {
    for (const [, markup] of pages('fi', { namesWithheld: true })) {
      expect(markup).not.toMatch(/Kauniainen|Länsi-Uuden|K-235|H-03|T-01|505 6111|Kaisa|Maahanmuutto/);
      expect(markup).toContain(notices.get('fi', '2026-1').labels.withheld);
    }
  });

  it('tells the case worker of a translation that nobody has checked, and not on paper', () => {
    expect(proposalPage(proposal, [], setting('ar'))).toContain('class="worker"');
    expect(proposalPage(proposal, [], setting('fi'))).not.toContain('class="worker"');
    expect(proposalPage(proposal, [], setting('ar'))).toMatch(/@media print .*\.worker { display: none; }/s);
  });
});
