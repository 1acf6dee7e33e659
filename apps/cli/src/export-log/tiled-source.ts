import { logKeysFile } from '#envelope';
import { AppError, unwrap } from '#kernel';
import { decodeEntryBundle, entryBundlePath, tileWidth, widthAt } from '#merkle';
import { type LogFiles, checkpointFile, cosignedFile } from '../domain/log-files.js';
import type { LogSource } from './export-log.js';

/** Bundles that are fetched at the same time. */
const together = 8;

/** Reads a log by its published files alone: nothing of ours need answer. */
export class TiledSource implements LogSource {
  constructor(private readonly files: LogFiles) {}

  async checkpoint(): Promise<string> {
    const note = await this.files.read(checkpointFile);
    if (!note) throw new AppError('NOT_FOUND', 'There is no checkpoint.');
    return note.toString('utf8');
  }

  async cosigned(): Promise<string | undefined> {
    return (await this.files.read(cosignedFile))?.toString('utf8');
  }

  keys(): Promise<Buffer | undefined> {
    return this.files.read(logKeysFile);
  }

  tile(path: string): Promise<Buffer | undefined> {
    return this.files.read(path);
  }

  /** Whole bundles from the one of `from` on; fewer entries where a bundle is missing. */
  async entries(from: number, to: number): Promise<Buffer[]> {
    const first = Math.floor(from / tileWidth);
    const count = Math.min(together, Math.ceil(to / tileWidth) - first);
    const bundles = await Promise.all(
      Array.from({ length: count }, async (_, at) => {
        const n = first + at;
        const width = widthAt(n, to);
        const bytes = await this.files.read(entryBundlePath(n, width));
        return bytes && unwrap(decodeEntryBundle(bytes, width)).map((entry) => Buffer.from(entry));
      }),
    );
    const missing = bundles.indexOf(undefined);
    const there = bundles.slice(0, missing < 0 ? undefined : missing).flatMap((entries) => entries ?? []);
    return there.slice(from - first * tileWidth);
  }
}
