import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../deploy/prepare/root.mjs';

/** Where the logs of the stack lie after a run with failures. */
const keptLogs = join(root, '.kotovayla', 'test-logs');

/**
 * Runs the tests against a stack of its own on free ports, which is gone afterwards with its data, also after Ctrl-C, a
 * signal or the end of npm.
 */
export async function withStack(tests, endTests) {
  // Imported late: these are compiled by the first step.
  const { Stack } = await import('../../dist/deploy/src/stack.js');
  const { interruption } = await import('../../dist/deploy/src/foreground.js');
  const interrupted = interruption();
  const stack = await Stack.start({
    dataFolder: mkdtempSync(join(tmpdir(), 'kotovayla-test-')),
    report: (line) => console.log(line),
    // Every CREATE and DROP DATABASE would wait until all files are on the disk.
    durable: false,
  });
  const result = await Promise.race([tests(stack.environment), interrupted]);
  const exitCode = typeof result === 'number' ? result : undefined;
  if (exitCode !== undefined) endTests();
  if (exitCode !== undefined || result.failed > 0) {
    rmSync(keptLogs, { recursive: true, force: true });
    cpSync(stack.folder.logs, keptLogs, { recursive: true });
    console.log(`logs of the stack: ${keptLogs}`);
  }
  await stack.remove();
  if (exitCode !== undefined) process.exit(exitCode);
  return result;
}
