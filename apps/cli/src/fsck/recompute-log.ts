import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Checkpoint, TileBuilder, hashLength, tileWidth } from '#merkle';
import { Buried } from '../domain/buried.js';
import { falseClearLists } from '../domain/clear-lists.js';
import { bodiesFile } from '../domain/log-files.js';
import type { KeyEntry } from '../domain/log-keys.js';
import { LogFolder } from '../infra/log-folder.js';
import type { OpenedLog } from '../infra/open-log.js';
import { checkTile } from '../verify-log/check-tiles.js';
import type { CheckedBodies, CheckedRange } from './check-range.js';
import { checkAll } from './range-threads.js';
import type { RangeTask } from './perform-task.js';

/** 256 bundles, so that a range fills a tile of the second level; small enough to share among threads. */
const bundlesPerRange = tileWidth;
const bytesPerRange = 32 * 1024 * 1024;

export interface RecomputedLog {
  readonly opaque: number;
  readonly clear: number;
  readonly keyEntries: readonly KeyEntry[];
  /** Opaque entries that a tombstone names. */
  readonly erased: number;
  /** Undefined where the log comes without bodies. */
  readonly bodies?: number;
}

/**
 * Recomputes the whole log from its entries, on all processors: entries, tiles of every level, bodies, and the root.
 * `undefined` where anything differs; what and where is for a pass that looks at one place after another.
 */
export async function recomputeLog(
  log: Pick<OpenedLog, 'files' | 'address'>,
  { size, root }: Pick<Checkpoint, 'size' | 'root'>,
  options: { readonly someBodies: boolean; readonly onProgress?: (entries: number, size: number) => void },
): Promise<RecomputedLog | undefined> {
  const bundles = Math.ceil(size / tileWidth);
  const bodyBytes =
    log.files instanceof LogFolder
      ? (await stat(join(log.address, bodiesFile)).catch(() => undefined))?.size
      : undefined;
  const entryTasks = cut(bundles, bundlesPerRange).map(([first, end]): RangeTask => {
    return { kind: 'bundles', range: { first, end, size } };
  });
  let done = 0;
  const ranges = (await checkAll(entryTasks, log, (task) => {
    if (task.kind === 'bundles') done += Math.min(size, task.range.end * tileWidth) - task.range.first * tileWidth;
    options.onProgress?.(done, size);
  })) as CheckedRange[];
  if (ranges.some(({ wrong }) => wrong)) return undefined;
  const firstNumbered = Math.min(...ranges.map((range) => range.firstNumbered));
  if (ranges.some(({ lastUnnumbered }) => lastUnnumbered > firstNumbered)) return undefined;
  const buried = new Buried(ranges.flatMap((range) => range.buried));
  // What is in clear was never erased, and what is not there neither.
  if (ranges.some(({ clear }) => clear.some(({ listed }) => buried.has(listed.index)))) return undefined;
  if (falseClearLists(ranges.flatMap(({ clear }) => clear)).length > 0) return undefined;
  if ((buried.ranges.at(-1)?.last ?? -1) >= size) return undefined;
  const bodyTasks = cut(bodyBytes ?? 0, bytesPerRange).map(([begin, end]): RangeTask => {
    return { kind: 'bodies', range: { begin, end, size, buried: buried.ranges } };
  });
  const bodies = (await checkAll(bodyTasks, log, () => undefined)) as CheckedBodies[];
  if (bodies.some(({ wrong }) => wrong)) return undefined;

  if (!(await upperTilesFit(log, ranges, { size, root }))) return undefined;
  const opaque = ranges.reduce((sum, range) => sum + range.opaque, 0);
  const clear = ranges.reduce((sum, range) => sum + range.clear.length, 0);
  const keyEntries = ranges.flatMap((range) => range.keyEntries);
  const erased = buried.count;
  if (bodyBytes === undefined) return { opaque, clear, keyEntries, erased };
  const count = bodies.reduce((sum, range) => sum + range.count, 0);
  const firsts = bodies.filter((range) => range.count > 0);
  const inOrder = firsts.every(({ first }, at) => first > (firsts[at - 1]?.last ?? -1));
  // Each leads to the leaf of another index, none to an erased one: as many as there are opaque entries beside those are one
  // for each.
  const whole = options.someBodies || count + erased === opaque;
  return inOrder && whole ? { opaque, clear, keyEntries, erased, bodies: count } : undefined;
}

const cut = (length: number, step: number): [number, number][] =>
  Array.from({ length: Math.ceil(length / step) }, (_, at) => [at * step, Math.min(length, (at + 1) * step)]);

/** The tiles above the lowest, and the root over all of them. */
async function upperTilesFit(
  log: Pick<OpenedLog, 'files'>,
  ranges: readonly CheckedRange[],
  { size, root }: Pick<Checkpoint, 'size' | 'root'>,
): Promise<boolean> {
  const upper = new TileBuilder();
  for (const { roots } of ranges) for (const hash of hashesOf(roots)) upper.append(hash);
  const partial = hashesOf(ranges.at(-1)?.partial ?? Buffer.alloc(0));
  const rows = [...(partial.length > 0 ? [partial] : []), ...upper.partial().map(({ hashes }) => hashes)];
  if (!TileBuilder.restore(size, rows).root().equals(root)) return false;
  for (const tile of [...upper.takeFull(), ...upper.partial()]) {
    if (await checkTile(log.files, { ...tile, level: tile.level + 1 })) return false;
  }
  return true;
}

function hashesOf(bytes: Uint8Array): Buffer[] {
  const row = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: row.length / hashLength }, (_, at) =>
    row.subarray(at * hashLength, (at + 1) * hashLength),
  );
}
