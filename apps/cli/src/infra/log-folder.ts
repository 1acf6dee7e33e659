import { createReadStream } from 'node:fs';
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { createInterface } from 'node:readline';
import { types } from 'node:util';
import { entryBundlePath, tilePath, tileWidth } from '#merkle';

/** Files beside the tiles. `checkpoint` and the tiles are as C2SP names them; the other two are ours. */
export const checkpointFile = 'checkpoint';
export const verifierKeyFile = 'log.vkey';
export const bodiesFile = 'bodies.jsonl';

/** A log as files in the layout of C2SP tlog-tiles, so that other people's tools read it too. */
export class LogFolder {
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

/** How wide tile or bundle `n` is in a log that has `count` hashes or entries on that level; 0 where there is none. */
export const widthAt = (n: number, count: number): number => Math.max(0, Math.min(tileWidth, count - n * tileWidth));

const tileFile = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,3}))?$/;

/** Level (`entries`, or a number), index and width that a path of `tilePath` or `entryBundlePath` names. */
export function parseTilePath(path: string): { level: 'entries' | number; n: number; width: number } | undefined {
  const [, levelText, indexText, widthText] = tileFile.exec(path) ?? [];
  if (levelText === undefined || indexText === undefined) return undefined;
  const level = levelText === 'entries' ? levelText : Number(levelText);
  const n = Number(indexText.replaceAll(/[x/]/g, ''));
  const width = widthText === undefined ? tileWidth : Number(widthText);
  if (!Number.isSafeInteger(n) || width < 1 || width > tileWidth) return undefined;
  // Only the one spelling: 000.p/256 or 000/x000 name nothing.
  const named = level === 'entries' ? entryBundlePath(n, width) : level > 63 ? undefined : tilePath(level, n, width);
  return named === path ? { level, n, width } : undefined;
}

function absent(error: unknown): undefined {
  const code = types.isNativeError(error) && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  throw error;
}
