import { spawn } from 'node:child_process';

// Runs one program and ends it when our stdin closes, which the system does however the parent ends. Used where the
// kernel has no parent-death signal.
const [program, ...args] = process.argv.slice(2);
if (program === undefined) throw new Error('usage: guard PROGRAM [ARGUMENT …]');

const patienceMs = 20_000;
const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });

function endChild(): void {
  child.kill('SIGINT');
  setTimeout(() => child.kill('SIGKILL'), patienceMs).unref();
}

process.stdin.on('close', endChild).on('error', endChild).resume();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => child.kill(name));
child.on('error', () => process.exit(127));
child.on('exit', (code) => process.exit(code ?? 1));
