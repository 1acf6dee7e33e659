import { describe, expect, it } from '@jest/globals';
import { type MessageContext, type MessageKind, messageKinds, parseContext } from '#envelope';
import { numericDate, type Pseudonym } from '#kernel';
import {
  byConsent,
  byStatute,
  catalogue,
  client,
  consentId,
  consentOf,
  contextOf,
  county,
  daysLater,
  employmentAuthority,
  exchange,
  factsOf,
  grants,
  kela,
  municipality,
  now,
  otherConsentId,
  recordOf,
  somebodyElse,
} from '../testing/facts.fixture.js';
import { consentsNamed, type ConsentUse, decideBasis, type Facts } from './decide-basis.js';

const reasonsOf = (context: MessageContext, facts: Facts): string[] => {
  const decision = decideBasis(context, facts);
  return decision.allowed ? [] : decision.reasons.map(({ code, rule }) => `${code}: ${rule}`);
};
const finalOf = (context: MessageContext, facts: Facts): boolean | undefined => {
  const decision = decideBasis(context, facts);
  return decision.allowed ? undefined : decision.final;
};
const use = (changes: Partial<ConsentUse> = {}): ConsentUse => ({
  consentId,
  version: 1,
  exchangeId: exchange(9),
  recipient: municipality,
  usedAt: daysLater(-1),
  ...changes,
});
const on = (day: string): Partial<MessageContext> => ({ iat: numericDate(new Date(`${day}T12:00:00Z`)) });
const once = consentOf(recordOf({ uses: { kind: 'once' } }));
const twoParties = recordOf({
  grants: grants([12], { recipients: [municipality, employmentAuthority], disclosers: [county, kela] }),
});

interface Case {
  readonly when: string;
  readonly context?: Partial<MessageContext>;
  readonly facts?: Parameters<typeof factsOf>[0];
  readonly reasons: readonly string[];
}

const decidedFor = consentOf(
  recordOf({ standing: 'child', deciders: [{ role: 'custodian', pseudonym: somebodyElse }], custody: 'sole' }),
);

const cases: readonly Case[] = [
  {
    when: 'the log tells of an exclusion whose statement was lost, and another decided',
    facts: { stored: [decidedFor], exclusions: [{ subject: client }] },
    reasons: ['DECIDER_EXCLUDED: exclusions-known'],
  },
  { when: 'the consent covers the answer', reasons: [] },
  { when: 'a statute lifts the secrecy', context: { basis: [byStatute()], categories: [11] }, reasons: [] },
  {
    when: 'one category has a consent, another a statute',
    context: { basis: [byStatute(), byConsent()], categories: [11, 12] },
    reasons: [],
  },

  {
    when: 'the purpose is not in force on the day',
    context: { purpose: 'no-such-purpose' },
    facts: { stored: [consentOf(recordOf({ purposes: ['no-such-purpose'] }))] },
    reasons: [
      'PURPOSE_UNKNOWN: purpose-in-force',
      'STATUTE_NOT_APPLICABLE: sender-ground-covers',
      'STATUTE_NOT_APPLICABLE: recipient-ground-covers',
    ],
  },
  {
    when: 'the catalogue has no such provision for the sender',
    context: { basis: [byConsent({ processing: { sender: '1/2099-1', recipient: '2016/679-6.1.e' } })] },
    reasons: ['STATUTE_UNKNOWN: sender-ground-in-force'],
  },
  {
    when: 'the provision of the recipient is no ground of processing',
    context: { basis: [byConsent({ processing: { sender: '2016/679-6.1.e', recipient: '621/1999-26' } })] },
    reasons: ['STATUTE_NOT_APPLICABLE: recipient-ground-covers'],
  },
  {
    when: 'the catalogue has no such version of the provision',
    context: { basis: [byStatute({}, '681/2023-87', 2)], categories: [11] },
    reasons: ['STATUTE_UNKNOWN: statute-in-force'],
  },
  {
    when: 'the provision lifts no secrecy',
    context: { basis: [byStatute({}, '2016/679-6.1.e')], categories: [11] },
    reasons: ['STATUTE_NOT_APPLICABLE: statute-lifts-secrecy'],
  },
  {
    when: 'the provision covers another category only',
    context: { basis: [byStatute({ categories: [12] })], categories: [12] },
    reasons: ['STATUTE_NOT_APPLICABLE: statute-lifts-secrecy'],
  },
  {
    when: 'the provision lets others ask, not this kind of party',
    context: { sender: county, recipient: kela, basis: [byStatute()], categories: [11] },
    reasons: ['STATUTE_NOT_APPLICABLE: statute-lifts-secrecy'],
  },
  {
    when: 'the provision was repealed before the day of the message',
    context: { ...on('2025-01-01'), basis: [byStatute({}, '1386/2010-87')], categories: [11] },
    reasons: ['STATUTE_UNKNOWN: statute-in-force'],
  },

  { when: 'nobody knows the consent', facts: { stored: [] }, reasons: ['NO_BASIS: consent-of-both-parties'] },
  {
    when: 'a version is named that does not exist yet',
    context: { basis: [byConsent({}, consentId, 2)] },
    reasons: ['NO_BASIS: consent-of-both-parties'],
  },
  {
    when: 'the sender is no party of the consent',
    context: { sender: kela },
    reasons: ['NO_BASIS: consent-of-both-parties'],
  },
  {
    when: 'the recipient is no party of the consent',
    context: { recipient: employmentAuthority },
    reasons: ['NO_BASIS: consent-of-both-parties'],
  },
  {
    when: 'a consent was withdrawn of which the recipient is no party',
    context: { recipient: employmentAuthority },
    facts: { stored: [consentOf(recordOf(), { state: 'withdrawn', endedAt: now })] },
    reasons: ['NO_BASIS: consent-of-both-parties'],
  },

  {
    when: 'it was withdrawn',
    facts: { stored: [consentOf(recordOf(), { state: 'withdrawn', endedAt: now })] },
    reasons: ['CONSENT_WITHDRAWN: consent-not-withdrawn'],
  },
  {
    when: 'it was withdrawn and has ended since',
    facts: { stored: [consentOf(recordOf(), { state: 'withdrawn', endedAt: now })], now: daysLater(365) },
    reasons: ['CONSENT_WITHDRAWN: consent-not-withdrawn'],
  },
  {
    when: 'its end is reached',
    facts: { now: new Date(recordOf().validUntil) },
    reasons: ['CONSENT_EXPIRED: consent-not-expired'],
  },
  {
    when: 'its end is a millisecond away',
    facts: { now: new Date(Date.parse(recordOf().validUntil) - 1) },
    reasons: [],
  },
  { when: 'its beginning is reached', facts: { now: new Date(recordOf().validFrom) }, reasons: [] },
  {
    when: 'its beginning is a millisecond away',
    facts: { now: new Date(Date.parse(recordOf().validFrom) - 1) },
    reasons: ['CONSENT_NOT_YET_VALID: consent-has-begun'],
  },
  {
    when: 'a newer version replaces the one named',
    facts: { stored: [consentOf(recordOf({ version: 2 }))] },
    reasons: ['CONSENT_SUPERSEDED: consent-not-superseded'],
  },
  {
    when: 'the newer version is the one named',
    context: { basis: [byConsent({}, consentId, 2)] },
    facts: { stored: [consentOf(recordOf({ version: 2 }))] },
    reasons: [],
  },

  {
    when: 'it is only proposed',
    facts: { stored: [consentOf(recordOf(), { state: 'requested' })] },
    reasons: ['CONSENT_INACTIVE: consent-was-given'],
  },
  {
    when: 'the client said no',
    facts: { stored: [consentOf(recordOf(), { state: 'denied' })] },
    reasons: ['CONSENT_INACTIVE: consent-was-given'],
  },
  {
    when: 'the proposal was cancelled',
    facts: { stored: [consentOf(recordOf(), { state: 'cancelled' })] },
    reasons: ['CONSENT_INACTIVE: consent-was-given'],
  },
  {
    when: 'the proposal has lapsed',
    facts: { stored: [consentOf(recordOf(), { state: 'lapsed' })] },
    reasons: ['CONSENT_INACTIVE: consent-was-given'],
  },

  {
    when: 'the asker is a party, but only as discloser',
    context: { sender: county, recipient: kela },
    facts: { stored: [consentOf(twoParties)] },
    reasons: ['CONSENT_TOO_NARROW: consent-grants-category'],
  },
  {
    when: 'the discloser is a party, but only as asker',
    context: { sender: employmentAuthority },
    facts: { stored: [consentOf(twoParties)] },
    reasons: ['CONSENT_TOO_NARROW: consent-grants-category'],
  },
  {
    when: 'it covers one of two categories',
    context: { basis: [byConsent({ categories: [11, 12] })] },
    reasons: ['CONSENT_TOO_NARROW: consent-grants-category'],
  },
  {
    when: 'it is for another purpose',
    context: { purpose: 'coordination' },
    reasons: ['CONSENT_TOO_NARROW: consent-covers-purpose'],
  },
  {
    when: 'the message is about somebody else',
    context: { subjects: [somebodyElse] },
    reasons: ['CONSENT_TOO_NARROW: consent-is-about-subject', 'CONSENT_TOO_NARROW: every-subject-has-consent'],
  },
  {
    when: 'the message is about somebody else too',
    context: { subjects: [client, somebodyElse] },
    reasons: ['CONSENT_TOO_NARROW: every-subject-has-consent'],
  },
  {
    when: 'the message is about nobody',
    context: { subjects: [] },
    reasons: ['PROCEDURE_INVALID: somebody-concerned', 'CONSENT_TOO_NARROW: consent-is-about-subject'],
  },

  { when: 'it holds once and was never used', facts: { stored: [once] }, reasons: [] },
  {
    when: 'it holds once and was used in another exchange',
    facts: { stored: [once], uses: [use()] },
    reasons: ['CONSENT_USED_UP: consent-uses-left'],
  },
  {
    when: 'it holds once and was used in this exchange by another recipient',
    facts: { stored: [once], uses: [use({ exchangeId: exchange(1), recipient: employmentAuthority })] },
    reasons: ['CONSENT_USED_UP: consent-uses-left'],
  },
  {
    when: 'it holds once and this exchange has had its use',
    facts: { stored: [once], uses: [use({ exchangeId: exchange(1) })] },
    reasons: [],
  },
  {
    when: 'it holds once and its older version was used',
    context: { basis: [byConsent({}, consentId, 2)] },
    facts: { stored: [consentOf(recordOf({ version: 2, uses: { kind: 'once' } }))], uses: [use()] },
    reasons: ['CONSENT_USED_UP: consent-uses-left'],
  },
  {
    when: 'it holds once and another consent was used',
    facts: { stored: [once], uses: [use({ consentId: otherConsentId })] },
    reasons: [],
  },
  {
    when: 'one of two uses is left',
    facts: { stored: [consentOf(recordOf({ uses: { kind: 'repeated', max: 2 } }))], uses: [use()] },
    reasons: [],
  },
  {
    when: 'both of two uses are gone',
    facts: {
      stored: [consentOf(recordOf({ uses: { kind: 'repeated', max: 2 } }))],
      uses: [use(), use({ exchangeId: exchange(8) })],
    },
    reasons: ['CONSENT_USED_UP: consent-uses-left'],
  },
  {
    when: 'it holds repeatedly without a number, and was used a hundred times',
    facts: { uses: Array.from({ length: 100 }, (_, n) => use({ exchangeId: exchange(100 + n) })) },
    reasons: [],
  },
  {
    when: 'nobody has said how long the verification of a mandate carries',
    facts: {
      catalogue: { ...catalogue, deadlines: [] },
      stored: [
        consentOf(
          recordOf({
            deciders: [{ role: 'mandate', pseudonym: somebodyElse, verifiedAt: daysLater(-1).toISOString() }],
          }),
        ),
      ],
    },
    reasons: ['MANDATE_STALE: mandate-verified'],
  },
  {
    when: 'several things are wrong: all are told',
    context: {
      purpose: 'coordination',
      subjects: [somebodyElse],
      basis: [
        byStatute(
          { categories: [11], processing: { sender: '1/2099-1', recipient: '2016/679-6.1.e' } },
          '1386/2010-87',
        ),
        byConsent({ categories: [1] }),
      ],
      categories: [1, 11],
    },
    facts: { stored: [once], uses: [use()], now: daysLater(365) },
    reasons: [
      'STATUTE_UNKNOWN: sender-ground-in-force',
      'STATUTE_UNKNOWN: statute-in-force',
      'CONSENT_EXPIRED: consent-not-expired',
      'CONSENT_TOO_NARROW: consent-grants-category',
      'CONSENT_TOO_NARROW: consent-covers-purpose',
      'CONSENT_TOO_NARROW: consent-is-about-subject',
      'CONSENT_USED_UP: consent-uses-left',
      'CONSENT_TOO_NARROW: every-subject-has-consent',
    ],
  },
];

describe('decideBasis', () => {
  it.each(cases)('when $when: $reasons', ({ context, facts, reasons }) => {
    expect(reasonsOf(contextOf(context), factsOf(facts))).toEqual(reasons);
  });

  it.each(cases.filter(({ context }) => !context?.subjects))(
    'asks only what a context can say: $when',
    ({ context }) => {
      expect(parseContext(contextOf(context))).toMatchObject({ ok: true });
    },
  );

  it('judges a message by the law of its own day', () => {
    const under = (act: string, day: string) =>
      reasonsOf(contextOf({ ...on(day), basis: [byStatute({}, act)], categories: [11] }), factsOf());
    expect(under('1386/2010-87', '2024-12-31')).toEqual([]);
    expect(under('1386/2010-87', '2025-01-01')).toEqual(['STATUTE_UNKNOWN: statute-in-force']);
    expect(under('681/2023-87', '2024-12-31')).toEqual(['STATUTE_UNKNOWN: statute-in-force']);
    expect(under('681/2023-87', '2025-01-01')).toEqual([]);
  });

  it('tells no difference between a consent of others and one that does not exist', () => {
    const outsider = contextOf({ sender: kela, recipient: employmentAuthority });
    expect(decideBasis(outsider, factsOf())).toEqual(decideBasis(outsider, factsOf({ stored: [] })));
  });
});

describe('an exclusion whose statement was lost with a restored backup', () => {
  const later = `p1.${'L'.repeat(42)}A` as Pseudonym;
  const lost = { exclusions: [{ subject: client }] };

  it('stops what somebody else decided, until it is said again, and not what the person decided', () => {
    const decision = decideBasis(contextOf(), factsOf({ stored: [decidedFor], ...lost }));
    expect(decision).toMatchObject({
      reasons: [{ code: 'DECIDER_EXCLUDED', rule: 'exclusions-known' }],
      final: false,
    });
    expect(reasonsOf(contextOf(), factsOf(lost))).toEqual([]);
  });

  it('reaches over links that were lost too, which open nothing', () => {
    const lostLinks = [{ subject: later, earlier: client }];
    const facts = factsOf({ stored: [decidedFor], exclusions: [{ subject: later }], lostLinks });
    expect(reasonsOf(contextOf(), facts)).toEqual(['DECIDER_EXCLUDED: exclusions-known']);
    const known = factsOf({ stored: [decidedFor], exclusions: [{ subject: later, decider: somebodyElse }], lostLinks });
    expect(reasonsOf(contextOf(), known)).toEqual(['DECIDER_EXCLUDED: decider-not-excluded']);
    expect(reasonsOf(contextOf({ subjects: [later] }), factsOf({ lostLinks }))).toContain(
      'CONSENT_TOO_NARROW: consent-is-about-subject',
    );
  });
});

describe('the sides of a message', () => {
  const placement = { basis: [byConsent({ categories: [15] })], categories: [15] };
  const stored = [consentOf(recordOf({ grants: grants([12, 15]) }))];

  it.each<[MessageKind, Partial<MessageContext>]>([
    ['request', {}],
    ['consultation', placement],
  ])('of a %s the sender asks', (kind, about) => {
    expect(reasonsOf(contextOf({ kind, ...about }), factsOf({ stored }))).toEqual([]);
    const turned = contextOf({ kind, ...about, sender: county, recipient: municipality });
    expect(reasonsOf(turned, factsOf({ stored }))).toEqual(['CONSENT_TOO_NARROW: consent-grants-category']);
  });

  it.each(['answer', 'referral', 'transfer'] as const)('of a %s the sender discloses', (kind) => {
    expect(reasonsOf(contextOf({ kind }), factsOf())).toEqual([]);
    expect(reasonsOf(contextOf({ kind, sender: municipality, recipient: county }), factsOf())).toEqual([
      'CONSENT_TOO_NARROW: consent-grants-category',
    ]);
  });
});

describe('kinds of message', () => {
  it.each(['refusal', 'clarification', 'withdrawal-notice', 'notice'] as const)('a %s needs no basis', (kind) => {
    const decision = decideBasis(contextOf({ kind, purpose: 'no-such-purpose' }), factsOf({ stored: [] }));
    expect(decision).toEqual({ allowed: true, uses: [], consentNeedless: false });
  });

  it.each<[MessageKind, number]>([
    ['request', 12],
    ['consultation', 15],
  ])('a %s counts no use and needs none to be left', (kind, category) => {
    const asked = contextOf({ kind, basis: [byConsent({ categories: [category] })], categories: [category] });
    const stored = [consentOf(recordOf({ grants: grants([12, 15]), uses: { kind: 'once' } }))];
    const decision = decideBasis(asked, factsOf({ stored, uses: [use()] }));
    expect(decision).toEqual({ allowed: true, uses: [], consentNeedless: false });
  });

  it.each(['answer', 'referral', 'transfer'] as const)('a %s counts a use', (kind) => {
    const decision = decideBasis(contextOf({ kind }), factsOf());
    expect(decision).toEqual({
      allowed: true,
      uses: [{ ...use({ exchangeId: exchange(1), usedAt: now }), first: true }],
      consentNeedless: false,
    });
  });

  it('are all spoken of here', () => {
    expect(messageKinds).toHaveLength(9);
  });
});

describe('uses', () => {
  it('in the same exchange by the same recipient are no second ones', () => {
    const again = decideBasis(contextOf(), factsOf({ uses: [use({ exchangeId: exchange(1) })] }));
    expect(again).toMatchObject({ allowed: true, uses: [{ first: false }] });
  });

  it('of one consent that two items name are one', () => {
    const both = contextOf({ basis: [byConsent(), byConsent({ categories: [11] })], categories: [11, 12] });
    const facts = factsOf({ stored: [consentOf(recordOf({ grants: grants([11, 12]), uses: { kind: 'once' } }))] });
    const decision = decideBasis(both, facts);
    expect(decision).toMatchObject({ allowed: true, uses: [{ first: true }] });
  });

  it('of two consents are two', () => {
    const both = contextOf({
      basis: [byConsent(), byConsent({ categories: [11] }, otherConsentId)],
      categories: [11, 12],
    });
    const second = consentOf(recordOf({ id: otherConsentId, grants: grants([11]) }));
    const decision = decideBasis(both, factsOf({ stored: [once, second] }));
    expect(decision).toMatchObject({ allowed: true, uses: [{ consentId }, { consentId: otherConsentId }] });
  });

  it('are none when another part of the basis does not hold', () => {
    const half = contextOf({ basis: [byConsent(), byStatute({}, '621/1999-26')], categories: [11, 12] });
    expect(decideBasis(half, factsOf())).not.toHaveProperty('uses');
  });
});

describe('a refusal', () => {
  it('is not final when the consent only has to begin', () => {
    expect(finalOf(contextOf(), factsOf({ now: daysLater(-60) }))).toBe(false);
  });

  it('is final when something else is wrong too', () => {
    expect(finalOf(contextOf({ purpose: 'coordination' }), factsOf({ now: daysLater(-60) }))).toBe(true);
  });

  it.each(
    cases.filter(
      ({ reasons }) =>
        reasons.length === 1 &&
        !/^(CONSENT_NOT_YET_VALID|MANDATE_STALE|DECIDER_EXCLUDED: exclusions)/.test(reasons[0]!),
    ),
  )('is final when $when', ({ context, facts }) => {
    expect(finalOf(contextOf(context), factsOf(facts))).toBe(true);
  });
});

describe('consentsNamed', () => {
  it('names each consent once, and no statute', () => {
    const basis = [
      byConsent(),
      byStatute(),
      byConsent({ categories: [1] }),
      byConsent({ categories: [7] }, otherConsentId),
    ];
    expect(consentsNamed(contextOf({ basis }))).toEqual([consentId, otherConsentId]);
  });
});
