import { readFileSync } from 'node:fs';
import { type Catalogue, type Category, parseCatalogue } from '#catalogue';
import { unwrap } from '#kernel';

const list = (file: string): unknown => JSON.parse(readFileSync(`apps/directory/data/${file}`, 'utf8'));

/** The catalogue of the reference data as JSON text, as the directory's snapshot carries it. */
export function referenceCatalogueJson(): string {
  const categories = list('categories.json') as Category[];
  return JSON.stringify({
    categories,
    purposes: list('purposes.json'),
    refusalReasons: list('refusal-reasons.json'),
    statutes: list('statutes.json'),
    territories: list('territories.json'),
    deadlines: list('deadlines.json'),
    necessityTemplates: list('necessity-templates.json'),
    schemas: Object.fromEntries(categories.map(({ number, schema }) => [String(number), list(schema)])),
  });
}

export const referenceCatalogue = (): Catalogue => unwrap(parseCatalogue(referenceCatalogueJson()));
