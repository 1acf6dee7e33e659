import { describe, expect, it } from '@jest/globals';
import type { ConsentProposal, ConsentRecord } from '#envelope';
import type { Sha256 } from '#kernel';
import {
  catalogue,
  county,
  daysLater,
  employmentAuthority,
  grants,
  kela,
  municipality,
  now,
  proposalOf,
  recordOf,
  somebodyElse,
} from '../testing/facts.fixture.js';
import { acceptAnswer, acceptProposal } from './proposal-rules.js';

const hash = `${'P'.repeat(42)}A` as Sha256;

describe('a proposal', () => {
  it.each<[string, Partial<ConsentProposal>, string]>([
    ['as it should be', {}, 'accepted'],
    ['made tomorrow', { createdAt: daysLater(1).toISOString() }, 'CONSENT_INVALID'],
    ['that nobody could answer any more', { lapsesAt: now.toISOString() }, 'CONSENT_INVALID'],
    ['for something that has ended', { validUntil: now.toISOString() }, 'CONSENT_INVALID'],
    ['for longer than a consent may last', { validUntil: '2028-01-01T00:00:00Z' }, 'CONSENT_INVALID'],
    ['for a category that is none', { wanted: grants([99]) }, 'CONSENT_INVALID'],
    ['for a purpose that is none', { purposes: ['curiosity'] }, 'CONSENT_INVALID'],
  ])('%s', (_what, changes, code) => {
    const accepted = acceptProposal(proposalOf(changes), catalogue, now);
    expect(accepted.ok ? 'accepted' : accepted.error.code).toBe(code);
  });
});

describe('the answer to a proposal', () => {
  const asked = proposalOf({
    wanted: grants([11, 12], { disclosers: [county], recipients: [municipality, employmentAuthority] }),
    purposes: ['plan', 'coordination'],
    dataPeriod: { from: '2026-01-01', to: '2026-12-31' },
    uses: { kind: 'repeated', max: 10, frequency: { count: 2, per: 'month' } },
    createdAt: '2026-11-20T00:00:00Z',
    untilPlanEnds: true,
  });
  const answer: Partial<ConsentRecord> = {
    proposal: hash,
    purposes: ['plan'],
    dataPeriod: { from: '2026-02-01', to: '2026-12-31' },
    uses: { kind: 'repeated', max: 10, frequency: { count: 1, per: 'month' } },
    untilPlanEnds: true,
    collectedAt: '2026-11-21T00:00:00Z',
  };
  const judge = (changes: Partial<ConsentRecord>, at = now) =>
    acceptAnswer(recordOf({ ...answer, ...changes }), { hash, payload: asked }, at);

  it('may agree to less', () => {
    expect(judge({})).toEqual({ ok: true, value: undefined });
    expect(judge({ uses: { kind: 'once' } }).ok).toBe(true);
  });

  it.each<[string, Partial<ConsentRecord>]>([
    ['proposal', { proposal: `${'Q'.repeat(42)}A` as Sha256 }],
    ['subject', { subject: somebodyElse }],
    ['standing', { standing: 'fifteen' }],
    ['collectingAgency', { collectingAgency: county }],
    ['purposes', { purposes: ['plan', 'assessment'] }],
    ['dataPeriod', { dataPeriod: { from: '2025-12-31', to: '2026-12-31' } }],
    ['dataPeriod', { dataPeriod: { from: '2026-01-01', to: '2027-01-01' } }],
    ['uses', { uses: { kind: 'repeated', max: 11, frequency: { count: 1, per: 'month' } } }],
    ['uses', { uses: { kind: 'repeated', frequency: { count: 1, per: 'month' } } }],
    ['uses', { uses: { kind: 'repeated', max: 10 } }],
    ['uses', { uses: { kind: 'repeated', max: 10, frequency: { count: 3, per: 'month' } } }],
    ['uses', { uses: { kind: 'repeated', max: 10, frequency: { count: 1, per: 'day' } } }],
    ['validUntil', { validUntil: '2027-05-02T00:00:00Z' }],
    ['untilPlanEnds', { untilPlanEnds: false }],
    ['noticeVersion', { noticeVersion: 'notice-2' }],
    ['collectedAt', { collectedAt: '2026-11-19T00:00:00Z' }],
    ['collectedAt', { collectedAt: '2026-12-01T00:00:00Z' }],
    ['grants', { grants: grants([13], { disclosers: [county], recipients: [municipality] }) }],
    ['grants', { grants: grants([12], { disclosers: [county], recipients: [kela] }) }],
    ['grants', { grants: grants([12], { disclosers: [kela], recipients: [municipality] }) }],
  ])('agrees to nothing else or wider: %s', (member, changes) => {
    expect(judge(changes)).toMatchObject({
      ok: false,
      error: { code: 'CONSENT_NOT_AS_PROPOSED', details: { fields: [member] } },
    });
  });

  it('comes in time', () => {
    const lapses = new Date(asked.lapsesAt);
    expect(judge({}, new Date(lapses.getTime() - 1)).ok).toBe(true);
    expect(judge({}, lapses)).toMatchObject({ error: { code: 'CONSENT_PROPOSAL_LAPSED' } });
  });
});
