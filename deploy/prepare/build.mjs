import { existsSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.mjs';
import { runVisibly } from './run-visibly.mjs';
import { stop } from './stop.mjs';

const sources = ['apps', 'libs', 'deploy/src', 'test', 'package-lock.json', 'tsconfig.json', 'tsconfig.base.json'];
const stamp = join(root, 'dist', '.built');
const joinedServices = join(root, 'dist', 'services');

/** Compiles when a source is newer than the last build. Ends the process when it does not compile. */
export async function build() {
  if (!isBuilt() && !(await compile())) stop('The sources do not compile: see above.');
  if (!(await joinServices())) stop('The services could not be joined: see above.');
}

/** Compiles, only what has changed. Resolves to success. */
export async function compile() {
  const begun = new Date();
  // Of an earlier build: made again by who starts services.
  rmSync(joinedServices, { recursive: true, force: true });
  const done = await runVisibly('compiling', process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.']);
  // The time of its beginning: what is written during a build is newer than it.
  if (done) {
    writeFileSync(stamp, '');
    utimesSync(stamp, begun, begun);
  }
  return done;
}

/** Joins the compiled services with their packages, once after a build. Resolves to success. */
export async function joinServices() {
  if (existsSync(joinedServices)) return true;
  return runVisibly('joining services', process.execPath, ['deploy/prepare/join-services.mjs', joinedServices]);
}

function isBuilt() {
  if (!existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  return sources.every((path) => newestIn(join(root, path)) < built);
}

/** The newest change of a file or folder below the path; folders change when a file in them is removed. */
function newestIn(path) {
  if (!existsSync(path)) return 0;
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newestIn(join(path, name))));
}
