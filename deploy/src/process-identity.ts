import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process as it can be found again later. A pid alone is reused by the system; with its start it is one process. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque: on Linux clock ticks since boot, elsewhere the text that `ps` gives. */
  readonly startedAt: string;
}

/** The start mark of a running process, or undefined when there is none with this pid. A zombie has ended. */
function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      // The command, in parentheses, may itself hold spaces and parentheses: proc_pid_stat(5).
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** undefined when the process has already ended. */
export function identify(pid: number): ProcessIdentity | undefined {
  const startedAt = startOf(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export const isRunning = (identity: ProcessIdentity): boolean => startOf(identity.pid) === identity.startedAt;

/** The pid of the parent, or undefined when the process has ended or this system does not say. */
export function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

/** The command line with spaces between the arguments, or the empty string. */
export function commandOf(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

/** Sends the signal if this very process still runs. Returns whether it did. */
function signal(identity: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false;
  try {
    process.kill(identity.pid, name);
    return true;
  } catch {
    return false;
  }
}

/** Resolves to whether the process has ended within the time (milliseconds). */
async function ended(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (isRunning(identity)) {
    if (Date.now() > deadline) return false;
    await delay(25);
  }
  return true;
}

/** Asks with the signal, and kills what has not ended after the patience (milliseconds). */
export async function end(identity: ProcessIdentity, ask: NodeJS.Signals, patienceMs: number): Promise<void> {
  if (!signal(identity, ask) || (await ended(identity, patienceMs))) return;
  signal(identity, 'SIGKILL');
  await ended(identity, 5_000);
}
