import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type AgencyId, agencyId } from '#kernel';
import { loadReferenceData } from '../read-reference-data/load-reference-data.js';
import { type MailboxContact, type Responsibility, type RoutingKey, type RoutingTables, route } from './routing.js';

const reference = loadReferenceData(join(process.cwd(), 'apps/directory/data'));
const DAY = '2026-11-22';
const KAUNIAINEN = '235';
const MARIEHAMN = '478';
const HELSINKI = '091';

const always = { validFrom: '2025-01-01', validTo: null };
const tables = (
  responsibilities: readonly Responsibility[] = [],
  contacts: readonly MailboxContact[] = [],
): RoutingTables => ({ reference, responsibilities, contacts });

const key = (change: Partial<RoutingKey> = {}): RoutingKey => ({
  municipality: KAUNIAINEN,
  duty: 'integration',
  clientGroup: 'outside-labour-force',
  day: DAY,
  ...change,
});

const outcome = (change: Partial<RoutingKey>, given = tables()): string => {
  const answer = route(given, key(change));
  return answer.answers ? `${answer.agency} by ${answer.rule.code}` : answer.reason;
};

const moved = (change: Partial<Responsibility> = {}): Responsibility => ({
  municipality: KAUNIAINEN,
  duty: 'integration',
  clientGroup: null,
  agency: agencyId('K-049'),
  ...always,
  ...change,
});

const contact = (agency: AgencyId, change: Partial<MailboxContact> = {}): MailboxContact => ({
  agency,
  duty: null,
  functionalMailbox: 'kirjaamo@example.org',
  deputy: null,
  telephone: '+358 9 0000000',
  lastConfirmed: '2026-10-01',
  ...always,
  ...change,
});

describe('who answers by statutory default', () => {
  it.each<[string, Partial<RoutingKey>, string]>([
    ['a registered jobseeker', { clientGroup: 'registered-jobseeker' }, 'T-01 by jobseeker'],
    ['somebody outside the labour force', {}, 'K-235 by outside-labour-force'],
    ['social welfare', { duty: 'social-welfare', clientGroup: null }, 'H-03 by county-social-welfare'],
    ['health data, not HUS', { duty: 'health-care', clientGroup: null }, 'H-03 by county-health-care'],
    ['benefits', { duty: 'benefits', clientGroup: null }, 'L-KELA by kela-national'],
    ['housing', { duty: 'housing', clientGroup: null }, 'K-235 by municipality'],
    ['employment services', { duty: 'employment-services', clientGroup: null }, 'T-01 by employment-services'],
  ])('for %s', (_, change, expected) => {
    expect(outcome(change)).toBe(expected);
  });

  it.each<[string, string, string]>([
    ['integration', 'registered-jobseeker', 'T-08 by jobseeker'],
    ['integration', 'outside-labour-force', 'K-091 by outside-labour-force'],
    ['social-welfare', 'outside-labour-force', 'H-90 by county-social-welfare'],
  ])('in Helsinki: %s, %s', (duty, clientGroup, expected) => {
    expect(outcome({ municipality: HELSINKI, duty, clientGroup })).toBe(expected);
  });

  it.each<[string, string, string]>([
    ['integration', 'registered-jobseeker', 'T-46 by jobseeker'],
    ['social-welfare', 'outside-labour-force', 'H-91 by aland-social-welfare'],
    ['health-care', 'outside-labour-force', 'H-91AHS by aland-health-care'],
    ['placement', 'outside-labour-force', 'K-478 by municipality'],
    ['benefits', 'outside-labour-force', 'L-KELA by kela-national'],
  ])('on Åland: %s, %s', (duty, clientGroup, expected) => {
    expect(outcome({ municipality: MARIEHAMN, duty, clientGroup })).toBe(expected);
  });

  it('is exactly one agency for every municipality, duty and client group', () => {
    const unanswered = reference.municipalities.flatMap(({ code: municipality }) =>
      reference.duties.flatMap(({ code: duty }) =>
        reference.clientGroups.filter(({ code: clientGroup }) => {
          const answer = route(tables(), key({ municipality, duty, clientGroup }));
          return !answer.answers;
        }),
      ),
    );
    expect(unanswered).toEqual([]);
  });
});

describe('a client whose job search status is unknown', () => {
  it('is asked about from the employment authority alone, category 7 first', () => {
    const answer = route(tables(), key({ clientGroup: 'status-unknown' }));
    expect(answer).toMatchObject({ answers: true, agency: 'T-01', askFirst: 7 });
  });
});

describe('a contract', () => {
  it('goes before the statutory default', () => {
    expect(outcome({}, tables([moved()]))).toBe('K-049 by contract');
  });

  it('for one client group goes before one for all', () => {
    const rows = [moved(), moved({ clientGroup: 'outside-labour-force', agency: agencyId('K-091') })];
    expect(outcome({}, tables(rows))).toBe('K-091 by contract');
  });

  it.each<[string, Partial<Responsibility>]>([
    ['of another municipality', { municipality: '049' }],
    ['of another duty', { duty: 'housing' }],
    ['of another client group', { clientGroup: 'registered-jobseeker' }],
    ['that has ended', { validTo: '2026-11-21' }],
    ['that has not begun', { validFrom: '2026-11-23' }],
  ])('%s decides nothing', (_, change) => {
    expect(outcome({}, tables([moved(change)]))).toBe('K-235 by outside-labour-force');
  });

  it('still holds on its last day', () => {
    expect(outcome({}, tables([moved({ validTo: DAY })]))).toBe('K-049 by contract');
  });
});

describe('a client without a home municipality', () => {
  it('belongs to the reception centre that the directory names', () => {
    const row = moved({ municipality: null, agency: agencyId('V-OULU') });
    expect(outcome({ municipality: null }, tables([row]))).toBe('V-OULU by reception-centre');
  });

  it('is nobody of the directory where it names none, and it says so', () => {
    expect(outcome({ municipality: null })).toBe('no-home-municipality');
    expect(outcome({ municipality: null, duty: 'social-welfare' })).toBe('no-home-municipality');
  });

  it('is still answered for by Kela', () => {
    expect(outcome({ municipality: null, duty: 'benefits' })).toBe('L-KELA by kela-national');
  });
});

describe('nobody answers', () => {
  it.each<[string, Partial<RoutingKey>, string]>([
    ['for an unknown municipality', { municipality: '999' }, 'municipality-unknown'],
    ['on a day before the municipality is known', { day: '2020-01-01' }, 'municipality-unknown'],
    ['for an unknown duty', { duty: 'taxes' }, 'duty-unknown'],
    ['for an unknown client group', { clientGroup: 'tourists' }, 'client-group-unknown'],
    ['while the client group is not told', { clientGroup: null }, 'client-group-needed'],
  ])('%s', (_, change, reason) => {
    expect(outcome(change)).toBe(reason);
  });

  it('comes with advice in all three languages', () => {
    const answer = route(tables(), key({ municipality: '999' }));
    const { fi, sv, en } = answer.answers ? { fi: '', sv: '', en: '' } : answer.advice;
    expect([fi, sv, en].every((text) => text.length > 10)).toBe(true);
  });
});

describe('the contact of the agency that answers', () => {
  const contactIn = (contacts: readonly MailboxContact[]) => {
    const answer = route(tables([], contacts), key());
    return answer.answers ? (answer.contact?.functionalMailbox ?? null) : undefined;
  };
  const kauniainen = agencyId('K-235');

  it('is the one of the duty before the general one', () => {
    const general = contact(kauniainen);
    const special = contact(kauniainen, { duty: 'integration', functionalMailbox: 'koto@example.org' });
    expect([contactIn([general, special]), contactIn([general])]).toEqual(['koto@example.org', 'kirjaamo@example.org']);
  });

  it('is none when nobody has named one, or it has ended', () => {
    expect([contactIn([]), contactIn([contact(kauniainen, { validTo: '2026-01-01' })])]).toEqual([null, null]);
  });
});
