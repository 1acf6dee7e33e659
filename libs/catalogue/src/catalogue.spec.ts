import { describe, expect, it } from '@jest/globals';
import { agencyId } from '#kernel';
import { type Catalogue, catalogueViolations, parseCatalogue, serializeCatalogue } from './catalogue.js';
import { findDeadline, findNecessityTemplate, findPurpose, findRefusalReason } from './lists.js';

const names = { fi: 'Nimi', sv: 'Namn', en: 'Name' };
const dated = { validFrom: '2025-01-01', validTo: null, confirmed: true, source: 'test' };
const catalogue: Catalogue = {
  categories: [
    {
      number: 9,
      slug: 'benefits',
      schema: 'schemas/09-benefits.v1.json',
      names,
      describes: names,
      holders: ['L'],
      secondHandHolders: [],
      askers: ['K'],
      betweenKindsOnly: false,
      sensitivity: 2,
      decides: false,
      duty: 'benefits',
      firstLook: { L: 'Kelmu' },
      ...dated,
    },
  ],
  purposes: [{ code: 'plan', names, ...dated }],
  refusalReasons: [
    { code: 'no-basis', names, texts: names, provisions: ['1/2020-5'], namesHolder: false, delayed: false, ...dated },
  ],
  territories: [
    {
      code: 'aland',
      names: { fi: 'Ahvenanmaa', sv: 'Åland', en: 'Åland' },
      agencies: [agencyId('K-478')],
      validFrom: '1993-01-01',
      validTo: null,
      confirmed: true,
      source: 'test',
    },
  ],
  statutes: [
    {
      id: '1/2020-5',
      version: 1,
      act: { fi: 'Laki', sv: 'Lag' },
      section: '5 §',
      names: { fi: 'Oikeus', sv: 'Rätt' },
      territory: 'mainland',
      effects: ['secrecyLift'],
      scopes: [{ askers: ['K'], holders: ['L'], categories: [9], purposes: ['plan'] }],
      ...dated,
    },
  ],
  deadlines: [
    {
      code: 'normal',
      names,
      length: { unit: 'days', count: 7 },
      endsOnWorkingDay: true,
      setBy: 'law',
      provision: '1/2020-5',
      ...dated,
    },
  ],
  necessityTemplates: [{ category: 9, purpose: 'plan', texts: names, ...dated }],
  schemas: { 9: { type: 'object' } },
};

describe('a catalogue', () => {
  it('goes through JSON unchanged', () => {
    expect(parseCatalogue(serializeCatalogue(catalogue))).toEqual({ ok: true, value: catalogue });
  });

  it.each(['', '[]', 'null', '{}', '{"schemas":{}}'])('is not %j', (json) => {
    const result = parseCatalogue(json);
    expect(result.ok ? 'parsed' : result.error.code).toBe('CONFIG_INVALID');
  });

  it('tells every name that leads nowhere', () => {
    const broken: Catalogue = { ...catalogue, purposes: [{ code: 'move', names, ...dated }], schemas: {} };
    expect(catalogueViolations(broken)).toEqual([
      'categories 9: its schema is not in the catalogue',
      'statutes 1/2020-5: purpose plan is not in the catalogue',
      'necessityTemplates 9 plan: the purpose is not in the catalogue',
    ]);
  });

  it('may replace a record on the day after it ends, not before', () => {
    const [purpose] = catalogue.purposes;
    const two = (validTo: string): Catalogue => ({
      ...catalogue,
      purposes: [
        { ...purpose!, validTo },
        { ...purpose!, validFrom: '2026-01-01' },
      ],
    });
    expect(catalogueViolations(two('2025-12-31'))).toEqual([]);
    expect(catalogueViolations(two('2026-01-01'))).toEqual(['purposes plan: two records are in force on the same day']);
  });

  it('has no record that ends before it begins', () => {
    const [purpose] = catalogue.purposes;
    expect(catalogueViolations({ ...catalogue, purposes: [{ ...purpose!, validTo: '2024-01-01' }] })).toEqual([
      'purposes plan: ends before it begins',
    ]);
  });
});

describe('looking up by code and day', () => {
  const code = (result: { ok: true } | { ok: false; error: { code: string } }) =>
    result.ok ? 'found' : result.error.code;

  it('finds what is in force', () => {
    expect(code(findPurpose(catalogue.purposes, 'plan', '2026-01-01'))).toBe('found');
    expect(code(findDeadline(catalogue.deadlines, 'normal', '2026-01-01'))).toBe('found');
    expect(findRefusalReason(catalogue.refusalReasons, 'no-basis', '2026-01-01')).toBeDefined();
    expect(findNecessityTemplate(catalogue.necessityTemplates, 9, 'plan', '2026-01-01')).toBeDefined();
  });

  it('finds nothing before that day or under another code', () => {
    expect(code(findPurpose(catalogue.purposes, 'plan', '2024-01-01'))).toBe('PURPOSE_UNKNOWN');
    expect(code(findDeadline(catalogue.deadlines, 'soon', '2026-01-01'))).toBe('DEADLINE_INVALID');
    expect(findRefusalReason(catalogue.refusalReasons, 'danger', '2026-01-01')).toBeUndefined();
  });
});
