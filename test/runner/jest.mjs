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
export async function runJest(project, patterns, { env, shown, niceness, args = [] } = {}) {
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
      { env, shown, niceness },
    );
    const counts = countsOf(results, code);
    return { ...counts, reason: counts.failed > 0 ? output : undefined };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** More than these failing at once are no accident of timing. */
const MOST_UNSTEADY_FILES = 3;

/**
 * Runs the tests over the stack. Those kill services and race them, on a machine of which nobody knows how busy it is: a
 * file that failed runs once more, alone. What passes only then is named as unsteady, to be mended, and stops nobody.
 */
export async function runOverStack(patterns, { env }) {
  const options = { env, shown: true };
  const first = await runJest('integration', patterns, {
    ...options,
    args: ['--maxWorkers=2', '--testSequencer=./test/runner/longest-first.mjs'],
  });
  const { failedFiles } = first;
  if (failedFiles.length === 0 || failedFiles.length > MOST_UNSTEADY_FILES) return first;
  console.log(`once more, alone: ${failedFiles.join(' ')}`);
  const second = await runJest('integration', failedFiles, {
    ...options,
    args: ['--runTestsByPath', '--maxWorkers=1'],
  });
  if (second.failed > 0) return first;
  return { passed: first.passed + first.failed, failed: 0, skipped: first.skipped, unsteady: first.failures };
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
      failedFiles: results.testResults
        .filter(({ status }) => status === 'failed')
        .map(({ name }) => relative(root, name)),
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0, failures: [], failedFiles: [] };
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
