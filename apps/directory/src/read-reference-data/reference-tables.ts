import { isDay } from '#calendar';
import type { Names } from '#catalogue';
import { parse } from 'csv-parse/sync';
import type { Area, Country, Language, LanguageClass, Municipality } from '../domain/reference-records.js';

type Row = Readonly<Record<string, string>>;
type Report = (violation: string) => void;

const sizeClasses: readonly Municipality['sizeClass'][] = ['<10000', '10000-50000', '>50000'];
const languageClasses: readonly LanguageClass[] = ['fi', 'fi-sv', 'sv-fi', 'sv'];
const directions: readonly Language['direction'][] = ['ltr', 'rtl'];

/** One row with its place in the file; each cell that breaks its rule is reported and read as a neutral value. */
class Cells {
  constructor(
    private readonly row: Row,
    private readonly place: string,
    private readonly report: Report,
  ) {}

  text(column: string, pattern = /\S/): string {
    const value = this.row[column];
    if (value !== undefined && pattern.test(value)) return value;
    this.report(`${this.place}: ${column} is ${value === undefined ? 'missing' : 'not as documented'}`);
    return '';
  }

  optional(column: string): string | null {
    return this.row[column] === '' ? null : this.text(column);
  }

  oneOf<T extends string>(column: string, allowed: readonly T[]): T {
    const value = this.text(column);
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) this.report(`${this.place}: ${column} is none of ${allowed.join(', ')}`);
    return found ?? (allowed[0] as T);
  }

  names(): Names {
    return { fi: this.text('name_fi'), sv: this.text('name_sv'), en: this.text('name_en') };
  }

  private day(column: string): string {
    const value = this.text(column);
    if (!isDay(value)) this.report(`${this.place}: ${column} is no day`);
    return value;
  }

  validity(): { readonly validFrom: string; readonly validTo: string | null } {
    return { validFrom: this.day('valid_from'), validTo: this.row['valid_to'] === '' ? null : this.day('valid_to') };
  }
}

function readTable<T>(file: string, csv: string, report: Report, read: (cells: Cells) => T): readonly T[] {
  let rows: readonly Row[];
  try {
    rows = parse<Row>(csv, { columns: true, skip_empty_lines: true, bom: true });
  } catch {
    report(`${file}: not a CSV table with a heading`);
    return [];
  }
  if (rows.length === 0) report(`${file}: has no rows`);
  return rows.map((row, index) => read(new Cells(row, `${file} row ${index + 2}`, report)));
}

const AREA_CODE = /^[0-9]{1,2}$/;

export const readAreas = (file: string, csv: string, report: Report): readonly Area[] =>
  readTable(file, csv, report, (cells) => ({
    code: cells.text('code', AREA_CODE),
    names: cells.names(),
    ...cells.validity(),
    source: cells.text('source'),
  }));

export const readMunicipalities = (file: string, csv: string, report: Report): readonly Municipality[] =>
  readTable(file, csv, report, (cells) => ({
    code: cells.text('code', /^[0-9]{3}$/),
    nameFi: cells.text('name_fi'),
    nameSv: cells.text('name_sv'),
    region: cells.text('region', AREA_CODE),
    county: cells.text('county', AREA_CODE),
    employmentArea: cells.text('employment_area', AREA_CODE),
    vitalityCentre: cells.text('vitality_centre', AREA_CODE),
    kelaServiceArea: cells.text('kela_service_area', AREA_CODE),
    languageClass: cells.oneOf('language_class', languageClasses),
    population2022: Number(cells.text('population_2022', /^[0-9]+$/)),
    sizeClass: cells.oneOf('size_class', sizeClasses),
    ...cells.validity(),
    source: cells.text('source'),
  }));

export const readCountries = (file: string, csv: string, report: Report): readonly Country[] =>
  readTable(file, csv, report, (cells) => ({
    alpha2: cells.text('alpha2', /^[A-Z]{2}$/),
    alpha3: cells.text('alpha3', /^[A-Z]{3}$/),
    numeric: cells.text('numeric', /^[0-9]{3}$/),
    names: cells.names(),
    source: cells.text('source'),
  }));

export const readLanguages = (file: string, csv: string, report: Report): readonly Language[] =>
  readTable(file, csv, report, (cells) => ({
    code: cells.text('code', /^[a-z]{2,3}(-[A-Z]{2})?$/),
    names: cells.names(),
    endonym: cells.optional('endonym'),
    direction: cells.oneOf('direction', directions),
    source: cells.text('source'),
  }));
