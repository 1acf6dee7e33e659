import { createReadStream } from 'node:fs';
import { readdir, rm, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Result } from '#kernel';
import {
  type Checkpoint,
  CompactRange,
  decodeEntryBundle,
  decodeTile,
  entryBundlePath,
  hashLength,
  leafHash,
  parseTilePath,
  tilePath,
  tileWidth,
  widthAt,
} from '#merkle';
import { type BodyLine, openBodyLine, parseBodyLine } from '../domain/body-line.js';
import type { Buried } from '../domain/buried.js';
import { bodiesFile, checkpointFile } from '../domain/log-files.js';
import { LogFolder } from '../infra/log-folder.js';

/** The checkpoint under which an export began, until the log is known to have grown from it; for good where it has not. */
export const begunFile = 'checkpoint.begun';

/**
 * What an export that was interrupted left in its folder. A file that is there may be half written, of another log, or changed:
 * it is a copy that saves the asking, and counts only where it is what the log shows now.
 */
export class InterruptedExport {
  private constructor(
    private readonly folder: LogFolder,
    /** Under which it began: the log must have grown from that. */
    readonly checkpoint: Checkpoint,
  ) {}

  /** Undefined where there is none to go on with; whatever can be no part of a longer log is removed. */
  static async in(
    folder: LogFolder,
    open: (note: string) => Result<Checkpoint>,
  ): Promise<InterruptedExport | undefined> {
    const notes = await Promise.all([folder.readText(begunFile), folder.readText(checkpointFile)]);
    const [begun] = notes.flatMap((note) => {
      const opened = note === undefined ? undefined : open(note);
      return opened?.ok ? [opened.value] : [];
    });
    if (!begun) {
      await rm(folder.path, { recursive: true, force: true });
      return undefined;
    }
    for (const name of await readdir(folder.path))
      if (![begunFile, checkpointFile, bodiesFile, 'tile'].includes(name))
        await rm(join(folder.path, name), { recursive: true, force: true });
    for await (const path of folder.tileFiles()) {
      const named = parseTilePath(path);
      if (named?.width === tileWidth) continue;
      // With a partial file goes the folder that is named after its tile.
      await rm(join(folder.path, named ? dirname(path) : path), { recursive: true, force: true });
    }
    return new InterruptedExport(folder, begun);
  }

  /** The entries of a full bundle, where they are those over which the log has this hash. */
  async bundle(n: number, root: Buffer): Promise<Buffer[] | undefined> {
    const entries = decodeEntryBundle((await this.folder.read(entryBundlePath(n))) ?? Buffer.alloc(0), tileWidth);
    if (!entries.ok) return undefined;
    const subtree = CompactRange.empty();
    for (const entry of entries.value) subtree.append(leafHash(entry));
    return subtree.root().equals(root) ? entries.value.map((entry) => Buffer.from(entry)) : undefined;
  }

  /**
   * Keeps of the bodies what leads, line by line, to the leaves that the tiles beside them have, and of which no tombstone says
   * that it was erased meanwhile. Gives their number and the index from which on they are missing.
   */
  async keepBodies(size: number, buried: Buried): Promise<KeptBodies> {
    const leaves = new LowestTiles(this.folder, size);
    let kept = { count: 0, next: 0, bytes: 0 };
    if (!(await this.folder.has(bodiesFile))) return kept;
    for await (const text of wholeLines(join(this.folder.path, bodiesFile))) {
      const line = parseBodyLine(text);
      const opened = line.ok ? openBodyLine(line.value) : line;
      if (!line.ok || !opened.ok || !('leafHash' in opened.value) || formatBodyLine(line.value) !== `${text}\n`) break;
      const { index } = line.value;
      if (index < kept.next || index >= size || buried.has(index)) break;
      if (!(await leaves.at(index))?.equals(opened.value.leafHash)) break;
      kept = { count: kept.count + 1, next: index + 1, bytes: kept.bytes + Buffer.byteLength(text) + 1 };
    }
    await truncate(join(this.folder.path, bodiesFile), kept.bytes);
    return kept;
  }
}

export interface KeptBodies {
  readonly count: number;
  readonly next: number;
}

export const formatBodyLine = ({ index, body, commitmentKey, places }: BodyLine): string =>
  `${JSON.stringify({ index, body, commitmentKey, places })}\n`;

/** Without a last one that does not end. */
async function* wholeLines(path: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(path, 'utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

/** Leaf hashes, asked for in rising order. */
class LowestTiles {
  private tile: { readonly n: number; readonly bytes: Buffer } | undefined;

  constructor(
    private readonly folder: LogFolder,
    private readonly size: number,
  ) {}

  async at(index: number): Promise<Buffer | undefined> {
    const n = Math.floor(index / tileWidth);
    if (this.tile?.n !== n) {
      const bytes = await this.folder.read(tilePath(0, n, widthAt(n, this.size)));
      this.tile = { n, bytes: bytes ?? Buffer.alloc(0) };
    }
    const begin = (index % tileWidth) * hashLength;
    return this.tile.bytes.subarray(begin, begin + hashLength);
  }
}

/** Hashes that a log shows over its full bundles: those of the second level of tiles. */
export class BundleRoots {
  private tile: { readonly n: number; readonly hashes: readonly Buffer[] } | undefined;

  /** @param read a tile of the log by its path */
  constructor(
    private readonly read: (path: string) => Promise<Buffer | undefined>,
    private readonly size: number,
  ) {}

  /** Undefined where the log does not show it. */
  async of(bundle: number): Promise<Buffer | undefined> {
    const n = Math.floor(bundle / tileWidth);
    if (this.tile?.n !== n) {
      const width = widthAt(n, Math.floor(this.size / tileWidth));
      const bytes = width > 0 ? await this.read(tilePath(1, n, width)) : undefined;
      const hashes = bytes && decodeTile(bytes, width);
      this.tile = { n, hashes: hashes?.ok ? hashes.value : [] };
    }
    return this.tile.hashes[bundle % tileWidth];
  }
}
