import { spawn } from 'node:child_process';
import { root } from './root.mjs';

const lineEveryMs = 10_000;

/** Runs a program in the clone with its output shown, and a line now and then that it still runs. Resolves to success. */
export async function runVisibly(what, program, args) {
  const begun = Date.now();
  const seconds = () => `${((Date.now() - begun) / 1000).toFixed(1)} s`;
  console.error(`${what}: ${program} ${args.join(' ')}`);
  const ticking = setInterval(() => console.error(`${what}: ${seconds()} …`), lineEveryMs);
  const code = await new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 2, 2] });
    child.once('error', () => resolve(127));
    child.once('exit', resolve);
  });
  clearInterval(ticking);
  console.error(`${what}: ${code === 0 ? 'done' : 'failed'} after ${seconds()}`);
  return code === 0;
}
