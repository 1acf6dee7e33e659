import { Buffer } from 'node:buffer';
import { spawn, spawnSync } from 'node:child_process';
import { root } from '../../deploy/prepare/root.mjs';

const hasParentDeathSignal = spawnSync('setpriv', ['--pdeathsig', 'TERM', 'true'], { stdio: 'ignore' }).status === 0;
const running = new Set();

/**
 * Runs a program in the clone. Resolves to { code, output }; output is empty when it is shown instead of collected. Where
 * the kernel can, the program is told to end when this process is killed. With a niceness it lets the others go first.
 */
export function run(program, args, { env = {}, shown = false, niceness = 0, limitMs = 40 * 60_000 } = {}) {
  const [command, ...all] = [
    ...(hasParentDeathSignal ? ['setpriv', '--pdeathsig', 'TERM'] : []),
    ...(niceness > 0 ? ['nice', '-n', String(niceness)] : []),
    program,
    ...args,
  ];
  const child = spawn(command, all, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: shown ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const limit = setTimeout(() => child.kill('SIGKILL'), limitMs);
  return new Promise((resolve) => {
    const chunks = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => chunks.push(chunk));
    const done = (code) => {
      clearTimeout(limit);
      running.delete(child);
      resolve({ code, output: Buffer.concat(chunks).toString() });
    };
    child.once('error', () => done(127));
    child.once('close', (code, signal) => done(code ?? `ended by ${signal}`));
  });
}

export function endRunning() {
  for (const child of running) child.kill('SIGTERM');
}
