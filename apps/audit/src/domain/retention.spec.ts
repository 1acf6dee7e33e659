import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parseRetentionData } from '../infra/retention-data.js';
import { consentTypes, messageTypes } from './entry-types.js';
import { type IndexedEntry, type RetentionData, after, classOf, erasabilityOf, unconfirmedAmong } from './retention.js';

const json = (): RetentionData => JSON.parse(readFileSync('apps/audit/data/retention.json', 'utf8')) as RetentionData;
const data = parseRetentionData(json());
const now = new Date('2030-03-01T12:00:00Z');
const codeOf = (value: unknown): string => {
  try {
    parseRetentionData(value);
    return 'OK';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('the retention class of an entry', () => {
  it.each([
    ['message-accepted', ['K-235', 'L-KELA'], 'disclosure'],
    ['message-accepted', ['K-235', 'H-03'], 'county-disclosure'],
    ['consent-withdrawn', ['K-235'], 'consent'],
    ['consent-withdrawn', ['K-235', 'H-03'], 'county-disclosure'],
    ['log-search', ['A-TSV'], 'log-access'],
    ['basis-asked', ['K-235'], 'inquiry'],
    ['edge-refused', ['K-235'], 'edge-refusal'],
    ['agency-key', [], 'keys-and-directory'],
    ['tombstone', ['A-TSV'], 'proof-of-erasure'],
    ['erasure-approved', ['A-TSV'], 'proof-of-erasure'],
  ])('%s of %j is %s', (type, parties, id) => {
    expect(classOf(data, { type, parties }, now)?.id).toBe(id);
  });

  it('of every type by which releases are decided is one with a floor', () => {
    for (const type of [...messageTypes, ...consentTypes])
      expect(classOf(data, { type, parties: ['K-235'] }, now)?.floor?.unit).toBe('years');
  });

  it('that nobody named is none, and the entry is never erased', () => {
    expect(classOf(data, { type: 'something-new', parties: [] }, now)).toBeUndefined();
    expect(erasabilityOf(data, { type: 'something-new', parties: [], at: new Date(0) }, now)).toBe('for-good');
  });
});

describe('classes that nobody has compared with the law', () => {
  const entry = (type: string): IndexedEntry => ({ type, parties: ['K-235'], at: new Date('2029-01-01T00:00:00Z') });
  const [inquiry, refusal, ofNoClass] = [entry('basis-asked'), entry('edge-refused'), entry('something-new')];
  const saying = (confirmed: readonly string[]): RetentionData => ({
    ...data,
    classes: data.classes.map((one) => ({ ...one, confirmed: confirmed.includes(one.id) })),
  });

  it('are named once each, and only where an entry is of them', () => {
    expect(unconfirmedAmong(saying([]), [refusal, inquiry, refusal], now)).toEqual(['inquiry', 'edge-refusal']);
    expect(unconfirmedAmong(saying(['inquiry']), [refusal, inquiry], now)).toEqual(['edge-refusal']);
    expect(unconfirmedAmong(saying(['inquiry', 'edge-refusal']), [refusal, inquiry], now)).toEqual([]);
    expect(unconfirmedAmong(saying([]), [ofNoClass], now)).toEqual([]);
  });
});

describe('floor and ceiling', () => {
  const entry = (at: string) => ({ type: 'message-accepted', parties: ['K-235', 'L-KELA'], at: new Date(at) });
  it.each([
    ['one second before its floor', '2025-03-01T12:00:01Z', 'kept'],
    ['at its floor', '2025-03-01T12:00:00Z', 'erasable'],
    ['one second before its ceiling', '2020-03-01T12:00:01Z', 'erasable'],
    ['at its ceiling', '2020-03-01T12:00:00Z', 'due'],
  ])('an entry %s', (_name, at, erasability) => {
    expect(erasabilityOf(data, entry(at), now)).toBe(erasability);
  });

  it('a day that the year lacks is the next one, never an earlier', () => {
    expect(after(new Date('2028-02-29T00:00:00Z'), { unit: 'years', count: 5 }).toISOString()).toBe(
      '2033-03-01T00:00:00.000Z',
    );
  });
});

describe('retention data', () => {
  it('say of each class what it rests on, and whether somebody compared it with the law', () => {
    expect(data.classes.every(({ ground, source, confirmed }) => ground && source && !confirmed)).toBe(true);
  });

  it.each([
    ['without version', { ...json(), version: undefined }],
    ['with a class of an unknown shape', { ...json(), classes: [{ id: 'x' }] }],
    ['whose ceiling lies below the floor', withClass('disclosure', { ceiling: { unit: 'days', count: 1 } })],
    ['that do not say what is open of an unconfirmed class', withClass('consent', { open: undefined })],
    ['that would erase what releases are decided by', withClass('consent', { floor: { unit: 'days', count: 729 } })],
  ])('%s are refused', (_name, value) => expect(codeOf(value)).toBe('CONFIG_INVALID'));

  it('with a floor just long enough are taken', () => {
    expect(codeOf(withClass('consent', { floor: { unit: 'days', count: 730 } }))).toBe('OK');
  });
});

function withClass(id: string, change: object): unknown {
  const value = json();
  return { ...value, classes: value.classes.map((one) => (one.id === id ? { ...one, ...change } : one)) };
}
