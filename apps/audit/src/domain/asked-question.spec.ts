import { describe, expect, it } from '@jest/globals';
import { isSameQuestion } from './asked-question.js';

const call = 'GET /v1/audit/entries';
const same = (signed: Record<string, string>, asked: Record<string, string>, path = call): boolean =>
  isSameQuestion({ call, query: signed }, { call: path, query: asked });

describe('a question', () => {
  it('is the same in any order of its parameters', () => {
    expect(same({ type: 'log-search', agency: 'K-235' }, { agency: 'K-235', type: 'log-search' })).toBe(true);
  });

  it('may leave out what has its default, and what is empty', () => {
    expect(same({}, { from: '0', limit: '100', closed: 'false', cursor: '' })).toBe(true);
  });

  it.each([
    ['one more parameter', { type: 'log-search', agency: 'K-235' }],
    ['one fewer', {}],
    ['another value', { type: 'alert-raised' }],
    ['a value under another name', { code: 'log-search' }],
    ['a parameter that an object has by itself', { type: 'log-search', constructor: 'x' }],
  ])('is another with %s', (_name, asked) => {
    expect(same({ type: 'log-search' }, asked)).toBe(false);
  });

  it('is another at another place', () => {
    expect(same({}, {}, 'GET /v1/audit/alerts')).toBe(false);
  });
});
