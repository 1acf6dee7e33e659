import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the clone: the same from the sources, where tests run them, and from `dist/`. */
export const cloneFolder = folderAbove(dirname(fileURLToPath(import.meta.url)), 'package-lock.json');

/** The data folder of a clone: ignored by git. */
export const defaultDataFolder = join(cloneFolder, '.kotovayla');

/** A compiled file, by its path below `dist/`. Processes are started from those, also by tests. */
export const compiled = (path: string): string => join(cloneFolder, 'dist', path);

function folderAbove(folder: string, file: string): string {
  return existsSync(join(folder, file)) ? folder : folderAbove(dirname(folder), file);
}
