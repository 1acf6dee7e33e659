import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { compiled } from '../../../deploy/src/clone.js';

export interface CliRun {
  readonly seconds: number;
  /** Of all its threads. */
  readonly cpuSeconds: number;
  /** Largest resident set. */
  readonly rssMb: number;
  readonly output: string;
}

const lookEveryMs = 250;

/** Runs `kotovayla` as a process of its own, and looks how much memory it takes. @throws Error where it ends with another code */
export async function runCli(args: readonly string[]): Promise<CliRun> {
  const { code, ...run } = await startCli(args).ended;
  if (code !== 0) throw new Error(`kotovayla ${args[0]} ended with ${code}:\n${run.output}`);
  return run;
}

/** The same, however it ends: the code is null where a signal ended it. */
export function startCli(args: readonly string[]): {
  readonly child: ChildProcess;
  readonly ended: Promise<CliRun & { readonly code: number | null }>;
} {
  const begun = performance.now();
  const child = spawn(process.execPath, [compiled('apps/cli/src/main.js'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  let seen = { rssMb: 0, cpuSeconds: 0 };
  const look = setInterval(() => {
    const now = lookAt(child.pid ?? 0) ?? seen;
    // A process that has just ended still has its CPU, and no memory.
    seen = { ...now, rssMb: Math.max(seen.rssMb, now.rssMb) };
  }, lookEveryMs);
  const code = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  }).finally(() => clearInterval(look));
  const ended = code.then((of) => ({ seconds: (performance.now() - begun) / 1_000, ...seen, output, code: of }));
  return { child, ended };
}

const ticksPerSecond = 100;

/** Undefined where it has ended, or where there is no /proc. */
export function lookAt(pid: number): { rssMb: number; cpuSeconds: number } | undefined {
  try {
    const [, kilobytes = '0'] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    // After the name, which may hold anything: state is the third field, utime and stime are the 14th and 15th.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return { rssMb: Math.round(Number(kilobytes) / 1_024), cpuSeconds: ticks / ticksPerSecond };
  } catch {
    return undefined;
  }
}
