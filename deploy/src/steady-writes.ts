import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

const everyMs = 1_000;
/** PostgreSQL's `FirstNormalObjectId`: databases and tables below it came with the cluster. */
const firstOfOurs = 16_384;

/**
 * Writes out once a second what the kernel keeps of a cluster's tables. Their new pages would stay in memory until they are 30 s
 * old, whatever PostgreSQL's settings say, and then go to disk at once, with commits of tenths of a second behind them. Where
 * the machine is the database's own, the kernel is set so (docs/decisions/0038, point 9); a developer's is left as it is.
 */
export class SteadyWrites {
  private readonly writtenAt = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;
  private pass: Promise<unknown> = Promise.resolve();

  /** @param data folder of the cluster */
  constructor(
    private readonly data: string,
    private readonly report: (line: string) => void,
  ) {}

  start(): void {
    this.timer = setTimeout(() => {
      this.pass = this.writeOut().then(
        () => this.timer && this.start(),
        (error: unknown) =>
          this.report(`new pages of the database are no longer written out steadily: ${String(error)}`),
      );
    }, everyMs);
    this.timer.unref();
  }

  /** Resolves when no file of the cluster is open any more. */
  async close(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.pass;
  }

  /** One pass. Resolves to the files that had changed since the one before, as paths below `base`. */
  async writeOut(): Promise<string[]> {
    const base = join(this.data, 'base');
    const changed: string[] = [];
    for (const database of (await readdir(base)).filter(isOurs)) {
      const files = (await unlessGone(readdir(join(base, database)))) ?? [];
      for (const file of files.filter(isOurs)) {
        const path = join(base, database, file);
        const changedAt = (await unlessGone(stat(path)))?.mtimeMs;
        if (changedAt === undefined || changedAt === this.writtenAt.get(path)) continue;
        this.writtenAt.set(path, changedAt);
        const handle = await unlessGone(open(path, 'r'));
        if (!handle) continue;
        try {
          await handle.datasync();
        } finally {
          await handle.close();
        }
        changed.push(join(database, file));
      }
    }
    return changed;
  }
}

/** Names begin with their object's number: `16402`, `16402.1`, `16402_vm`. */
const isOurs = (name: string): boolean => Number.parseInt(name, 10) >= firstOfOurs;

/** `undefined` for a table or database that was dropped meanwhile. */
async function unlessGone<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
