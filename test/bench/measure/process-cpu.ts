import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks of user space: 100 a second on every Linux architecture that Node runs on (USER_HZ). */
const TICK_MS = 10;

/** One line of `/proc/<pid>/stat`, as far as it counts here. */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** Milliseconds of user and system time of the process and of its children that have ended and were waited for. */
  readonly cpuMs: number;
}

/** proc_pid_stat(5). Undefined for a line of another form. */
export function parseStat(line: string): ProcessStat | undefined {
  // The command, in parentheses, may itself hold spaces and parentheses.
  const afterCommand = line.lastIndexOf(')');
  const pid = Number(line.slice(0, line.indexOf(' ')));
  const fields = line.slice(afterCommand + 2).split(' ');
  const [parent, ...times] = [fields[1], ...fields.slice(11, 15)].map(Number);
  if (afterCommand < 0 || parent === undefined || [pid, parent, ...times].some(Number.isNaN)) return undefined;
  return { pid, parent, cpuMs: times.reduce((sum, ticks) => sum + ticks, 0) * TICK_MS };
}

/**
 * CPU of processes with all their descendants, in milliseconds since each began. PostgreSQL's backends are the children of
 * its server: one that ends is waited for by the server and counts on there, so the sum never falls.
 *
 * @param apart processes that do not count, though they are descendants
 */
export function cpuOfTrees<Name extends string>(
  roots: ReadonlyMap<Name, number>,
  all: readonly ProcessStat[],
  apart: ReadonlySet<number> = new Set(),
): Map<Name, number> {
  const children = new Map<number, ProcessStat[]>();
  for (const stat of all) children.set(stat.parent, [...(children.get(stat.parent) ?? []), stat]);
  const own = new Map(all.map((stat) => [stat.pid, stat.cpuMs]));
  const sum = (pid: number): number => {
    const below = (children.get(pid) ?? []).reduce((total, child) => total + sum(child.pid), 0);
    return below + (apart.has(pid) ? 0 : (own.get(pid) ?? 0));
  };
  return new Map([...roots].map(([name, pid]) => [name, sum(pid)]));
}

/** Every process of this machine. Empty where there is no `/proc`. */
export function readProcesses(): ProcessStat[] {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  return names
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
      } catch {
        // It ended between the two looks.
        return [];
      }
    });
}
