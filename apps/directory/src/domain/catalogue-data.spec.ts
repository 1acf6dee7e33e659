import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { deadlineFor } from '#calendar';
import {
  type StatuteQuestion,
  categoriesAllow,
  compileCategorySchemas,
  findDeadline,
  findStatute,
  statuteCovers,
} from '#catalogue';
import { type PartyKind, unwrap } from '#kernel';
import { loadReferenceData } from '../read-reference-data/load-reference-data.js';

const { catalogue, municipalities } = loadReferenceData(join(process.cwd(), 'apps/directory/data'));
const DAY = '2026-11-22';

const mayAsk = (asker: PartyKind, holder: PartyKind, numbers: readonly number[]): string => {
  const result = categoriesAllow(catalogue.categories, numbers, { asker, holder, day: DAY });
  return result.ok ? 'allowed' : result.error.code;
};

const covers = (id: string, change: Partial<StatuteQuestion>): string => {
  const question: StatuteQuestion = {
    effect: 'secrecyLift',
    asker: 'K',
    holder: 'H',
    territories: ['mainland', 'mainland'],
    categories: [11],
    purpose: 'plan',
    day: DAY,
    ...change,
  };
  const result = statuteCovers(findStatute(catalogue.statutes, id, question.day), question);
  return result.ok ? 'covered' : result.error.code;
};

describe('who may ask whom', () => {
  it.each<[PartyKind, PartyKind, number[], string]>([
    ['K', 'H', [11, 12, 13], 'allowed'],
    ['K', 'L', [9], 'allowed'],
    ['K', 'T', [4], 'allowed'],
    ['L', 'T', [4], 'allowed'],
    ['H', 'K', [15], 'allowed'],
    ['K', 'H', [15], 'allowed'],
    ['K', 'K', [15], 'CATEGORY_NOT_HELD'],
    ['K', 'H', [9], 'CATEGORY_NOT_HELD'],
    ['L', 'H', [12], 'CATEGORY_NOT_HELD'],
    ['T', 'K', [14], 'CATEGORY_NOT_HELD'],
    ['K', 'T', [17], 'CATEGORY_UNKNOWN'],
  ])('%s asks %s for %j: %s', (asker, holder, numbers, expected) => {
    expect(mayAsk(asker, holder, numbers)).toBe(expected);
  });
});

describe('the present Act', () => {
  const act = '681/2023-87';

  it.each<[string, Partial<StatuteQuestion>, string]>([
    ['the need for social services from the county', {}, 'covered'],
    ['housing that the county has second-hand', { categories: [11, 13] }, 'covered'],
    ['benefits from Kela', { holder: 'L', categories: [9] }, 'covered'],
    ['a plan from the employment authority', { holder: 'T', categories: [4] }, 'covered'],
    ['consultation of the county', { categories: [15], purpose: 'consultation' }, 'covered'],
    ['functional ability: only by consent', { categories: [12] }, 'STATUTE_NOT_APPLICABLE'],
    ['the same for cost reimbursement', { purpose: 'cost-reimbursement' }, 'STATUTE_NOT_APPLICABLE'],
    ['the same on Åland, which has an Act of its own', { territories: ['aland', 'aland'] }, 'STATUTE_NOT_APPLICABLE'],
    ['the same between the mainland and Åland', { territories: ['mainland', 'aland'] }, 'STATUTE_NOT_APPLICABLE'],
    ['anything before it was in force', { day: '2024-12-31' }, 'STATUTE_UNKNOWN'],
  ])('%s', (_, change, expected) => {
    expect(covers(act, change)).toBe(expected);
  });

  it('is followed from the old one without a gap', () => {
    expect(covers('1386/2010-87', { day: '2024-12-31' })).toBe('covered');
    expect(covers('1386/2010-87', { day: '2025-01-01' })).toBe('STATUTE_UNKNOWN');
    expect(covers(act, { day: '2025-01-01' })).toBe('covered');
  });

  it('needs no help from article 6, which grounds processing but lifts no secrecy', () => {
    expect(covers('2016/679-6.1.e', { effect: 'processing', categories: [11, 12, 13] })).toBe('covered');
    expect(covers('2016/679-6.1.e', { effect: 'secrecyLift' })).toBe('STATUTE_NOT_APPLICABLE');
  });
});

describe('no provision of the catalogue', () => {
  it('lifts secrecy for functional ability, child home care or early education, unless the client asks', () => {
    const lifting = catalogue.statutes.filter(
      ({ effects, scopes }) =>
        effects.includes('secrecyLift') &&
        scopes.some(
          ({ categories, purposes }) =>
            categories.some((n) => [10, 12, 14].includes(n)) && purposes.some((code) => code !== 'own-request'),
        ),
    );
    expect(lifting).toEqual([]);
  });

  it('lifts secrecy between a pair that the table of categories does not know', () => {
    const impossible = catalogue.statutes
      .filter(({ effects, validTo }) => effects.includes('secrecyLift') && validTo === null)
      .flatMap(({ id, scopes }) =>
        scopes.flatMap(({ askers, holders, categories }) =>
          categories
            .filter((number) => askers.every((a) => holders.every((h) => mayAsk(a, h, [number]) !== 'allowed')))
            .map((number) => `${id}: ${askers.join('')} from ${holders.join('')}, ${number}`),
        ),
      );
    expect(impossible).toEqual([]);
  });
});

describe('deadlines', () => {
  it.each([
    ['urgent', '2026-11-24T21:59:59.000Z'],
    ['consultation', '2026-11-30T21:59:59.000Z'],
    ['normal', '2026-11-30T21:59:59.000Z'],
    ['outer-limit', '2026-12-07T21:59:59.000Z'],
    ['outer-limit-secret', '2026-12-23T21:59:59.000Z'],
    ['breach-notice', '2026-11-26T10:00:00.000Z'],
  ])('%s from a Monday', (code, expected) => {
    const deadline = unwrap(findDeadline(catalogue.deadlines, code, DAY));
    expect(deadlineFor(deadline, new Date('2026-11-23T10:00:00Z')).toISOString()).toBe(expected);
  });
});

const fitting: readonly (readonly [number, unknown])[] = [
  [1, { name: { family: 'Testi', given: 'Aino' }, phone: '+358 40 0000000', contactAddress: { street: 'Koekatu 1' } }],
  [2, { permitType: 'continuous', firstDate: '2025-03-01', expiry: null, municipality: '235' }],
  [2, { permitType: 'temporary', municipality: null, secondHand: true, firstHandSource: 'Maahanmuuttovirasto' }],
  [3, { made: false }],
  [3, { made: true, date: '2026-01-15', authority: 'Kauniainen', literacy: 'literate', needs: ['kielikoulutus'] }],
  [4, { status: 'none' }],
  [4, { status: 'valid', start: '2026-02-01', end: '2027-01-31', services: [{ title: 'Kotoutumiskoulutus' }] }],
  [5, { skills: [{ language: 'fi', level: 'A2.1', testDate: '2026-05-05' }] }],
  [6, { studies: [{ level: 'master', country: 'UA', recognition: 'pending' }] }],
  [7, { status: 'ended', from: '2025-01-01', ended: { on: '2026-01-01', reason: 'employed' } }],
  [
    8,
    {
      participations: [{ kind: 'integration-training', from: '2026-01-10', attendancePercent: 90, result: 'ongoing' }],
    },
  ],
  [9, { benefits: [{ benefit: 'housing-allowance', status: 'pending' }] }],
  [10, { allowance: { status: 'granted', period: { from: '2026-01-01' } }, numberOfChildren: 2 }],
  [11, { client: true, ownWorker: 'S. Työntekijä', phone: '09 000000', agreedServices: ['Sosiaaliohjaus'] }],
  [11, { client: false }],
  [12, { practicalLimits: [{ limit: 'osa-aikainen opiskelu', until: '2027-05-31' }], interpreterNeeded: true }],
  [13, { situation: 'rental', dateOfMove: '2026-03-01' }],
  [14, { place: 'Päiväkoti Kokeilu', start: '2026-08-10' }],
  [15, { concerns: 'agreement', numberOfPersons: 20, availability: 'partly' }],
  [16, { language: 'ku', dialect: 'soranî', mode: 'telephone' }],
];

const unfit: readonly (readonly [string, number, unknown])[] = [
  ['an unknown field', 1, { name: { family: 'Testi', given: 'Aino' }, identityCode: '010190-900C' }],
  ['a municipality code without its zero', 2, { permitType: 'continuous', municipality: '91' }],
  ['a source without the second-hand mark', 2, { permitType: 'none', firstHandSource: 'Maahanmuuttovirasto' }],
  ['an assessment made by nobody', 3, { made: true, date: '2026-01-15' }],
  ['an assessment not made but with needs', 3, { made: false, needs: ['kielikoulutus'] }],
  ['no plan but a start', 4, { status: 'none', start: '2026-01-01' }],
  ['a level outside the scale', 5, { skills: [{ language: 'fi', level: 'D1' }] }],
  ['a job search that goes on but has ended', 7, { status: 'registered', ended: { on: '2026-01-01' } }],
  ['more than full attendance', 8, { participations: [{ kind: 'other', from: '2026-01-01', attendancePercent: 101 }] }],
  ['no benefit, which no-record says', 9, { benefits: [] }],
  ['euros', 9, { benefits: [{ benefit: 'pension', status: 'granted', decisionDate: '2026-01-01', euros: 800 }] }],
  ['a granted benefit without the day of decision', 9, { benefits: [{ benefit: 'pension', status: 'granted' }] }],
  ['no client but a worker', 11, { client: false, ownWorker: 'S. Työntekijä' }],
  ['a diagnosis', 12, { diagnosis: 'F32' }],
  ['a case text', 12, { practicalLimits: [{ limit: 'x'.repeat(161) }] }],
  ['nothing', 12, {}],
  ['several persons where one is meant', 15, { concerns: 'person', numberOfPersons: 4 }],
  ['a language that is no code', 16, { language: 'Kurdish' }],
];

describe('schemas of the categories', () => {
  const check = compileCategorySchemas(catalogue.schemas);
  const judge = (category: number, content: unknown): string => {
    const result = check(category, content);
    return result.ok ? 'fits' : result.error.code;
  };

  it.each(fitting)('take what category %i is for (%#)', (category, content) => {
    expect(judge(category, content)).toBe('fits');
  });

  it.each(unfit)('refuse %s in category %i', (_, category, content) => {
    expect(judge(category, content)).toBe('SCHEMA_INVALID');
  });

  it('are tried out here for every category', () => {
    expect(new Set(fitting.map(([category]) => category)).size).toBe(16);
  });

  it('refuse an unknown field at the top of every category', () => {
    for (const [category, content] of fitting) {
      expect(judge(category, { ...(content as object), undocumented: true })).toBe('SCHEMA_INVALID');
    }
  });
});

describe('Åland', () => {
  const [aland] = catalogue.territories;

  it('has the municipalities that lie there, and the authorities of its own administration', () => {
    const there = municipalities.filter(({ county }) => county === '91').map(({ code }) => `K-${code}`);
    expect(aland?.agencies).toEqual([...there, 'T-46', 'H-91', 'H-91AHS']);
  });

  it('has no provision that lifts secrecy and is confirmed: there a consent is asked for', () => {
    const question = { territories: ['aland', 'aland'], categories: [4], asker: 'K', holder: 'T' } as const;
    expect(covers('AX-2012:74', question)).toBe('STATUTE_NOT_APPLICABLE');
  });
});

describe("the client's own request", () => {
  it('needs no consent, whatever the category', () => {
    expect(covers('2016/679-15', { purpose: 'own-request', categories: [11, 12] })).toBe('covered');
  });

  it('is no way around the consent for another purpose', () => {
    expect(covers('2016/679-15', { purpose: 'plan' })).toBe('STATUTE_NOT_APPLICABLE');
  });
});
