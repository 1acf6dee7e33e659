import { readFile, stat } from 'node:fs/promises';

/** A file's bytes; undefined where the path is a folder or nothing. */
export async function fileAt(path: string): Promise<Buffer | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? readFile(path) : undefined;
}
