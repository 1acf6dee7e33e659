import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { format, resolveConfig } from 'prettier';
import { allRules, decisionRulesPage, testsByRule } from './decision-rules.js';

const PAGE = 'docs/decision-rules.md';
const tests = testsByRule();

describe('the rules of the decision', () => {
  it('have names of their own', () => {
    const names = allRules.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(allRules)('$name is held by a test', ({ name }) => {
    expect(tests.get(name)).not.toEqual([]);
  });

  it.each(allRules)('$name says in one sentence what must hold', ({ holds, source }) => {
    expect(holds).toMatch(/^[A-Z].*\.$/);
    expect(source).not.toBe('');
  });

  // UPDATE_DOCS=1 npm test -- test/docs/decision-rules
  it('are in the checked-in page as they are', async () => {
    const page = await format(decisionRulesPage(), { ...(await resolveConfig(PAGE)), filepath: PAGE });
    if (process.env['UPDATE_DOCS']) writeFileSync(PAGE, page);
    expect(readFileSync(PAGE, 'utf8')).toBe(page);
  });
});
