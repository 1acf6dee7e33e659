import { describe, expect, it } from '@jest/globals';
import { type Basis, type ConsentRecord, grantEach, type MessageContext } from '#envelope';
import { agencyId, newConsentId, newExchangeId, newMessageId, type Pseudonym, sha256, type Thumbprint } from '#kernel';
import { referenceCatalogue } from './catalogue.fixture.js';
import { basisOfAnswer, judgeBasis, type KnownConsent } from './judge-basis.js';

const catalogue = referenceCatalogue();
const subject = `p1.${'A'.repeat(43)}` as Pseudonym;
const id = newConsentId();
const processing = { sender: '681/2023-87', recipient: '2016/679-6.1.c' };
const byStatute: Basis = {
  categories: [11, 13],
  processing,
  secrecyLift: { statute: { id: '681/2023-87', version: 1 } },
};
const byConsent: Basis = { categories: [12], processing, secrecyLift: { consent: { id, version: 1 } } };

const context: MessageContext = {
  v: 1,
  suite: 'KV1',
  messageId: newMessageId(),
  exchangeId: newExchangeId(),
  kind: 'request',
  sender: agencyId('K-235'),
  recipient: agencyId('H-03'),
  recipientKey: sha256('key') as string as Thumbprint,
  subjects: [subject],
  purpose: 'plan',
  categories: [11, 12, 13],
  basis: [byStatute, byConsent],
  iat: 1,
  exp: 2,
  blobs: [],
};
const granted = (category: number) =>
  grantEach([category], { disclosers: [agencyId('H-03')], recipients: [agencyId('K-235')] });

const consent = (state: string, more: Partial<ConsentRecord> = {}): KnownConsent => ({
  id,
  version: 1,
  state,
  token: '',
  record: {
    v: 1,
    id,
    version: 1,
    subject,
    standing: 'adult',
    deciders: [{ role: 'self' }],
    collectingAgency: agencyId('K-235'),
    grants: granted(12),
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
  },
});
const facts = (consents: readonly KnownConsent[] = []) => ({
  catalogue,
  consents,
  day: '2026-11-22',
  at: new Date('2026-11-22T10:00:00Z'),
});

describe('the discloser’s look at a basis', () => {
  it('lets a register be asked where the statute covers it', () => {
    expect(judgeBasis(context, 11, facts())).toEqual({ may: true });
  });

  it('refuses before any register is asked where the statute does not cover it', () => {
    const wider = { ...context, basis: [{ ...byStatute, categories: [11, 12, 13] }] };
    expect(judgeBasis(wider, 12, facts())).toEqual({ may: false, reason: 'no-basis' });
  });

  it('refuses a category that stands in no basis', () => {
    expect(judgeBasis({ ...context, basis: [byConsent] }, 11, facts())).toEqual({ may: false, reason: 'no-basis' });
  });

  it.each([
    ['consent-missing', []],
    ['consent-withdrawn', [consent('withdrawn')]],
    ['consent-expired', [consent('expired')]],
    ['consent-too-narrow', [consent('active', { grants: granted(11) })]],
  ])('says %s', (reason, consents) => {
    expect(judgeBasis(context, 12, facts(consents))).toEqual({ may: false, reason });
  });

  it('lets a register be asked on a consent in force', () => {
    expect(judgeBasis(context, 12, facts([consent('active')]))).toEqual({ may: true });
  });

  it('knows the person under another number where a link that holds joins them, and not otherwise', () => {
    const earlier = `p1.${'B'.repeat(42)}A` as Pseudonym;
    const given = facts([consent('active', { subject: earlier })]);
    expect(judgeBasis(context, 12, given)).toEqual({ may: false, reason: 'consent-too-narrow' });
    for (const link of [
      { subject, earlier },
      { subject: earlier, earlier: subject },
    ])
      expect(judgeBasis(context, 12, { ...given, links: [link] })).toEqual({ may: true });
  });

  it('leaves to a person what this kind of agency does not hold', () => {
    const asked = { ...context, basis: [{ ...byStatute, categories: [9] }] };
    expect(judgeBasis(asked, 9, facts())).toBe('ask-a-person');
  });
});

describe('the basis of an answer', () => {
  it('is the request’s for what is disclosed, with the sides exchanged', () => {
    expect(basisOfAnswer(context, [11])).toEqual([
      {
        categories: [11],
        processing: { sender: '2016/679-6.1.c', recipient: '681/2023-87' },
        secrecyLift: byStatute.secrecyLift,
      },
    ]);
  });
});
