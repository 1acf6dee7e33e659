import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { loadReferenceData } from '../read-reference-data/load-reference-data.js';
import { resolveOldName } from './old-names.js';

const data = loadReferenceData(join(process.cwd(), 'apps/directory/data'));
const successors = (name: string, municipality: string | null = null) =>
  resolveOldName(data, name, municipality, '2026-11-22')?.agencies;

describe('an old name', () => {
  it.each([
    ['TE-toimisto', ['T-01']],
    ['te-byrå', ['T-01']],
    ['  Employment   Office ', ['T-01']],
    ['Työllisyyden kuntakokeilu', ['T-01']],
    ['ELY-keskus', ['E-01']],
    ['Uudenmaan ELY-keskus', ['E-01']],
    ['NTM-central', ['E-01']],
  ])('%j leads a client of Kauniainen to its successor', (name, expected) => {
    expect(successors(name, '235')).toEqual(expected);
  });

  it('of an area leads to all its successors while the municipality is unknown', () => {
    expect(successors('Hämeen ELY-keskus')).toEqual(['E-03', 'E-04']);
    expect(successors('Lapin TE-toimisto')).toEqual(['T-22', 'T-28', 'T-33', 'T-40']);
  });

  it('leads by the home municipality even to outside the old area', () => {
    expect(successors('Lapin TE-toimisto', '235')).toEqual(['T-01']);
  });

  it('is none when it never was one', () => {
    expect(successors('Kela')).toBeUndefined();
  });

  it('leads somewhere for every alias', () => {
    expect(data.aliases.filter(({ names }) => (successors(names.fi) ?? []).length === 0)).toEqual([]);
  });
});
