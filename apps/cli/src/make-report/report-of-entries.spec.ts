import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { disclosureReportSchema, reportPage } from '#disclosure-report';
import type { LogBody } from '#envelope';
import { type ConsentId, type Pseudonym, agencyId, newEventId, newExchangeId, unwrap } from '#kernel';
import { type ReportOfEntries, countyRules, reportOfEntries } from './report-of-entries.js';

const subject = `p1.${'A'.repeat(43)}` as Pseudonym;
const body = (type: string, members: Partial<LogBody> = {}): LogBody => ({
  v: 1,
  eventId: newEventId(),
  type,
  at: '2026-05-10T10:00:00Z',
  exchangeId: newExchangeId(),
  sender: agencyId('H-03'),
  recipient: agencyId('K-235'),
  subjects: [subject],
  purpose: 'plan',
  basis: [
    {
      categories: [12],
      processing: { sender: '1/2020-1', recipient: '1/2020-1' },
      secrecyLift: { consent: { id: '22222222-2222-4222-8222-222222222222' as ConsentId, version: 1 } },
    },
    {
      categories: [9],
      processing: { sender: '1/2020-1', recipient: '1/2020-1' },
      secrecyLift: { statute: { id: '681/2023-87', version: 1 } },
    },
  ],
  actor: { agency: agencyId('K-235'), worker: 'w-17' },
  assertedBy: 'agency',
  ...members,
});
const made = (bodies: readonly LogBody[], members: Partial<ReportOfEntries> = {}) =>
  reportOfEntries({
    subject,
    madeBy: agencyId('A-TSV'),
    madeAt: new Date('2026-11-26T08:00:00Z'),
    language: 'en',
    until: new Date('2027-01-01T00:00:00Z'),
    withholdNames: false,
    entries: bodies.map((one, index) => ({ index, body: one })),
    ...members,
  });
const thisYear = { from: new Date('2026-01-01T00:00:00Z') };
const report = (...bodies: LogBody[]) => unwrap(made(bodies, thisYear));
const codeOf = (result: ReturnType<typeof made>): string => (result.ok ? 'OK' : result.error.code);

describe('a client’s account from the log', () => {
  it('has a line for each basis of each opened message, with the index of its entry', () => {
    expect(report(body('message-released')).disclosures).toMatchObject([
      { from: 'H-03', to: 'K-235', categories: [12], basis: 'consent', purpose: 'plan', logIndex: 0 },
      { categories: [9], basis: 'law', provision: '681/2023-87' },
    ]);
  });

  it('says who opened, whose opening was refused and who acted on a consent', () => {
    const { disclosures, processing } = report(
      body('message-accepted'),
      body('message-released'),
      body('release-refused', { code: 'CONSENT_WITHDRAWN' }),
      body('consent-withdrawn', { exchangeId: undefined }),
    );
    expect(disclosures).toHaveLength(2);
    expect(processing).toMatchObject([
      { what: 'opened', agency: 'K-235', logIndex: 1 },
      { what: 'refused', code: 'CONSENT_WITHDRAWN', logIndex: 2 },
      { what: 'consent', code: 'consent-withdrawn', logIndex: 3 },
    ]);
  });

  it('says who looked the client up in the log, and who made or refused an account', () => {
    const types = ['log-search', 'break-glass-used', 'break-glass-shown', 'report-given', 'report-refused'];
    const { processing } = report(...types.map((type) => body(type, { exchangeId: undefined })));
    expect(processing.map(({ what, agency, code }) => [what, agency, code])).toEqual(
      types.map((type) => ['looked', 'K-235', type]),
    );
  });

  it('has a worker’s pseudonym in a county’s lines alone, and a name in none', () => {
    const opened = (by: string) => body('message-released', { actor: { agency: agencyId(by), worker: 'w-17' } });
    const { processing } = report(...['H-03', 'K-235', 'T-01', 'L-KELA'].map(opened));
    expect(processing.map(({ agency, pseudonym }) => [agency, pseudonym])).toEqual([
      ['H-03', 'w-17'],
      ['K-235', undefined],
      ['T-01', undefined],
      ['L-KELA', undefined],
    ]);
    expect(processing.some((line) => 'staff' in line)).toBe(false);
  });

  it.each([
    ['what a county disclosed', { sender: agencyId('H-03'), actor: { agency: agencyId('K-235') } }],
    ['what a county opened', { sender: agencyId('K-235'), actor: { agency: agencyId('H-03') } }],
  ])('tells %s more than two years ago only with a reason, which stands in it', (_name, parties) => {
    const [old, recent] = [
      body('message-released', { at: '2024-11-26T07:59:59Z', ...parties }),
      body('message-released', { at: '2024-11-26T08:00:00Z', ...parties }),
    ];
    const from = new Date('2020-01-01T00:00:00Z');
    expect(codeOf(made([old, recent], { from }))).toBe('REPORT_REASON_NEEDED');
    expect(codeOf(made([recent], { from }))).toBe('OK');
    const reason = 'Korvausasia vuodelta 2022';
    const told = unwrap(made([old, recent], { from, reason }));
    expect(told).toMatchObject({ reason, processing: [{ logIndex: 0 }, { logIndex: 1 }] });
    const withoutBegin = unwrap(made([old, recent]));
    expect(withoutBegin.period.from).toBe('2024-11-26T08:00:00.000Z');
    expect(withoutBegin.processing).toMatchObject([{ logIndex: 1 }]);
  });

  it('tells what no county took part in as far back as there is anything', () => {
    const at = '2021-03-01T10:00:00Z';
    const kela = { sender: agencyId('L-KELA'), actor: { agency: agencyId('K-235') } };
    const told = unwrap(made([body('message-released', { at, ...kela })]));
    expect(told.period.from).toBe('2021-03-01T10:00:00.000Z');
    expect(told.disclosures.length).toBeGreaterThan(0);
  });

  it('names no agency and no worker to another reader than the client, and does not say why', () => {
    const told = unwrap(
      made(
        [body('message-released'), body('consent-recorded', { actor: { agency: agencyId('H-03'), worker: 'w-1' } })],
        {
          withholdNames: true,
        },
      ),
    );
    expect(told.namesWithheld).toBe(true);
    expect(told.disclosures).toHaveLength(2);
    const names = { categoryName: String, purposeName: String, agencyName: (agency: string) => agency };
    const page = reportPage(told, { language: 'fi', direction: 'ltr', ...names });
    for (const shown of [JSON.stringify(told), JSON.stringify(page)])
      expect(shown).not.toMatch(/H-03|K-235|A-TSV|w-1|turva|protect/i);
  });

  it('has the county’s rules that agents have', () => {
    const rules = JSON.parse(readFileSync('apps/agent/data/disclosure-report/rules.json', 'utf8')) as {
      staffNames: { kind: string }[];
      reasons: { kind: string; olderThanYears: number }[];
    };
    expect(rules.staffNames.map(({ kind }) => kind)).toEqual([countyRules.kind]);
    expect(rules.reasons.map(({ kind, olderThanYears }) => [kind, olderThanYears])).toEqual([
      [countyRules.kind, countyRules.yearsWithoutReason],
    ]);
  });

  it('has nothing about others and nothing outside its period', () => {
    const other = `p1.${'B'.repeat(43)}` as Pseudonym;
    const found = report(
      body('message-released', { subjects: [other] }),
      body('message-released', { at: '2027-01-01T00:00:00Z' }),
      body('message-released', { at: '2025-12-31T23:59:59Z' }),
    );
    expect(found).toMatchObject({ disclosures: [], processing: [] });
  });

  it('has the documented shape', () => {
    const ajv = new Ajv2020({ strict: true });
    formats.default(ajv);
    const provedComplete = { until: '2026-11-26T08:00:00Z', treeSize: 7 };
    const told = unwrap(made([body('message-released'), body('consent-recorded')], { provedComplete }));
    const shaped: unknown = JSON.parse(JSON.stringify(told));
    const fits = ajv.compile(disclosureReportSchema);
    expect(fits(shaped) ? [] : fits.errors).toEqual([]);
  });
});
