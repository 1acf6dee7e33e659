// `npm test`: every check and every test, the stack for those that need it included. `npm test -- PATTERN` runs only the
// Jest tests whose file matches.
import { joinServices } from '../deploy/prepare/build.mjs';
import { ensureJava } from '../deploy/prepare/java.mjs';
import { checkNodeVersion } from '../deploy/prepare/node-version.mjs';
import { installPackages } from '../deploy/prepare/packages.mjs';
import { compiles, staticChecks } from './runner/checks.mjs';
import { hasTests, runJest, runOverStack } from './runner/jest.mjs';
import { endRunning } from './runner/processes.mjs';
import { withStack } from './runner/stack.mjs';

checkNodeVersion();
await installPackages();

const patterns = process.argv.slice(2);
const totals = { passed: 0, failed: 0, skipped: 0 };
const allFailures = [];
const allUnsteady = [];

// Tests over the stack wait more than they compute: what needs no stack takes the time that they leave. Unit tests have time
// limits, checks have none.
const compiled = step(compiles.name, compiles.run);
await Promise.all([
  compiled.then(testOverStack),
  compiled.then(() => step('unit tests', () => runJest('unit', patterns, { niceness: 5, args: ['--maxWorkers=1'] }))),
  checkOneByOne(patterns.length === 0 ? staticChecks : []),
]);

// Last, because the middle of a long output is what gets lost.
for (const test of allUnsteady) console.log(`unsteady, passed when run once more: ${test}`);
for (const failure of allFailures) console.log(`failed: ${failure}`);
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
process.exit(totals.failed === 0 ? 0 : 1);

/** Runs one step and prints its result with its time. What failed is printed in full, and the next steps go on. */
async function step(name, body) {
  const begun = Date.now();
  const {
    reason,
    failures = [],
    unsteady = [],
    ...counts
  } = await body().catch((error) => ({
    passed: 0,
    failed: 1,
    skipped: 0,
    reason: error.stack,
  }));
  for (const kind of Object.keys(totals)) totals[kind] += counts[kind];
  allFailures.push(...(counts.failed > 0 && failures.length === 0 ? [name] : failures));
  allUnsteady.push(...unsteady);
  const outcome = counts.failed > 0 ? 'FAILED' : counts.passed > 0 ? 'ok' : 'skipped';
  const tests = counts.passed + counts.failed > 1 ? ` (${counts.passed} passed, ${counts.failed} failed)` : '';
  const seconds = ((Date.now() - begun) / 1000).toFixed(1).padStart(6);
  console.log(
    `${outcome.padEnd(8)}${seconds} s  ${name}${tests}${outcome === 'skipped' && reason ? `: ${reason}` : ''}`,
  );
  if (outcome === 'FAILED' && reason) console.log(reason);
}

async function testOverStack() {
  if (patterns.length > 0 && !(await hasTests('integration', patterns))) return;
  await ensureJava();
  await step('integration and end-to-end tests', async () => {
    if (!(await joinServices())) throw new Error('the services could not be joined: see above');
    return withStack((env) => runOverStack(patterns, { env }), endRunning);
  });
}

async function checkOneByOne(checks) {
  for (const { name, run } of checks) await step(name, run);
}
