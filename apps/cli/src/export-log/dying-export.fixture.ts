import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/**
 * A process that exports a log out of a folder and kills itself with SIGKILL at its n-th step, in the middle of a write. Without
 * a step to die at it prints all steps, one a line.
 *
 * Arguments: folder of the log, target, verifier key, step (0: none).
 */
const [from = '', target = '', verifierKey = '', dieAt = '0'] = process.argv.slice(2);
/** Bodies of one step. */
const bodiesOfStep = 400;
const steps: string[] = [];

async function step(what: string, half?: () => Promise<unknown>): Promise<void> {
  steps.push(what);
  if (steps.length !== Number(dieAt)) return;
  await half?.();
  process.kill(process.pid, 'SIGKILL');
  await new Promise(() => undefined);
}

const real = { ...fs };
fs.writeFile = (async (name: string, data: string | Uint8Array) => {
  await step(`write ${name}`, () => real.writeFile(name, data.slice(0, data.length / 2)));
  return real.writeFile(name, data);
}) as typeof fs.writeFile;
fs.rename = async (old, name) => {
  await step(`rename ${String(old)} ${String(name)}`);
  return real.rename(old, name);
};
fs.rm = async (name, options) => {
  await step(`rm ${String(name)}`);
  return real.rm(name, options);
};
fs.truncate = async (name, length) => {
  await step(`truncate ${String(name)}`);
  return real.truncate(name, length);
};
syncBuiltinESMExports();

const { bodiesFile } = await import('../domain/log-files.js');
const { parseBodyLine } = await import('../domain/body-line.js');
const { LogFolder } = await import('../infra/log-folder.js');
const { exportLog } = await import('./export-log.js');
const { TiledSource } = await import('./tiled-source.js');

const log = new LogFolder(from);
await exportLog({
  target,
  verifierKey,
  source: new TiledSource(log),
  async *bodies(size, first) {
    let given = 0;
    for await (const text of log.lines(bodiesFile)) {
      const line = parseBodyLine(text);
      if (!line.ok || line.value.index < first || line.value.index >= size) continue;
      if (given % bodiesOfStep === 0) await step(`body ${line.value.index}`);
      given += 1;
      yield line.value;
    }
  },
});
process.stdout.write(`${steps.join('\n')}\n`);
