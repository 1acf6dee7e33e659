import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { disclosureReportSchema } from '#disclosure-report';
import type { LogBody } from '#envelope';
import { type ConsentId, type Pseudonym, agencyId, newEventId, newExchangeId } from '#kernel';
import { reportOfEntries } from './report-of-entries.js';

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
const report = (...bodies: LogBody[]) =>
  reportOfEntries({
    subject,
    madeBy: agencyId('A-TSV'),
    madeAt: new Date('2026-11-26T08:00:00Z'),
    language: 'en',
    from: new Date('2026-01-01T00:00:00Z'),
    until: new Date('2027-01-01T00:00:00Z'),
    entries: bodies.map((one, index) => ({ index, body: one })),
  });

describe('a client’s account from the log', () => {
  it('has a line for each basis of each opened message, with the index of its entry', () => {
    expect(report(body('message-released')).disclosures).toMatchObject([
      { from: 'H-03', to: 'K-235', categories: [12], basis: 'consent', purpose: 'plan', logIndex: 0 },
      { categories: [9], basis: 'law', provision: '681/2023-87' },
    ]);
  });

  it('says who opened, whose opening was refused and who acted on a consent, staff by pseudonym', () => {
    const { disclosures, processing } = report(
      body('message-accepted'),
      body('message-released'),
      body('release-refused', { code: 'CONSENT_WITHDRAWN' }),
      body('consent-withdrawn', { exchangeId: undefined }),
    );
    expect(disclosures).toHaveLength(2);
    expect(processing).toMatchObject([
      { what: 'opened', agency: 'K-235', pseudonym: 'w-17', logIndex: 1 },
      { what: 'refused', code: 'CONSENT_WITHDRAWN', logIndex: 2 },
      { what: 'consent', code: 'consent-withdrawn', logIndex: 3 },
    ]);
    expect(processing.some((line) => 'staff' in line)).toBe(false);
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
    const made: unknown = JSON.parse(JSON.stringify(report(body('message-released'), body('consent-recorded'))));
    const fits = ajv.compile(disclosureReportSchema);
    expect(fits(made) ? [] : fits.errors).toEqual([]);
  });
});
