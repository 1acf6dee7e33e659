import { describe, expect, it } from '@jest/globals';
import { compileCategorySchemas, findCategory } from '#catalogue';
import { referenceCatalogue } from './catalogue.fixture.js';
import type { Draft } from './draft-rules.js';
import { narrowed, tellsWhere } from './narrow-for-protected.js';

const catalogue = referenceCatalogue();
const check = compileCategorySchemas(catalogue.schemas);
const narrow = (number: number, content: Record<string, unknown>): Draft =>
  narrowed(
    { outcome: 'given', content, asOf: '2026-11-25', source: 'register' },
    findCategory(catalogue.categories, number, '2026-11-25'),
    (rest) => check(number, rest).ok,
  );

describe('what is drafted about somebody with a turvakielto', () => {
  it.each([
    [
      'no address',
      1,
      { name: { family: 'Testi', given: 'Aino' }, phone: '+358 9 816 2000', contactAddress: { street: 'Katu 1' } },
      { name: { family: 'Testi', given: 'Aino' }, phone: '+358 9 816 2000' },
    ],
    ['no municipality', 2, { permitType: 'continuous', municipality: '235' }, { permitType: 'continuous' }],
    [
      'no organiser of a service, wherever it stands in the list',
      4,
      { status: 'valid', services: [{ title: 'Kurssi', organiser: 'Opisto' }, { title: 'Ohjaus' }] },
      { status: 'valid', services: [{ title: 'Kurssi' }, { title: 'Ohjaus' }] },
    ],
  ])('has %s', (_, number, content, rest) => {
    expect(narrow(number, content)).toEqual({
      outcome: 'given',
      content: rest,
      asOf: '2026-11-25',
      source: 'register',
    });
  });

  it('is whole where the category tells nothing of the place', () => {
    const content = { benefits: [{ benefit: 'housing-allowance', status: 'pending' }] };
    expect(narrow(9, content)).toMatchObject({ outcome: 'given', content });
  });

  it('is refused without naming why where nothing useful is left: the school', () => {
    expect(narrow(14, { place: 'Koulu', kind: 'school' })).toEqual({ outcome: 'refused', reason: 'legal-impediment' });
  });

  it('stays a refusal or a lawful no', () => {
    const none: Draft = { outcome: 'no-record', asOf: '2026-11-25', source: 'register' };
    expect(narrowed(none, findCategory(catalogue.categories, 1, '2026-11-25'), () => true)).toEqual(none);
  });

  it('is recognised in what a person wrote by hand', () => {
    const category = findCategory(catalogue.categories, 4, '2026-11-25');
    expect(tellsWhere({ status: 'valid', services: [{ title: 'Kurssi', organiser: 'Opisto' }] }, category)).toBe(true);
    expect(tellsWhere({ status: 'valid', services: [{ title: 'Kurssi' }] }, category)).toBe(false);
  });
});
