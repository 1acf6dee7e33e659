import { describe, expect, it } from '@jest/globals';
import { type ConsentRecord, grantEach } from '#envelope';
import { agencyId, newConsentId, type Pseudonym } from '#kernel';
import { referenceCatalogue } from './catalogue.fixture.js';
import { type AvailableConsent, type BasisQuestion, chooseBasis, consentCovers } from './choose-basis.js';

const catalogue = referenceCatalogue();
const subject = `p1.${'A'.repeat(43)}` as Pseudonym;
const [municipality, county, kela] = [agencyId('K-235'), agencyId('H-03'), agencyId('L-KELA')];
const at = new Date('2026-11-22T10:00:00Z');

const ask = (more: Partial<BasisQuestion> = {}): BasisQuestion => ({
  catalogue,
  asker: municipality,
  holder: county,
  categories: [11],
  purpose: 'plan',
  day: '2026-11-22',
  at,
  subjects: [subject],
  consents: [],
  ...more,
});

const granted = ({ categories = [12], disclosers = [county], recipients = [municipality] } = {}) =>
  grantEach(categories, { disclosers, recipients });

const consent = (more: Partial<ConsentRecord> = {}): AvailableConsent => {
  const record: ConsentRecord = {
    v: 1,
    id: newConsentId(),
    version: 1,
    subject,
    standing: 'adult',
    deciders: [{ role: 'self' }],
    collectingAgency: municipality,
    grants: granted(),
    purposes: ['plan'],
    uses: { kind: 'repeated' },
    validFrom: '2026-01-01T00:00:00Z',
    validUntil: '2027-01-01T00:00:00Z',
    method: 'written',
    interpreter: false,
    language: 'fi',
    noticeVersion: '1',
    collectedAt: '2026-01-01T00:00:00Z',
    ...more,
  };
  return { id: record.id, version: record.version, record };
};

describe('choosing a basis', () => {
  it('takes the statute where the law gives the right, though there is a consent', () => {
    const chosen = chooseBasis(ask({ consents: [consent({ grants: granted({ categories: [11] }) })] }));
    expect(chosen).toMatchObject({ ok: true, value: [{ secrecyLift: { statute: { id: '681/2023-87' } } }] });
  });

  it('takes a consent where no statute does', () => {
    const given = consent();
    const chosen = chooseBasis(ask({ categories: [12], consents: [given] }));
    expect(chosen).toMatchObject({
      ok: true,
      value: [{ categories: [12], secrecyLift: { consent: { id: given.id, version: 1 } } }],
    });
  });

  it('puts each category into exactly one item, one item for each lift', () => {
    const chosen = chooseBasis(ask({ categories: [13, 12, 11], consents: [consent()] }));
    expect(chosen).toMatchObject({ ok: true, value: [{ categories: [11, 13] }, { categories: [12] }] });
  });

  it('does not use a provision that is no longer in force', () => {
    const chosen = chooseBasis(ask({ holder: kela, categories: [9] }));
    expect(chosen).toMatchObject({ ok: true, value: [{ secrecyLift: { statute: { id: '681/2023-87' } } }] });
  });

  it('names the category for which there is neither', () => {
    expect(chooseBasis(ask({ categories: [11, 12] }))).toMatchObject({
      ok: false,
      error: { code: 'NO_BASIS', details: { category: 12 } },
    });
  });

  it('leaves a consent that a case worker named to the hub to judge, but not for what the law gives', () => {
    const named = { id: newConsentId(), version: 3 };
    expect(chooseBasis(ask({ categories: [11, 12], named }))).toMatchObject({
      ok: true,
      value: [
        { categories: [11], secrecyLift: { statute: {} } },
        { categories: [12], secrecyLift: { consent: named } },
      ],
    });
  });

  it('takes the newest version of a consent', () => {
    const old = consent();
    const newer = { ...old, version: 2 };
    expect(chooseBasis(ask({ categories: [12], consents: [old, newer] }))).toMatchObject({
      ok: true,
      value: [{ secrecyLift: { consent: { version: 2 } } }],
    });
  });
});

describe('a consent as signed', () => {
  const question = ask({ categories: [12] });

  it.each([
    ['another asker', { grants: granted({ recipients: [kela] }) }],
    ['another discloser', { grants: granted({ disclosers: [kela] }) }],
    ['other categories', { grants: granted({ categories: [11] }) }],
    ['another purpose', { purposes: ['guidance'] }],
    ['another person', { subject: `p1.${'B'.repeat(43)}` as Pseudonym }],
    ['a later time', { validFrom: '2026-12-01T00:00:00Z' }],
    ['an earlier time', { validUntil: '2026-11-01T00:00:00Z' }],
  ])('does not cover what was given for %s', (_name, difference) => {
    expect(consentCovers(consent(difference).record, question, 12)).toBe(false);
  });

  it('covers what it names', () => {
    expect(consentCovers(consent().record, question, 12)).toBe(true);
  });
});
