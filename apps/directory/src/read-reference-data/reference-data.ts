import {
  type Catalogue,
  type CategorySchema,
  type Validity,
  catalogueViolations,
  compileCategorySchemas,
  validityViolations,
} from '#catalogue';
import { AppError } from '#kernel';
import { allAgencyIds } from '../domain/agencies.js';
import { isBusinessId } from '../infra/business-id.js';
import { listChecks } from './reference-lists.js';
import type { Area, ReferenceData } from '../domain/reference-records.js';
import { readAreas, readCountries, readLanguages, readMunicipalities } from './reference-tables.js';

/** File of each part of the reference data, below `apps/directory/data`. */
export const referenceFiles = {
  municipalities: 'municipalities-2026.csv',
  counties: 'counties.csv',
  employmentAreas: 'employment-areas.csv',
  regions: 'regions.csv',
  vitalityCentres: 'vitality-centres.csv',
  kelaServiceAreas: 'kela-service-areas.csv',
  countries: 'countries.csv',
  languages: 'languages.csv',
  duties: 'duties.json',
  clientGroups: 'client-groups.json',
  routingRules: 'routing-rules.json',
  aliases: 'aliases.json',
  namedAgencies: 'named-agencies.json',
  organisations: 'organisations.json',
  categories: 'categories.json',
  purposes: 'purposes.json',
  refusalReasons: 'refusal-reasons.json',
  statutes: 'statutes.json',
  territories: 'territories.json',
  deadlines: 'deadlines.json',
  necessityTemplates: 'necessity-templates.json',
} as const;

type Report = (violation: string) => void;

/** The text of a file by its path below the data folder; undefined when there is none. */
export type ReadText = (path: string) => string | undefined;

function readJson(read: ReadText, file: string, report: Report): unknown {
  const text = read(file);
  if (text === undefined) {
    report(`${file}: missing`);
    return [];
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    report(`${file}: not JSON`);
    return [];
  }
}

function readList<K extends keyof typeof listChecks>(read: ReadText, key: K, report: Report): ReferenceData[K] {
  const value = readJson(read, referenceFiles[key], report);
  const violations = listChecks[key](value);
  violations.forEach(report);
  return (violations.length === 0 ? value : []) as ReferenceData[K];
}

function compiles(schemas: Readonly<Record<string, CategorySchema>>, report?: Report): boolean {
  try {
    compileCategorySchemas(schemas);
    return true;
  } catch (error) {
    report?.(error instanceof Error ? error.message : 'not a JSON Schema');
    return false;
  }
}

function readSchemas(read: ReadText, categories: unknown, report: Report): Record<string, CategorySchema> {
  const files = (Array.isArray(categories) ? categories : []).filter(
    (category): category is { number: number; schema: string } =>
      typeof category === 'object' && category !== null && 'number' in category && 'schema' in category,
  );
  const schemas: Record<string, CategorySchema> = {};
  for (const { number, schema } of files) schemas[String(number)] = readJson(read, schema, report) as CategorySchema;
  if (!compiles(schemas)) {
    // One by one, so that each broken file is told and not the first alone.
    for (const { number, schema } of files) {
      compiles({ [String(number)]: schemas[String(number)] ?? {} }, (reason) => report(`${schema}: ${reason}`));
    }
  }
  return schemas;
}

function readCatalogue(read: ReadText, report: Report): Catalogue {
  const categories = readJson(read, referenceFiles.categories, report);
  const catalogue = {
    categories,
    purposes: readJson(read, referenceFiles.purposes, report),
    refusalReasons: readJson(read, referenceFiles.refusalReasons, report),
    statutes: readJson(read, referenceFiles.statutes, report),
    territories: readJson(read, referenceFiles.territories, report),
    deadlines: readJson(read, referenceFiles.deadlines, report),
    necessityTemplates: readJson(read, referenceFiles.necessityTemplates, report),
    schemas: readSchemas(read, categories, report),
  } as Catalogue;
  catalogueViolations(catalogue).forEach(report);
  return catalogue;
}

function reportUniqueness(data: ReferenceData, report: Report): void {
  const areas = ['counties', 'employmentAreas', 'regions', 'vitalityCentres', 'kelaServiceAreas'] as const;
  const coded = ['duties', 'clientGroups', 'routingRules', 'aliases', 'municipalities', ...areas] as const;
  for (const list of coded) {
    const records: readonly (Validity & { readonly code: string })[] = data[list];
    validityViolations(list, records, ({ code }) => code).forEach(report);
  }
  validityViolations('namedAgencies', data.namedAgencies, ({ id }) => id).forEach(report);
  validityViolations('organisations', data.organisations, ({ businessId }) => businessId).forEach(report);
  const twice = (list: string, codes: readonly string[]) =>
    codes.filter((code, index) => codes.indexOf(code) !== index).forEach((code) => report(`${list} ${code}: twice`));
  twice(
    'countries',
    data.countries.map(({ alpha2 }) => alpha2),
  );
  twice(
    'languages',
    data.languages.map(({ code }) => code),
  );
  twice(
    'organisations: unit',
    data.organisations.flatMap(({ units }) => units),
  );
}

function reportUnknownCodes(data: ReferenceData, report: Report): void {
  const known = (records: readonly { readonly code: string }[]) => new Set(records.map(({ code }) => code));
  const expect = (place: string, what: string, code: string, codes: ReadonlySet<string>) => {
    if (!codes.has(code)) report(`${place}: ${what} ${code} does not exist`);
  };
  const columns: readonly (readonly [keyof ReferenceData['municipalities'][number], readonly Area[]])[] = [
    ['region', data.regions],
    ['county', data.counties],
    ['employmentArea', data.employmentAreas],
    ['vitalityCentre', data.vitalityCentres],
    ['kelaServiceArea', data.kelaServiceAreas],
  ];
  for (const [column, areas] of columns) {
    const codes = known(areas);
    for (const municipality of data.municipalities) {
      expect(`municipality ${municipality.code}`, column, String(municipality[column]), codes);
    }
  }
  const duties = known(data.duties);
  const groups = known(data.clientGroups);
  const agencies: ReadonlySet<string> = allAgencyIds(data);
  const categories = new Set(data.catalogue.categories.map(({ number }) => String(number)));
  for (const { number, duty } of data.catalogue.categories) expect(`category ${number}`, 'duty', duty, duties);
  for (const rule of data.routingRules) {
    const place = `routing rule ${rule.code}`;
    rule.duties.forEach((duty) => expect(place, 'duty', duty, duties));
    rule.clientGroups?.forEach((group) => expect(place, 'client group', group, groups));
    if (rule.askFirst !== undefined) expect(place, 'category', String(rule.askFirst), categories);
    if ((rule.answeredBy === 'agency') !== (rule.agency !== undefined)) {
      report(`${place}: names an agency exactly when one agency answers`);
    }
    if (rule.agency !== undefined) expect(place, 'agency', rule.agency, agencies);
  }
  for (const { code, agencies: listed } of data.catalogue.territories) {
    listed.forEach((id) => expect(`territory ${code}`, 'agency', id, agencies));
  }
  const regions = known(data.regions);
  for (const { code, regions: covered } of data.aliases) {
    covered?.forEach((region) => expect(`alias ${code}`, 'region', region, regions));
  }
  for (const { businessId, units } of data.organisations) {
    const place = `organisation ${businessId}`;
    if (!isBusinessId(businessId)) report(`${place}: the check digit of the Y-tunnus is wrong`);
    units.forEach((unit) => expect(place, 'unit', unit, agencies));
  }
}

/** For each duty, client group and territory exactly one statutory default must answer. */
function reportRoutingGaps(data: ReferenceData, report: Report): void {
  for (const { code: duty } of data.duties) {
    for (const { code: group } of data.clientGroups) {
      for (const territory of ['mainland', 'aland'] as const) {
        const answering = data.routingRules.filter(
          (rule) =>
            rule.validTo === null &&
            rule.duties.includes(duty) &&
            (rule.clientGroups === null || rule.clientGroups.includes(group)) &&
            (rule.territory === 'finland' || rule.territory === territory),
        );
        if (answering.length !== 1) {
          report(`routing: ${answering.length} rules answer for ${duty}, ${group}, ${territory}`);
        }
      }
    }
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

/**
 * Read and check all reference data once, at start. The result cannot be changed.
 *
 * Throws AppError CONFIG_INVALID whose details list *every* error (`violations`), so that one look at it suffices.
 */
export function buildReferenceData(read: ReadText): ReferenceData {
  const violations: string[] = [];
  const report: Report = (violation) => violations.push(violation);
  const table = <T>(key: keyof typeof referenceFiles, reader: (file: string, csv: string, report: Report) => T): T =>
    reader(referenceFiles[key], read(referenceFiles[key]) ?? '', report);
  const data: ReferenceData = {
    municipalities: table('municipalities', readMunicipalities),
    counties: table('counties', readAreas),
    employmentAreas: table('employmentAreas', readAreas),
    regions: table('regions', readAreas),
    vitalityCentres: table('vitalityCentres', readAreas),
    kelaServiceAreas: table('kelaServiceAreas', readAreas),
    countries: table('countries', readCountries),
    languages: table('languages', readLanguages),
    duties: readList(read, 'duties', report),
    clientGroups: readList(read, 'clientGroups', report),
    routingRules: readList(read, 'routingRules', report),
    aliases: readList(read, 'aliases', report),
    namedAgencies: readList(read, 'namedAgencies', report),
    organisations: readList(read, 'organisations', report),
    catalogue: readCatalogue(read, report),
  };
  // References are followed only between lists that have the documented shape: the rest would be noise.
  if (violations.length === 0) {
    reportUniqueness(data, report);
    reportUnknownCodes(data, report);
    reportRoutingGaps(data, report);
  }
  if (violations.length > 0) {
    const detail = [`The reference data has ${violations.length} errors:`, ...violations].join('\n');
    throw new AppError('CONFIG_INVALID', detail, { violations });
  }
  return deepFreeze(data);
}
