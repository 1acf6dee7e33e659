import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { agencyId } from '#kernel';
import { loadReferenceData } from '../read-reference-data/load-reference-data.js';
import { type PlanQuestion, planRequests } from './request-plan.js';

const reference = loadReferenceData(join(process.cwd(), 'apps/directory/data'));
const tables = { reference, responsibilities: [], contacts: [] };

const plan = (categories: readonly number[], change: Partial<PlanQuestion> = {}) =>
  planRequests(tables, {
    asker: agencyId('K-235'),
    categories,
    municipality: '235',
    clientGroup: 'registered-jobseeker',
    day: '2026-11-22',
    ...change,
  });

const whom = (categories: readonly number[], change: Partial<PlanQuestion> = {}) =>
  plan(categories, change).requests.map(({ agency, categories: asked }) => [agency, asked.map(({ number }) => number)]);

describe('a plan of requests', () => {
  it('puts housing into the same request to the county as need for services and functional ability', () => {
    expect(plan([11, 12, 13]).requests).toEqual([
      {
        agency: 'H-03',
        categories: [
          { number: 11, holding: 'own' },
          { number: 12, holding: 'own' },
          { number: 13, holding: 'second-hand' },
        ],
      },
    ]);
  });

  it('asks housing alone from the party that keeps it itself', () => {
    expect(whom([13])).toEqual([['L-KELA', [13]]]);
  });

  it('asks a plan from the employment authority when the municipality is the asker', () => {
    expect(whom([4])).toEqual([['T-01', [4]]]);
  });

  it('asks a plan from the party that routing names, never from both', () => {
    const county = agencyId('H-03');
    expect(whom([3, 4], { asker: county, clientGroup: 'outside-labour-force' })).toEqual([['K-235', [3, 4]]]);
    expect(whom([3, 4], { asker: county })).toEqual([['T-01', [3, 4]]]);
  });

  it('asks each holder once', () => {
    expect(whom([9, 4, 11, 8])).toEqual([
      ['T-01', [4, 8]],
      ['L-KELA', [9]],
      ['H-03', [11]],
    ]);
  });

  it('asks the status first while it is unknown', () => {
    expect(plan([4], { asker: agencyId('H-03'), clientGroup: 'status-unknown' }).askFirst).toEqual({
      agency: 'T-01',
      category: 7,
    });
  });

  it('tells what the asker may not ask or nobody holds, and what does not exist', () => {
    expect(plan([14, 99]).unanswered).toEqual([
      { number: 14, reason: 'may-not-ask-or-nobody-holds' },
      { number: 99, reason: 'category-unknown' },
    ]);
  });

  it('asks Kela also about a client without a home municipality', () => {
    expect(whom([9], { municipality: null })).toEqual([['L-KELA', [9]]]);
  });

  it('never asks the asker itself', () => {
    expect(whom([9], { asker: agencyId('L-KELA') })).toEqual([]);
  });
});
