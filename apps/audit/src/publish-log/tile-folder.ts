import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { clearListFile, logKeysFile } from '#envelope';
import { AppError } from '#kernel';
import { parseTilePath, tileWidth, withSignatureLines } from '#merkle';

export const checkpointFile = 'checkpoint';
/** The newest checkpoint that enough witnesses cosigned. */
export const cosignedFile = 'checkpoint.cosigned';
/** Files are made here and moved to their places whole. */
const staging = '.staging';
const notes: ReadonlySet<string> = new Set([checkpointFile, cosignedFile, logKeysFile, clearListFile]);
/** Files that are written at the same time. */
const together = 32;

/**
 * The public log as files in the layout of C2SP tlog-tiles. Tiles and entry bundles are written once and never changed; a
 * file is either whole and durable at its place or not there at all, wherever the process or the machine stops.
 */
export class TileFolder {
  private lastCheckpointWrite: Promise<void> = Promise.resolve();

  constructor(readonly path: string) {}

  /** `undefined` where there is no such file. */
  read(name: string): Promise<Buffer | undefined> {
    return readFile(join(this.path, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    });
  }

  async checkpoint(): Promise<string | undefined> {
    return (await this.read(checkpointFile))?.toString('utf8');
  }

  /**
   * A checkpoint, the log's keys, its list of what is in clear, or a tile or bundle. A partial one that went when its full one came is the beginning of that, so it
   * reads the same for ever. `undefined` for what is not there and for paths that name nothing in this layout.
   */
  async readPublic(path: string): Promise<Buffer | undefined> {
    if (notes.has(path)) return this.read(path);
    const tile = parseTilePath(path);
    if (!tile) return undefined;
    const content = await this.read(path);
    if (content || tile.width === tileWidth) return content;
    const full = await this.read(path.slice(0, path.lastIndexOf('.p/')));
    return full && beginning(full, tile);
  }

  /**
   * Durable when it resolves, together with the folders on the way. A file that is there already must be the same.
   * Errors: LOG_INCONSISTENT.
   */
  async writeOnce(files: readonly (readonly [name: string, content: Buffer])[]): Promise<void> {
    for (let at = 0; at < files.length; at += together)
      await allDone(files.slice(at, at + together).map(([name, content]) => this.place(name, content)));
    // Also for files that an earlier process left: it may have stopped before their folders were durable.
    const folders = new Set(files.flatMap(([name]) => foldersOf(name)));
    await allDone([...folders].map((folder) => syncFolder(join(this.path, folder))));
  }

  /** From here on everybody sees the log at this size. Everything that it implies must be written before. */
  publishCheckpoint(note: string): Promise<void> {
    return this.oneByOne(() => this.writeNote(checkpointFile, note));
  }

  /** Signature lines of witnesses below the published checkpoint, if it still is the one of this size. */
  addSignatures(size: number, lines: readonly string[]): Promise<void> {
    return this.oneByOne(async () => {
      const note = await this.checkpoint();
      if (note === undefined || sizeIn(note) !== size) return;
      const further = withSignatureLines(note, lines);
      if (further !== note) await this.writeNote(checkpointFile, further);
    });
  }

  /** The newest witnessed checkpoint; never one of a smaller size than before. */
  publishCosigned(size: number, note: string): Promise<void> {
    return this.oneByOne(async () => {
      const before = (await this.read(cosignedFile))?.toString('utf8');
      if (before === undefined || sizeIn(before) <= size) await this.writeNote(cosignedFile, note);
    });
  }

  /** How each key of the log follows from the one before (`formatLogKeyLinks`). */
  publishKeys(links: string): Promise<void> {
    return this.oneByOne(() => this.writeNote(logKeysFile, links));
  }

  /** Which entries stand in clear (`formatClearList`), once the log shows the entry that says so. */
  publishClearList(list: string): Promise<void> {
    return this.oneByOne(() => this.writeNote(clearListFile, list));
  }

  /** Two writers of one file would bring an older checkpoint back. */
  private oneByOne(write: () => Promise<void>): Promise<void> {
    const done = this.lastCheckpointWrite.then(write);
    this.lastCheckpointWrite = done.catch(() => undefined);
    return done;
  }

  private async writeNote(name: string, note: string): Promise<void> {
    await this.replace(name, Buffer.from(note, 'utf8'));
    await syncFolder(this.path);
  }

  /** Partial tiles below a full one, by the path of the full one. */
  async dropPartials(path: string): Promise<void> {
    await rm(join(this.path, `${path}.p`), { recursive: true, force: true });
  }

  private async place(name: string, content: Buffer): Promise<void> {
    // Hardly anything is there already, and to fail to open it costs more than to look.
    const there = existsSync(join(this.path, name)) ? await this.read(name) : undefined;
    if (there === undefined) return this.replace(name, content);
    if (!there.equals(content))
      throw new AppError('LOG_INCONSISTENT', `${name} was published before with another content`);
  }

  private async replace(name: string, content: Buffer): Promise<void> {
    const made = join(this.path, staging, `${process.pid}-${name.replaceAll('/', '-')}`);
    await makeFolder(dirname(made));
    const file = await open(made, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    const target = join(this.path, name);
    await makeFolder(dirname(target));
    await rename(made, target);
  }
}

/** Size in a checkpoint that was published from here; NaN where there is none. */
const sizeIn = (note: string): number => Number(note.split('\n')[1]);

/** The first `width` hashes or entries of a full tile or bundle; `undefined` where it is broken. */
function beginning(
  full: Buffer,
  { level, width }: { readonly level: 'entries' | number; readonly width: number },
): Buffer | undefined {
  if (level !== 'entries') return full.subarray(0, (width * full.length) / tileWidth);
  let end = 0;
  for (let entries = 0; entries < width; entries += 1) {
    if (end + 2 > full.length) return undefined;
    end += 2 + full.readUInt16BE(end);
  }
  return end <= full.length ? full.subarray(0, end) : undefined;
}

async function makeFolder(path: string): Promise<void> {
  if (!existsSync(path)) await mkdir(path, { recursive: true });
}

/** `tile/0/x001/067` → `tile/0/x001`, `tile/0`, `tile`, and the log's folder itself. */
function foldersOf(name: string): string[] {
  const folders: string[] = [];
  for (let folder = dirname(name); ; folder = dirname(folder)) {
    folders.push(folder);
    if (folder === '.') return folders;
  }
}

/** Leaves nothing running behind a failure. */
async function allDone(work: readonly Promise<void>[]): Promise<void> {
  for (const done of await Promise.allSettled(work)) if (done.status === 'rejected') throw done.reason;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
