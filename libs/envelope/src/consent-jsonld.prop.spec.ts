import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { unwrap } from '#kernel';
import { type Party, codeOf, partyOf } from './envelope.fixture.js';
import {
  type ConsentRecord,
  consentTermsFromJsonLd,
  consentTermsToJsonLd,
  deciderRoles,
  exportConsentJsonLd,
  frequencyPeriods,
  signStatement,
  subjectStandings,
  verifyConsentJsonLd,
} from './index.js';

const seeded = { seed: 20_261_125, numRuns: 300 };

const digest = fc.stringMatching(/^[A-Za-z0-9_-]{42}A$/);
const pseudonym = digest.map((hash) => `p1.${hash}`);
const agency = fc.stringMatching(/^[KTHL]-[0-9]{3}$/);
const agencies = fc.uniqueArray(agency, { minLength: 1, maxLength: 4 });
const instant = fc
  .date({ min: new Date('2026-01-01T00:00:00Z'), max: new Date('2026-12-31T00:00:00Z'), noInvalidDate: true })
  .map((date) => date.toISOString());
const later = instant.map((text) => text.replace('2026-', '2027-'));
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });

const decider = fc.record(
  {
    role: fc.constantFrom(...deciderRoles.filter((role) => role !== 'self')),
    pseudonym,
    reference: fc.stringMatching(/^[A-Za-z0-9 ]{1,20}$/),
    verifiedAt: instant,
    validUntil: later,
    namesWithheld: fc.boolean(),
  },
  { requiredKeys: ['role', 'pseudonym'] },
);
const uses = fc.oneof(
  fc.constant({ kind: 'once' as const }),
  fc.record(
    {
      kind: fc.constant('repeated' as const),
      max: fc.integer({ min: 1, max: 10_000 }),
      frequency: fc.record({
        count: fc.integer({ min: 1, max: 1_000 }),
        per: fc.constantFrom(...frequencyPeriods),
      }),
    },
    { requiredKeys: ['kind'] },
  ),
);
const grants = fc
  .uniqueArray(fc.integer({ min: 1, max: 999 }), { minLength: 1, maxLength: 5 })
  .chain((categories) =>
    fc.tuple(
      ...categories
        .sort((a, b) => a - b)
        .map((category) => fc.record({ category: fc.constant(category), disclosers: agencies, recipients: agencies })),
    ),
  );

const record: fc.Arbitrary<ConsentRecord> = fc
  .record({
    id: fc.uuid({ version: 4 }),
    version: fc.integer({ min: 1, max: 1_000_000 }),
    proposal: maybe(digest),
    subject: pseudonym,
    standing: fc.constantFrom(...subjectStandings),
    deciders: fc.oneof(
      fc.constant([{ role: 'self' as const }]),
      fc.uniqueArray(decider, { minLength: 1, maxLength: 4, selector: ({ pseudonym: who }) => who }),
    ),
    custody: maybe(fc.constantFrom('sole' as const, 'joint' as const)),
    collectingAgency: agency,
    grants,
    purposes: fc.uniqueArray(fc.constantFrom('plan', 'assessment', 'coordination'), { minLength: 1 }),
    dataPeriod: maybe(fc.constant({ from: '2025-01-01', to: '2026-12-31' })),
    uses,
    validFrom: instant,
    validUntil: later,
    untilPlanEnds: maybe(fc.boolean()),
    method: fc.constantFrom('oral-once' as const, 'written' as const, 'electronic' as const),
    interpreter: fc.boolean(),
    witness: maybe(fc.constant('worker-1')),
    language: fc.constantFrom('fi', 'sv', 'so', 'ar'),
    noticeVersion: fc.constant('2026-1'),
    evidenceHash: maybe(digest),
    collectedAt: instant,
  })
  .map((members) => JSON.parse(JSON.stringify({ v: 1, ...members })) as ConsentRecord);

describe('a consent record as JSON-LD', () => {
  let party: Party;
  beforeAll(async () => {
    party = await partyOf('K-235');
  });

  it('says all that the record says, and comes back as the same record', () => {
    fc.assert(
      fc.property(record, (one) => {
        const document: unknown = JSON.parse(JSON.stringify(consentTermsToJsonLd(one)));
        expect(unwrap(consentTermsFromJsonLd(document))).toEqual(one);
      }),
      seeded,
    );
  });

  it('carries the record as it was signed, and verifies offline', async () => {
    await fc.assert(
      fc.asyncProperty(record, async (one) => {
        const token = await signStatement('consent', one, party.signing);
        const document: unknown = JSON.parse(JSON.stringify(unwrap(exportConsentJsonLd(token))));
        expect(unwrap(await verifyConsentJsonLd(document, party.verification))).toEqual(one);
      }),
      { ...seeded, numRuns: 30 },
    );
  });

  it('is refused when its terms are not those that were signed, or by another key', async () => {
    const [one, other] = fc.sample(record, { seed: 1, numRuns: 2 }) as [ConsentRecord, ConsentRecord];
    const token = await signStatement('consent', one, party.signing);
    const document = unwrap(exportConsentJsonLd(token));
    const stranger = await partyOf('L-KELA');
    const verdict = async (changed: unknown, key = party.verification): Promise<string> =>
      codeOf(await verifyConsentJsonLd(changed, key));

    expect(await verdict({ ...document, 'kv:validUntil': '2028-01-01T00:00:00Z' })).toBe('HASH_MISMATCH');
    expect(await verdict({ ...consentTermsToJsonLd(other), 'kv:signedRecord': token })).toBe('HASH_MISMATCH');
    expect(await verdict({ ...document, 'dpv:hasConsentStatus': 'dpv:ConsentWithdrawn' })).toBe('MALFORMED');
    expect(await verdict({ ...document, 'kv:more': 'than was signed' })).toBe('MALFORMED');
    expect(await verdict({ ...document, 'kv:signedRecord': undefined })).toBe('MALFORMED');
    expect(await verdict(document, stranger.verification)).toBe('SIGNATURE_INVALID');
  });
});
