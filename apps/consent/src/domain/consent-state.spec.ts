import { describe, expect, it } from '@jest/globals';
import {
  consentOf,
  county,
  daysLater,
  employmentAuthority,
  kela,
  municipality,
  now,
  recordOf,
} from '../testing/facts.fixture.js';
import { isParty, mayHappen, stateAt } from './consent-state.js';

describe('the state of a consent', () => {
  it.each([
    ['active', consentOf(), 1, now],
    ['superseded', consentOf(recordOf({ version: 2 })), 1, now],
    ['active', consentOf(recordOf({ version: 2 })), 2, now],
    ['not-yet-valid', consentOf(), 1, daysLater(-60)],
    ['expired', consentOf(), 1, daysLater(365)],
    ['withdrawn', consentOf(recordOf(), { state: 'withdrawn' }), 1, now],
    ['withdrawn', consentOf(recordOf({ version: 2 }), { state: 'withdrawn' }), 1, now],
    ['withdrawn', consentOf(recordOf(), { state: 'withdrawn' }), 1, daysLater(-60)],
    ['withdrawn', consentOf(recordOf(), { state: 'withdrawn' }), 1, daysLater(365)],
  ] as const)('is %s', (state, consent, version, at) => {
    expect(stateAt(consent, version, at)).toBe(state);
  });

  it.each([
    ['new-version', 'active', true],
    ['new-version', 'withdrawn', false],
    ['withdraw', 'active', true],
    ['withdraw', 'withdrawn', false],
  ] as const)('%s in state %s: %s', (transition, state, may) => {
    expect(mayHappen(transition, state)).toBe(may);
  });
});

describe('the parties of a consent', () => {
  const record = recordOf({ collectingAgency: employmentAuthority });

  it.each([
    ['who collected it', employmentAuthority, true],
    ['who may ask', municipality, true],
    ['who may disclose', county, true],
    ['nobody else', kela, false],
  ] as const)('%s', (_who, agency, party) => {
    expect(isParty(record, agency)).toBe(party);
  });
});
