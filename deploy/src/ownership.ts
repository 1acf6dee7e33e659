import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { DataFolder } from './data-folder.js';
import { type ProcessIdentity, end, identify, isRunning } from './process-identity.js';

interface Owned {
  readonly owner: ProcessIdentity;
  readonly children: Record<string, ProcessIdentity>;
}

/** A running owner may take this long (milliseconds) to stop its services, broker and databases in order. */
const ownerPatienceMs = 45_000;
const childPatienceMs = 20_000;

/**
 * Who runs a data folder, and with which child processes: `stack.pid`, our own pid file. It is a claim only as long as
 * the process that it names runs, so it never has to be removed by hand.
 */
export class Ownership {
  private readonly children: Record<string, ProcessIdentity> = {};

  private constructor(
    private readonly folder: DataFolder,
    private readonly owner: ProcessIdentity,
  ) {}

  /** Makes this process the owner; what an earlier start left running, alive or killed, is stopped first. */
  static async take(folder: DataFolder, report: (line: string) => void): Promise<Ownership> {
    const owner = identify(process.pid);
    if (owner === undefined) throw new Error('this process cannot find its own start time');
    const claim = `${pidFileOf(folder)}.${process.pid}`;
    writeFileSync(claim, JSON.stringify({ owner, children: {} } satisfies Owned), { mode: 0o600 });
    try {
      while (!claimed(claim, pidFileOf(folder))) await stopFormer(folder, report);
    } finally {
      rmSync(claim, { force: true });
    }
    return new Ownership(folder, owner);
  }

  record(name: string, pid: number): void {
    const identity = identify(pid);
    if (identity === undefined) return;
    this.children[name] = identity;
    this.save();
  }

  forget(name: string): void {
    delete this.children[name];
    this.save();
  }

  release(): void {
    rmSync(pidFileOf(this.folder), { force: true });
  }

  private save(): void {
    this.folder.writeJson('stack.pid', { owner: this.owner, children: this.children } satisfies Owned);
  }
}

const pidFileOf = (folder: DataFolder): string => folder.within('stack.pid');

/** A hard link either takes the name or fails: two starts at once cannot both succeed. */
function claimed(claim: string, pidFile: string): boolean {
  try {
    linkSync(claim, pidFile);
    return true;
  } catch {
    return false;
  }
}

async function stopFormer(folder: DataFolder, report: (line: string) => void): Promise<void> {
  const former = readOwned(folder);
  if (former !== undefined) {
    if (former.owner.pid === process.pid && isRunning(former.owner)) {
      throw new Error(`this process already runs the stack in ${folder.path}`);
    }
    if (isRunning(former.owner)) {
      report(`stopping the stack that process ${former.owner.pid} runs here`);
      await end(former.owner, 'SIGTERM', ownerPatienceMs);
    }
    const children = Object.values(former.children).filter(isRunning);
    if (children.length > 0) report(`ending ${children.length} processes of a start that was killed`);
    await Promise.all(children.map((child) => end(child, 'SIGINT', childPatienceMs)));
  }
  rmSync(pidFileOf(folder), { force: true });
}

function readOwned(folder: DataFolder): Owned | undefined {
  try {
    return JSON.parse(readFileSync(pidFileOf(folder), 'utf8')) as Owned;
  } catch {
    return undefined;
  }
}
