import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/**
 * A process that publishes into a folder and kills itself with SIGKILL at its n-th step on the file system, a write in the
 * middle of it. Without a step to die at it prints all steps, one a line.
 *
 * Arguments: folder, step (0: none), sizes with a checkpoint.
 */
const [path = '', dieAt = '0', ...sizes] = process.argv.slice(2);
const steps: string[] = [];
const paths = new WeakMap<FileHandle, string>();

async function step(what: string, half?: () => Promise<unknown>): Promise<void> {
  steps.push(what.replaceAll(`${path}/`, '').replaceAll(`${process.pid}-`, ''));
  if (steps.length !== Number(dieAt)) return;
  await half?.();
  process.kill(process.pid, 'SIGKILL');
  await new Promise(() => undefined);
}

const real = { ...fs };
fs.open = async (name, ...rest) => {
  const handle = await real.open(name, ...rest);
  paths.set(handle, String(name));
  return handle;
};
fs.mkdir = (async (name: string, options: { recursive: true }) => {
  await step(`mkdir ${name}`);
  return real.mkdir(name, options);
}) as typeof fs.mkdir;
fs.rename = async (from, to) => {
  await step(`rename ${String(from)} ${String(to)}`);
  return real.rename(from, to);
};
fs.rm = async (name, options) => {
  await step(`rm ${String(name)}`);
  return real.rm(name, options);
};
const probe = await real.open(process.execPath, 'r');
const handles = Object.getPrototypeOf(probe) as FileHandle;
await probe.close();
const writeFile: (this: FileHandle, data: Buffer) => Promise<void> = Reflect.get(handles, 'writeFile');
const sync: (this: FileHandle) => Promise<void> = Reflect.get(handles, 'sync');
handles.writeFile = async function (this: FileHandle, data: Buffer) {
  await step(`write ${paths.get(this)}`, () => writeFile.call(this, data.subarray(0, data.length / 2)));
  return writeFile.call(this, data);
};
handles.sync = async function (this: FileHandle) {
  await step(`sync ${paths.get(this)}`);
  return sync.call(this);
};
syncBuiltinESMExports();

const { TestLog, publishAll, publisherOf } = await import('./committed-log.fixture.js');
const { TileFolder } = await import('./tile-folder.js');
await publishAll(publisherOf(new TileFolder(path), TestLog.withCheckpointsAt(...sizes.map(Number))));
process.stdout.write(`${steps.join('\n')}\n`);
