import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { compileCategorySchemas, parseCatalogue, serializeCatalogue } from '#catalogue';
import { AppError, unwrap } from '#kernel';
import { statutoryAgencies } from '../domain/agencies.js';
import { isBusinessId } from '../infra/business-id.js';
import { municipalityName } from '../domain/display-name.js';
import { loadReferenceData } from './load-reference-data.js';
import { buildReferenceData } from './reference-data.js';

const folder = join(process.cwd(), 'apps/directory/data');
const data = loadReferenceData(folder);
const TODAY = '2026-11-22';

const read = (changed: Readonly<Record<string, (text: string) => string | undefined>>) => (path: string) => {
  const text = readFileSync(join(folder, path), 'utf8');
  return path in changed ? changed[path]?.(text) : text;
};

function violationsOf(changed: Readonly<Record<string, (text: string) => string | undefined>>): readonly string[] {
  try {
    buildReferenceData(read(changed));
  } catch (error) {
    if (error instanceof AppError && error.code === 'CONFIG_INVALID') {
      return error.details['violations'] as readonly string[];
    }
    throw error;
  }
  return [];
}

describe('the reference data of the release', () => {
  it.each([
    ['municipalities', 308],
    ['counties', 23],
    ['employmentAreas', 46],
    ['regions', 19],
    ['vitalityCentres', 10],
    ['kelaServiceAreas', 5],
  ] as const)('has all %s', (list, count) => {
    expect(data[list]).toHaveLength(count);
  });

  it('has the 16 information categories in their order, each with a schema', () => {
    const { categories, schemas } = data.catalogue;
    expect(categories.map(({ number }) => number)).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
    expect(Object.keys(schemas)).toHaveLength(16);
  });

  it('has no file that nothing reads', () => {
    const reads = new Set<string>();
    buildReferenceData((path) => {
      reads.add(path);
      return readFileSync(join(folder, path), 'utf8');
    });
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => statSync(join(folder, path)).isFile() && path !== 'README.md')
      .sort();
    expect(files).toEqual([...reads].sort());
  });

  it('keeps the zeros of municipality codes', () => {
    expect(data.municipalities.find(({ nameFi }) => nameFi === 'Alajärvi')?.code).toBe('005');
  });

  it('places Kauniainen in Länsi-Uusimaa and in the employment area of Espoo', () => {
    expect(data.municipalities.find(({ code }) => code === '235')).toMatchObject({
      county: '03',
      employmentArea: '01',
    });
  });

  it('gives Helsinki all three roles', () => {
    const helsinki = data.organisations.find(({ names }) => names.sv === 'Helsingfors stad');
    expect(helsinki?.units).toEqual(['K-091', 'T-08', 'H-90']);
  });

  it('has a valid Y-tunnus for every organisation', () => {
    expect(data.organisations.filter(({ businessId }) => !isBusinessId(businessId))).toEqual([]);
  });

  it('marks the unconfirmed information rights of the present Act', () => {
    expect(data.catalogue.statutes.find(({ id }) => id === '681/2023-87')).toMatchObject({
      confirmed: false,
      validFrom: '2025-01-01',
      validTo: null,
    });
  });

  it('ends the old Act on the day before the present one begins', () => {
    expect(data.catalogue.statutes.find(({ id }) => id === '1386/2010-87')?.validTo).toBe('2024-12-31');
  });

  it('has each purpose and refusal reason under its code', () => {
    expect(data.catalogue.purposes.map(({ code }) => code)).toEqual([
      'assessment',
      'plan',
      'coordination',
      'responsibility-change',
      'move',
      'consultation',
      'cost-reimbursement',
      'guidance',
      'own-request',
    ]);
    expect(data.catalogue.refusalReasons.map(({ code }) => code)).toEqual([
      'no-basis',
      'consent-missing',
      'consent-withdrawn',
      'consent-expired',
      'consent-too-narrow',
      'not-holder',
      'not-disclosed',
      'too-broad',
      'legal-impediment',
      'custodian-conflict',
      'danger',
      'unclear',
    ]);
  });

  it('never names a turvakielto in what a refusal says or cites', () => {
    const said = data.catalogue.refusalReasons.map(({ names, texts, provisions }) => [names, texts, provisions]);
    expect(JSON.stringify(said)).not.toMatch(/turvakiel|spärrmarker|non-disclosure for personal|24\.1\.31/i);
  });

  it('has a person decide in every category of sensitivity 3 and on social welfare', () => {
    const decided = data.catalogue.categories.filter(({ decides }) => decides).map(({ number }) => number);
    expect(decided).toEqual([10, 11, 12, 14, 15]);
  });

  it('is frozen to the bottom', () => {
    expect(Object.isFrozen(data.catalogue.statutes[0]?.scopes[0]?.askers)).toBe(true);
  });

  it('carries the catalogue through the JSON of a snapshot unchanged', () => {
    expect(unwrap(parseCatalogue(serializeCatalogue(data.catalogue)))).toEqual(data.catalogue);
  });

  it('compiles every schema in strict mode', () => {
    expect(() => compileCategorySchemas(data.catalogue.schemas)).not.toThrow();
  });

  it('lists one agency for each municipality, area and county, and the ones with names of their own', () => {
    const ids = statutoryAgencies(data, TODAY).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(308 + 46 + 23 + 10 + 5);
    expect(ids).toEqual(expect.arrayContaining(['K-235', 'T-01', 'H-03', 'L-KELA', 'H-91AHS', 'E-01', 'M-MIGRI']));
  });

  it('names the employment authority of Åland AMS, in Swedish only', () => {
    const ams = statutoryAgencies(data, TODAY).find(({ id }) => id === 'T-46');
    expect(ams).toMatchObject({ kind: 'T', languages: ['sv'] });
    expect(ams?.names.sv).toContain('AMS');
  });

  it('serves in both languages where municipalities are bilingual, the majority first', () => {
    const languages = new Map<string, unknown>(
      statutoryAgencies(data, TODAY).map(({ id, languages: served }) => [id, served]),
    );
    expect(languages.get('K-235')).toEqual(['fi', 'sv']);
    expect(languages.get('H-17')).toEqual(['sv', 'fi']);
    expect(languages.get('H-06')).toEqual(['fi']);
  });
});

describe('names of municipalities', () => {
  const name = (code: string, language: 'fi' | 'sv' | 'en') => {
    const municipality = data.municipalities.find((candidate) => candidate.code === code);
    return municipality && municipalityName(municipality, language);
  };

  it.each(['fi', 'sv', 'en'] as const)('shows Pedersören kunta as Pedersöre (%s)', (language) => {
    expect(name('599', language)).toBe('Pedersöre');
  });

  it('uses the Finnish name for a Finnish-only municipality in Swedish too', () => {
    expect(name('837', 'sv')).toBe('Tampere');
  });

  it('uses both names of a bilingual municipality', () => {
    expect([name('235', 'fi'), name('235', 'sv'), name('235', 'en')]).toEqual([
      'Kauniainen',
      'Grankulla',
      'Kauniainen',
    ]);
  });

  it('calls a Swedish-speaking municipality by its Swedish name in English', () => {
    expect(name('478', 'en')).toBe('Mariehamn');
  });
});

describe('broken reference data', () => {
  it('is refused with every error at once', () => {
    const violations = violationsOf({
      'municipalities-2026.csv': (text) => text.replace('\n005,', '\n5,').replace(',fi-sv,', ',fr,'),
      'purposes.json': (text) => text.replace('"confirmed": true', '"confirmed": "yes"'),
      'duties.json': () => 'no json',
      'counties.csv': () => undefined,
    });
    expect(violations).toEqual(
      expect.arrayContaining([
        'municipalities-2026.csv row 2: code is not as documented',
        expect.stringContaining('language_class is none of'),
        'purposes/0/confirmed: type',
        'duties.json: not JSON',
        'counties.csv: has no rows',
      ]),
    );
  });

  it.each([
    ['a municipality in no county', 'municipalities-2026.csv', ',14,16,18,', ',14,77,18,', /county 77 does not exist/],
    ['a provision for no category', 'statutes.json', '"categories": [15]', '"categories": [17]', /category 17/],
    [
      'a refusal with no such provision',
      'refusal-reasons.json',
      '434/2003-21',
      '434/2003-99',
      /provision 434\/2003-99/,
    ],
    ['a wrong check digit', 'organisations.json', '0203026-2', '0203026-3', /check digit/],
    ['a duty that nobody answers for', 'routing-rules.json', '"housing"', '"placement"', /routing|uniqueItems/],
    ['a category with an unknown duty', 'categories.json', '"duty": "housing"', '"duty": "homes"', /duty homes/],
    ['a county twice', 'counties.csv', '\n02,', '\n01,', /counties 01: two records are in force/],
  ])('is refused: %s', (_, file, from, to, violation) => {
    expect(violationsOf({ [file]: (text) => text.replace(from, to) })).toContainEqual(expect.stringMatching(violation));
  });

  it('is refused with a schema that strict mode does not accept', () => {
    const violations = violationsOf({
      'schemas/09-benefits.v1.json': (text) => text.replace('"maxItems"', '"maxItmes"'),
    });
    expect(violations).toContainEqual(expect.stringContaining('schemas/09-benefits.v1.json'));
  });
});
