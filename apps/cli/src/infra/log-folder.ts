import { createReadStream } from 'node:fs';
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { createInterface } from 'node:readline';
import { types } from 'node:util';
import type { LogFiles } from '../domain/log-files.js';

/** A log as files in the layout of C2SP tlog-tiles, so that other people's tools read it too. */
export class LogFolder implements LogFiles {
  constructor(readonly path: string) {}

  /** One file below the folder; undefined where there is none. */
  async read(name: string): Promise<Buffer | undefined> {
    return readFile(join(this.path, name)).catch(absent);
  }

  async readText(name: string): Promise<string | undefined> {
    return (await this.read(name))?.toString('utf8');
  }

  async has(name: string): Promise<boolean> {
    return (await stat(join(this.path, name)).catch(absent))?.isFile() ?? false;
  }

  async write(name: string, content: string | Uint8Array): Promise<void> {
    const path = join(this.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }

  /** Leaves a file that has this content already as it is. */
  async writeIfOther(name: string, content: Uint8Array): Promise<void> {
    if (!(await this.read(name))?.equals(content)) await this.write(name, content);
  }

  /** The lines of a text file one after another; none where there is no file. */
  async *lines(name: string): AsyncGenerator<string> {
    if (!(await this.has(name))) return;
    yield* createInterface({ input: createReadStream(join(this.path, name), 'utf8'), crlfDelay: Infinity });
  }

  /** Files below `tile/`, by their paths. */
  async *tileFiles(): AsyncGenerator<string> {
    yield* this.filesBelow(join(this.path, 'tile'));
  }

  private async *filesBelow(folder: string): AsyncGenerator<string> {
    const entries = (await readdir(folder, { withFileTypes: true }).catch(absent)) ?? [];
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) yield* this.filesBelow(path);
      else yield relative(this.path, path).split(sep).join('/');
    }
  }
}

function absent(error: unknown): undefined {
  const code = types.isNativeError(error) && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  throw error;
}
