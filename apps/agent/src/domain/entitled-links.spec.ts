import { describe, expect, it } from '@jest/globals';
import { type ConsentRecord, grantEach, type SubjectLink } from '#envelope';
import { type AgencyId, agencyId, newConsentId, newEventId, type Pseudonym } from '#kernel';
import { entitledLinks } from './entitled-links.js';

const person = (letter: string): Pseudonym => `p1.${letter.repeat(42)}A` as Pseudonym;
const [earlier, later, other] = [person('A'), person('B'), person('C')];
const [municipality, county, kela] = [agencyId('K-235'), agencyId('H-03'), agencyId('L-KELA')];

const about = (subject: Pseudonym): ConsentRecord => ({
  v: 1,
  id: newConsentId(),
  version: 1,
  subject,
  standing: 'adult',
  deciders: [{ role: 'self' }],
  collectingAgency: municipality,
  grants: grantEach([12], { disclosers: [county], recipients: [municipality] }),
  purposes: ['plan'],
  uses: { kind: 'repeated' },
  validFrom: '2026-01-01T00:00:00Z',
  validUntil: '2027-01-01T00:00:00Z',
  method: 'written',
  interpreter: false,
  language: 'fi',
  noticeVersion: '1',
  collectedAt: '2026-01-01T00:00:00Z',
});
const link = (agency: AgencyId): SubjectLink => ({
  v: 1,
  subject: later,
  earlier,
  agency,
  worker: 'w-1',
  jti: newEventId(),
  iat: 1,
});

describe('a link between two numbers', () => {
  it.each([
    ['the collecting agency', municipality],
    ['a discloser', county],
  ])('counts when told by %s of a consent about either', (_who, agency) => {
    for (const subject of [earlier, later]) expect(entitledLinks([link(agency)], [about(subject)])).toHaveLength(1);
  });

  it('does not count when told by somebody who is no party, or a party of somebody else’s consent', () => {
    expect(entitledLinks([link(kela)], [about(earlier)])).toEqual([]);
    expect(entitledLinks([link(municipality)], [about(other)])).toEqual([]);
    expect(entitledLinks([link(municipality)], [])).toEqual([]);
  });
});
