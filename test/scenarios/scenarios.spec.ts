import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { differencesOf } from './decide-case.js';
import { referenceCatalogue, runScenarios } from './run-scenarios.js';
import { parseScenarioFile, readScenarioFile, scenarioFilesOf } from './scenario-file.js';

const catalogue = referenceCatalogue();
const files = scenarioFilesOf('scenarios').map((path) => ({ path, file: readScenarioFile(path) }));

describe.each(files.map(({ path, file }) => ({ name: basename(path, '.yaml'), file })))('$name', ({ file }) => {
  it.each(file.cases)('$case', (one) => {
    expect(differencesOf(file, one, catalogue)).toEqual([]);
  });
});

describe('the cases of the project', () => {
  const cases = files.flatMap(({ file }) => file.cases);

  it('are at least 150, and about as many refusals as permits', () => {
    const refusals = cases.filter(({ then }) => then !== 'permit').length;
    expect(cases.length).toBeGreaterThanOrEqual(150);
    expect(refusals / cases.length).toBeGreaterThan(0.45);
    expect(refusals / cases.length).toBeLessThan(0.65);
  });
});

const theme = `
theme: A test
agencies: { municipality: K-235, county: H-07 }
given:
  consents:
    anna: { subject: anna, collected: municipality, yes: [functional-ability from county to municipality], for: [plan], from: 2026-11-01, until: 2027-05-01 }
when: { message: answer, from: county, to: municipality, about: [anna], for: plan, basis: [functional-ability by consent anna], sent: 2026-11-23 12:00 }
cases:
`;

describe('a folder of scenarios', () => {
  let folder: string;
  const printed: string[] = [];
  const run = (cases: string) => {
    writeFileSync(join(folder, 'one.yaml'), theme + cases);
    return runScenarios([folder], (line) => printed.push(line));
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'scenarios-'));
    printed.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('that comes out as it says ends with 0', () => {
    expect(run('  - { case: it holds, then: permit, uses: first, needless: false }')).toBe(0);
    expect(printed.at(-1)).toMatch(/^1 cases \(1 permits, 0 refusals\) in 1 files: all/);
  });

  it.each([
    ['a refusal', 'then: [NO_BASIS consent-of-both-parties]'],
    ['another reason beside', "then: [CONSENT_EXPIRED consent-not-expired], when: { at: '2027-05-01', for: move }"],
    ['another count of uses', 'then: permit, uses: repeat'],
    ['that it is final', "then: [CONSENT_NOT_YET_VALID consent-has-begun], when: { at: '2026-10-01' }, final: true"],
    ['that the consent is needless', 'then: permit, needless: true'],
  ])('that expects %s and has it otherwise ends with 1', (_, expected) => {
    expect(run(`  - { case: wrong, ${expected} }\n  - { case: right, then: permit }`)).toBe(1);
    expect(printed).toContainEqual(expect.stringMatching(/^ {2}FAILED wrong/));
    expect(printed).toContainEqual(expect.stringMatching(/^ {2}ok {5}right/));
  });

  it.each([
    ['an agency', 'when: { to: nowhere }'],
    ['a category', 'when: { basis: [secrets by consent anna] }'],
    ['a basis', 'when: { basis: [functional-ability because I say so] }'],
    ['a day', "when: { at: '2026-02-30' }"],
    ['an hour', "when: { at: '2026-11-23 24:00' }"],
    ['a period', "when: { data: '2026-06-30 to 2026-01-01' }"],
    ['a number of uses', 'given: { consents: { anna: { uses: often } } }'],
    ['a yes', 'given: { consents: { anna: { yes: [functional-ability] } } }'],
    ['what happened', 'given: { history: [forget anna at 2026-11-20] }'],
    ['a consent of the history', 'given: { history: [withdraw bashir at 2026-11-20] }'],
    ['what can happen', 'given: { history: [withdraw anna at 2026-11-20, resume anna at 2026-11-21] }'],
    ['a message that can be', 'when: { to: county }'],
  ])('whose words are not %s fails that case alone', (_, words) => {
    expect(run(`  - { case: wrong, then: permit, ${words} }\n  - { case: right, then: permit }`)).toBe(1);
    expect(printed).toContainEqual(expect.stringMatching(/1 did not come out/));
  });

  it.each([
    ['a member that is not documented', '  - { case: it holds, then: permit, because: yes }'],
    ['no outcome', '  - { case: it holds }'],
    ['a reason without a rule', '  - { case: it holds, then: [NO_BASIS] }'],
    ['two cases of one name', '  - { case: it holds, then: permit }\n  - { case: it holds, then: permit }'],
  ])('with %s ends with 2', (_, cases) => {
    expect(run(cases)).toBe(2);
    expect(printed[0]).toMatch(/one\.yaml: /);
  });

  it('without files ends with 2', () => {
    expect(runScenarios([folder], () => undefined)).toBe(2);
  });

  it('knows the clock of Helsinki on the day on which it changes', () => {
    const onTheDay = (at: string, then: string) =>
      parseScenarioFile(
        `${theme}  - { case: it, given: { consents: { anna: { until: '2027-03-28 12:00' } } }, when: { at: '${at}' }, then: ${then} }`,
      );
    for (const [at, then] of [
      ['2027-03-28 11:59:59', 'permit'],
      ['2027-03-28 12:00', '[CONSENT_EXPIRED consent-not-expired]'],
    ] as const) {
      const file = onTheDay(at, then);
      expect(differencesOf(file, file.cases[0]!, catalogue)).toEqual([]);
    }
  });
});
