import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { root } from '../../deploy/prepare/root.mjs';
import { run } from './processes.mjs';

const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];

/**
 * Runs a Jest project. Resolves to counts of tests and the failed ones by name; a file that could not run counts as one
 * failed test.
 */
export async function runJest(project, patterns, { env = {}, shown = false, args = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'kotovayla-jest-'));
  const results = join(folder, 'results.json');
  try {
    const { code, output } = await run(
      process.execPath,
      [
        ...jest,
        '--selectProjects',
        project,
        '--passWithNoTests',
        '--json',
        `--outputFile=${results}`,
        ...args,
        ...patterns,
      ],
      { env, shown },
    );
    const counts = countsOf(results, code);
    return { ...counts, reason: counts.failed > 0 ? output : undefined };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether the project has test files for the patterns. */
export async function hasTests(project, patterns) {
  const { output } = await run(process.execPath, [...jest, '--selectProjects', project, '--listTests', ...patterns]);
  return /\.spec\.ts$/m.test(output);
}

function countsOf(resultsFile, code) {
  try {
    const results = JSON.parse(readFileSync(resultsFile, 'utf8'));
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    return {
      passed: results.numPassedTests,
      // Jest can fail as a whole with every test passed: a bad configuration, a file that ended its worker.
      failed: failed === 0 && code !== 0 ? 1 : failed,
      skipped: results.numPendingTests + results.numTodoTests,
      failures: failuresOf(results),
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

function failuresOf({ testResults }) {
  return testResults
    .filter(({ status }) => status === 'failed')
    .flatMap(({ name, message, assertionResults }) => {
      const failed = assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
      const file = relative(root, name);
      return failed.length > 0
        ? failed.map((test) => `${file}: ${test}`)
        : [
            `${file}: ${
              message
                .split('\n')
                .find((line) => line.startsWith('    '))
                ?.trim() ?? 'did not run'
            }`,
          ];
    });
}
