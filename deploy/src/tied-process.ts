import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { compiled } from './clone.js';

/** A foreign program (java, postgres) and how it is run. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Record<string, string | undefined>;
  /** Another user, for programs that refuse root where user namespaces are forbidden. */
  readonly runAs?: { readonly uid: number; readonly gid: number };
}

const guardEntry = compiled('deploy/src/guard.js');

let parentDeathSignal: boolean | undefined;

/** Whether the kernel can be told to signal the program when its parent dies (Linux, util-linux' setpriv). */
function hasParentDeathSignal(): boolean {
  parentDeathSignal ??= spawnSync('setpriv', ['--pdeathsig', 'INT', 'true'], { stdio: 'ignore' }).status === 0;
  return parentDeathSignal;
}

/**
 * Starts a program that cannot outlive this process, however it ends (`kill -9` included): under `setpriv --pdeathsig
 * INT` where present, else below a guard that ends it when its stdin closes. A session of its own keeps Ctrl-C in the
 * terminal from stopping the database before its users.
 */
export function spawnTied(command: Command, log: number, wayOf: 'kernel' | 'guard' = defaultWay()): ChildProcess {
  const options = { detached: true, env: { ...process.env, ...command.env }, ...command.runAs };
  if (wayOf === 'kernel') {
    return spawn('setpriv', ['--pdeathsig', 'INT', command.program, ...command.args], {
      ...options,
      stdio: ['ignore', log, log],
    });
  }
  return spawn(process.execPath, [guardEntry, command.program, ...command.args], {
    ...options,
    stdio: ['pipe', log, log],
  });
}

/** Runs a tied program to its end. Rejects when it does not end with 0; what it said is in the log. */
export async function runTied(command: Command, log: number): Promise<void> {
  const child = spawnTied(command, log);
  const [code, signalName] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (code !== 0) throw new Error(`${command.program} ended with ${signalName ?? `exit code ${code}`}`);
}

const defaultWay = (): 'kernel' | 'guard' => (hasParentDeathSignal() ? 'kernel' : 'guard');
