import { readFile, rename, writeFile } from 'node:fs/promises';
import { AppError } from '#kernel';
import { type LogVerifier, openCheckpoint } from '#merkle';
import type { StoredCheckpoint } from './log-store.js';

const KEEP_EVERY_MS = 500;

/**
 * The last checkpoint that was given out, in a file beside the log key and outside PostgreSQL: a database restored from a
 * backup then cannot be appended to as if nothing had been logged since. Written off the commit path, so it may be half a
 * second behind; agents and witnesses hold the rest.
 */
export class HeadFile {
  private waiting: StoredCheckpoint | undefined;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  /** @param copies where it is written as well: a place that will be its own when the log's key has changed */
  constructor(
    private readonly path: string,
    private readonly onFailure: (error: unknown) => void,
    private readonly copies: readonly string[] = [],
  ) {}

  /** Errors: LOG_INCONSISTENT when the file holds something else than a checkpoint of this log. */
  async read(verifier: LogVerifier): Promise<StoredCheckpoint | undefined> {
    const note = await readFile(this.path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (note === undefined) return undefined;
    const opened = openCheckpoint(note, verifier);
    if (!opened.ok) throw new AppError('LOG_INCONSISTENT', 'the head file holds no checkpoint of this log');
    return { size: opened.value.size, root: opened.value.root, note };
  }

  keep(checkpoint: StoredCheckpoint): void {
    this.waiting = checkpoint;
    this.timer ??= setTimeout(() => void this.flush(), KEEP_EVERY_MS);
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const checkpoint = this.waiting;
    this.waiting = undefined;
    if (checkpoint) this.writing = this.writing.then(() => this.write(checkpoint)).catch(this.onFailure);
    await this.writing;
  }

  private async write({ note }: StoredCheckpoint): Promise<void> {
    for (const path of [this.path, ...this.copies]) {
      const fresh = `${path}.new`;
      await writeFile(fresh, note, { mode: 0o600, flush: true });
      await rename(fresh, path);
    }
  }
}
