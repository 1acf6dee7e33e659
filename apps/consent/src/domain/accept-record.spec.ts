import { describe, expect, it } from '@jest/globals';
import type { ConsentProposal, ConsentRecord, Decider } from '#envelope';
import type { Pseudonym, Sha256 } from '#kernel';
import {
  catalogue,
  client,
  consentOf,
  county,
  grants,
  now,
  proposalOf,
  recordOf,
  somebodyElse,
} from '../testing/facts.fixture.js';
import { acceptRecord, acceptRenamedProposal } from './accept-record.js';
import type { Consent, StoredState } from './consent-state.js';

const proposalHash = `${'P'.repeat(42)}A` as Sha256;
const custodian: Decider = { role: 'custodian', pseudonym: somebodyElse, verifiedAt: '2026-11-21T00:00:00Z' };

const codeOf = (changes: Partial<ConsentRecord>, present?: Consent): string => {
  const accepted = acceptRecord(recordOf(changes), present ? { present } : {}, catalogue, now);
  return accepted.ok ? 'accepted' : accepted.error.code;
};

describe('the first version of a consent', () => {
  it.each<[string, Partial<ConsentRecord>, string]>([
    ['as it should be', {}, 'accepted'],
    ['that holds once', { uses: { kind: 'once' } }, 'accepted'],
    ['with version 2', { version: 2 }, 'CONSENT_INVALID'],
    ['collected within the skew of clocks', { collectedAt: '2026-11-22T10:01:00Z' }, 'accepted'],
    ['collected tomorrow', { collectedAt: '2026-11-22T10:01:01Z' }, 'CONSENT_INVALID'],
    ['that has ended', { validUntil: '2026-11-22T10:00:00Z' }, 'CONSENT_INVALID'],
    ['that begins later', { validFrom: '2026-12-01T00:00:00Z' }, 'accepted'],
    ['that lasts twelve months', { validUntil: '2027-11-01T21:00:00Z' }, 'accepted'],
    ['that lasts longer', { validUntil: '2027-11-03T00:00:00Z' }, 'CONSENT_INVALID'],
    ['for a category that is none', { grants: grants([12, 99]) }, 'CONSENT_INVALID'],
    ['for a purpose that is none', { purposes: ['plan', 'curiosity'] }, 'CONSENT_INVALID'],
    ['by word of mouth for one contact', { method: 'oral-once', uses: { kind: 'once' } }, 'accepted'],
    ['by word of mouth for many', { method: 'oral-once' }, 'CONSENT_INVALID'],
    ['by somebody who may not decide for an adult', { deciders: [custodian] }, 'DECIDER_NOT_ENTITLED'],
    ['that names a proposal which is none', { proposal: proposalHash }, 'CONSENT_NOT_AS_PROPOSED'],
  ])('%s', (_what, changes, code) => {
    expect(codeOf(changes)).toBe(code);
  });
});

describe('the next version of a consent', () => {
  it.each<[string, Partial<ConsentRecord>, Partial<Consent>, string]>([
    ['follows the present one', { version: 2 }, {}, 'accepted'],
    ['leaves one out', { version: 3 }, {}, 'CONFLICT'],
    ['is not a newer one', { version: 1 }, {}, 'CONFLICT'],
    ['comes from another agency', { version: 2, collectingAgency: county }, {}, 'CONSENT_ID_REUSED'],
    ['is about somebody else', { version: 2, subject: somebodyElse }, {}, 'CONSENT_ID_REUSED'],
    ['comes after the withdrawal', { version: 2 }, { state: 'withdrawn', endedAt: now }, 'CONSENT_WITHDRAWN'],
    ['comes after the plan has ended', { version: 2 }, { state: 'expired', endedAt: now }, 'CONSENT_EXPIRED'],
    ['comes after it was revoked', { version: 2 }, { state: 'revoked', endedAt: now }, 'CONSENT_INACTIVE'],
    ['comes while it is suspended', { version: 2 }, { state: 'suspended' }, 'accepted'],
    ['has an end that has passed', { version: 2, validUntil: '2026-11-21T00:00:00Z' }, {}, 'CONSENT_INVALID'],
  ])('%s', (_what, changes, present, code) => {
    expect(codeOf({ subject: client, ...changes }, consentOf(recordOf(), present))).toBe(code);
  });
});

describe('a consent under a new pseudonym key', () => {
  const renewed = (name: Pseudonym): Pseudonym => name.replace('p1.', 'p2.') as Pseudonym;
  const before = recordOf({ standing: 'child', custody: 'sole', deciders: [custodian] });
  const renamed: Partial<ConsentRecord> = {
    ...before,
    version: 2,
    subject: renewed(client),
    deciders: [{ ...custodian, pseudonym: renewed(somebodyElse) }],
  };
  const judged = (
    changes: Partial<ConsentRecord>,
    present: Partial<Consent> = {},
    excluded: Pseudonym[] = [],
  ): string => {
    const known = { present: consentOf(before, present), excluded: new Set(excluded) };
    const accepted = acceptRecord(recordOf({ ...renamed, ...changes }), known, catalogue, now);
    return accepted.ok ? 'accepted' : accepted.error.code;
  };

  it.each<[string, Partial<ConsentRecord>, Partial<Consent>, string]>([
    ['is taken on the collecting agency’s word that the persons are the same', {}, {}, 'accepted'],
    ['changes nothing else: a wider one is another person’s', { grants: grants([11, 12]) }, {}, 'CONSENT_ID_REUSED'],
    ['changes nothing else: nor a longer one', { validUntil: '2027-06-01T00:00:00Z' }, {}, 'CONSENT_ID_REUSED'],
    ['names nobody under the earlier key', { deciders: [custodian] }, {}, 'CONSENT_ID_REUSED'],
    ['has no other deciders', { deciders: [{ role: 'self' }] }, {}, 'CONSENT_ID_REUSED'],
    ['is the next version', { version: 3 }, {}, 'CONFLICT'],
    ['does not wake what is suspended', {}, { state: 'suspended' }, 'CONSENT_INACTIVE'],
    ['does not bring back what was withdrawn', {}, { state: 'withdrawn', endedAt: now }, 'CONSENT_WITHDRAWN'],
    ['is not the other person’s under the same key', { subject: somebodyElse }, {}, 'CONSENT_ID_REUSED'],
  ])('%s', (_what, changes, present, code) => {
    expect(judged(changes, present)).toBe(code);
  });

  it('does not bring a decider back who was excluded', () => {
    expect(judged({}, {}, [somebodyElse])).toBe('DECIDER_EXCLUDED');
  });
});

describe('an open proposal, its person named under a later key', () => {
  const next = `p2.${'N'.repeat(42)}A` as Pseudonym;
  const asked = { hash: `${'H'.repeat(42)}A` as Sha256, payload: proposalOf() };
  const judged = (changes: Partial<ConsentProposal>, state: StoredState = 'requested', at = now): string => {
    const accepted = acceptRenamedProposal(proposalOf({ subject: next, ...changes }), { state, proposal: asked }, at);
    return accepted.ok ? 'accepted' : accepted.error.code;
  };

  it.each<[string, Partial<ConsentProposal>, StoredState, string]>([
    ['is taken word for word', {}, 'requested', 'accepted'],
    ['asks for nothing else', { wanted: grants([11, 12]) }, 'requested', 'CONSENT_ID_REUSED'],
    ['is not somebody else’s under the same key', { subject: somebodyElse }, 'requested', 'CONSENT_ID_REUSED'],
    ['does not ask again what was answered', {}, 'active', 'CONSENT_INACTIVE'],
    ['does not ask again what was denied', {}, 'denied', 'CONSENT_INACTIVE'],
    ['does not ask again what has lapsed', {}, 'lapsed', 'CONSENT_PROPOSAL_LAPSED'],
  ])('%s', (_what, changes, state, code) => {
    expect(judged(changes, state)).toBe(code);
  });

  it('is not taken once its time is over, though nothing was stored of that', () => {
    expect(judged({}, 'requested', new Date(asked.payload.lapsesAt))).toBe('CONSENT_PROPOSAL_LAPSED');
  });
});
