import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile } from '../../deploy/prepare/build.mjs';
import { root } from '../../deploy/prepare/root.mjs';
import { run as runProgram } from './processes.mjs';

// As a run of tests, a check resolves to counts, and to the reason when it does not hold or is skipped.
const holds = { passed: 1, failed: 0, skipped: 0 };
const fails = (reason) => ({ passed: 0, failed: 1, skipped: 0, reason });
const skips = (reason) => ({ passed: 0, failed: 0, skipped: 1, reason });

/** Behind everything else: nobody waits for a single check. */
const run = (program, args) => runProgram(program, args, { niceness: 15 });
/** A program of the installed packages. */
const runTool = (script, args) => run(process.execPath, [`node_modules/${script}`, ...args]);

const holdsIfZero = async (running) => {
  const { code, output } = await running;
  return code === 0 ? holds : fails(output || `ended with ${code}`);
};

const buf = (...args) => run('node_modules/.bin/buf', args);

export const compiles = {
  name: 'tsc',
  run: async () => ((await compile()) ? holds : fails('the sources do not compile: see above')),
};

/** The longest first: it runs beside the compiler. */
export const staticChecks = [
  { name: 'eslint', run: () => holdsIfZero(runTool('eslint/bin/eslint.js', ['.', '--max-warnings', '0'])) },
  {
    name: 'import rules',
    run: () =>
      holdsIfZero(
        runTool('dependency-cruiser/bin/dependency-cruise.mjs', [
          ...['--config', '.dependency-cruiser.cjs', '--output-type', 'err-long', '--no-progress'],
          ...['apps', 'libs', 'deploy', 'test'],
        ]),
      ),
  },
  { name: 'prettier', run: () => holdsIfZero(runTool('prettier/bin/prettier.cjs', ['--check', '.'])) },
  { name: 'knip', run: () => holdsIfZero(runTool('knip/bin/knip.js', ['--no-progress'])) },
  { name: 'pure libraries read no environment', run: environmentUnread },
  { name: 'buf lint', run: () => holdsIfZero(buf('lint')) },
  { name: 'buf breaking', run: contractsUnbroken },
  { name: 'buf generate', run: generatedAsCommitted },
];

const pureLibraries = ['kernel', 'envelope', 'merkle', 'contracts', 'calendar', 'catalogue'];

async function environmentUnread() {
  const readers = pureLibraries
    .flatMap((library) => sourcesIn(join(root, 'libs', library, 'src')))
    .filter((file) => !file.endsWith('.spec.ts') && !file.includes('__generated__'))
    .filter((file) => /\bprocess\s*(\.|\[\s*['"])env\b/.test(readFileSync(file, 'utf8')));
  return readers.length === 0 ? holds : fails(`these read process.env:\n${readers.join('\n')}`);
}

function sourcesIn(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

/** Compares with the last commit on main that has contracts; where that is the commit at hand, with the one before. */
async function contractsUnbroken() {
  const head = await git('rev-parse', 'HEAD');
  const main = (await git('rev-parse', '--verify', '--quiet', 'origin/main')) ?? (await git('rev-parse', 'main'));
  const from = main === head ? `${head}~1` : main;
  const candidates = (await git('rev-list', '--first-parent', '--max-count=50', from, '--'))?.split('\n') ?? [];
  for (const commit of candidates) {
    if ((await git('ls-tree', '--name-only', commit, 'proto/')) === undefined) continue;
    return holdsIfZero(buf('breaking', '--against', `.git#ref=${commit}`));
  }
  return skips('no earlier commit on main has proto/');
}

/** The trimmed output, or undefined when the command fails or says nothing. */
async function git(...args) {
  const { code, output } = await run('git', args);
  return code === 0 && output.trim() !== '' ? output.trim() : undefined;
}

async function generatedAsCommitted() {
  const folder = mkdtempSync(join(tmpdir(), 'kotovayla-generated-'));
  const generated = 'libs/contracts/src/__generated__';
  try {
    const made = await holdsIfZero(buf('generate', '--output', folder));
    if (made !== holds) return made;
    return await holdsIfZero(run('git', ['diff', '--no-index', '--stat', generated, join(folder, generated)]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
