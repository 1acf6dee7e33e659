import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from '@jest/globals';

/** Vectors made elsewhere lie beside the repository, not in it. */
const vectorFolder = fileURLToPath(new URL('../../../shared/vectors', import.meta.url));

/** Absolute path of a vector file or folder, given relative to the vectors; undefined where it is absent. */
export const vectorFile = (path: string): string | undefined => {
  const file = join(vectorFolder, path);
  return existsSync(file) ? file : undefined;
};

/** A `describe` over a vector file or folder; where it is absent, one skipped test says so by name. */
export function describeVectors(name: string, path: string, fn: (file: string) => void): void {
  describe(name, () => {
    const file = vectorFile(path);
    if (file === undefined) test.skip(`needs ../shared/vectors/${path}, which is not here`, () => undefined);
    else fn(file);
  });
}

/** JSON with every whole number beyond 2^53−1 as bigint: vectors use indices up to 2^64−1. */
export function readVectors<T>(file: string): T {
  const text = readFileSync(file, 'utf8');
  const marked = text.replaceAll(/(:\s*)(\d{16,})(?=\s*[,}\]\n])/g, '$1"$2n"');
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && /^\d{16,}n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
  ) as T;
}
