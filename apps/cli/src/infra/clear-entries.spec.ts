import { describe, expect, it } from '@jest/globals';
import { clearListFile, encodeClearEntry, formatClearList, type ListedEntry } from '#envelope';
import { newEventId, unwrap } from '#kernel';
import { decodeEntryBundle, encodeEntryBundle, entryBundlePath, tileWidth, widthAt } from '#merkle';
import type { LogFiles } from '../domain/log-files.js';
import { SmallLog, withTemporaryFolder } from '../testing/small-log.fixture.js';
import { type SignedLog, clearEntries } from './clear-entries.js';

const ofType =
  (...types: string[]) =>
  ({ type }: ListedEntry): boolean =>
    types.includes(type);

/** Six bundles: tombstones in the second and in the last, which the list does not know; a catalogue in the first; the list in the fifth. */
function madeLog() {
  const log = new SmallLog();
  const fillTo = (size: number): void => {
    while (log.size < size) log.addOpaque();
  };
  fillTo(10);
  const catalogue = log.addClear(1);
  fillTo(300);
  const first = log.addTombstone(3);
  fillTo(4 * tileWidth + 7);
  const list = log.addClearList();
  fillTo(5 * tileWidth + 9);
  const second = log.addTombstone(4);
  fillTo(5 * tileWidth + 20);
  return { log, catalogue, first, list, second };
}

/** Which bundles are read; a file may be shown as another one than it is. */
class ReadFiles implements LogFiles {
  readonly bundles = new Set<number>();
  readonly shown = new Map<string, Buffer | undefined>();

  constructor(private readonly files: LogFiles) {}

  async read(path: string): Promise<Buffer | undefined> {
    const bundle = /^tile\/entries\/(\d{3})/.exec(path);
    if (bundle) this.bundles.add(Number(bundle[1]));
    return this.shown.has(path) ? this.shown.get(path) : this.files.read(path);
  }

  /** Another entry in the place of one. */
  async showOther(index: number, size: number, entry: Uint8Array): Promise<void> {
    const n = Math.floor(index / tileWidth);
    const path = entryBundlePath(n, widthAt(n, size));
    const bundle = [...unwrap(decodeEntryBundle((await this.read(path))!, widthAt(n, size)))];
    bundle[index % tileWidth] = entry;
    this.shown.set(path, encodeEntryBundle(bundle));
  }
}

describe('entries in clear of a log that lists them', () => {
  const withLog = (
    use: (
      made: ReturnType<typeof madeLog> & { readonly files: ReadFiles; readonly signed: SignedLog },
    ) => Promise<void>,
  ): Promise<void> =>
    withTemporaryFolder(async (folder) => {
      const made = madeLog();
      const files = new ReadFiles(await made.log.export(`${folder}/log`));
      const { size, root } = made.log;
      await use({ ...made, files, signed: { files, tree: { size, root }, published: size } });
    });
  const indices = (found: readonly { index: number }[]): number[] => found.map(({ index }) => index);

  it('are found without reading bundles in which nothing is that is wanted, up to what came since the list', () =>
    withLog(async ({ signed, files, first, second }) => {
      expect(indices(await clearEntries(signed, ofType('tombstone')))).toEqual([first, second]);
      // The listed one, and from the list's size on all.
      expect([...files.bundles].sort()).toEqual([1, 4, 5]);
    }));

  it.each([
    ['there is no list', () => undefined],
    ['the list leaves one out', (log: SmallLog, list: number) => formatClearList(list, log.inClear(list).slice(1))],
    ['the list has one more', (log: SmallLog, list: number) => formatClearList(list, log.inClear())],
    ['the list names another entry than the one that says it', (log: SmallLog) => formatClearList(2, log.inClear(5))],
    ['the list is about a log that has grown since', (log: SmallLog) => formatClearList(9_999, log.inClear())],
    ['the list is none', () => 'nothing'],
  ])('are found by reading every entry where %s', (_, shown) =>
    withLog(async ({ log, signed, files, catalogue, first, list, second }) => {
      const text = shown(log, list);
      files.shown.set(clearListFile, text === undefined ? undefined : Buffer.from(text));
      const found = await clearEntries(signed, ofType('tombstone', 'catalogue'));
      expect(indices(found)).toEqual([catalogue, first, second]);
      expect(files.bundles.size).toBe(6);
    }),
  );

  it('are all found where the log lists them under a checkpoint from before the list', () =>
    withLog(async ({ log, list, catalogue, first }) =>
      withTemporaryFolder(async (folder) => {
        const files = new ReadFiles(await log.export(`${folder}/log`, list));
        const tree = { size: list, root: log.rootAt(list) };
        const found = await clearEntries({ files, tree, published: list }, ofType('tombstone', 'catalogue'));
        expect(indices(found)).toEqual([catalogue, first]);
      }),
    ));

  it('are not taken from a list that says so in an entry which the signed tree does not have', () =>
    withLog(async ({ log, signed, files, list }) => {
      const other = new SmallLog();
      while (other.size < list) other.addOpaque();
      other.addClearList({ entries: [] });
      await files.showOther(list, log.size, other.entries[list]!);
      files.shown.set(clearListFile, Buffer.from(formatClearList(list, [])));
      await expect(clearEntries(signed, ofType('tombstone'))).rejects.toMatchObject({ code: 'LOG_INCONSISTENT' });
    }));

  it.each(['first', 'second'] as const)('are refused where another one is shown in the place of the %s', (which) =>
    withLog(async ({ log, signed, files, ...made }) => {
      const at = '2026-11-23T02:00:00.000Z';
      const hash = Buffer.alloc(32, 7).toString('base64url') as never;
      const other = encodeClearEntry(newEventId(), { type: 'catalogue', version: 9, hash, at });
      await files.showOther(made[which], log.size, other);
      await expect(clearEntries(signed, ofType('tombstone'))).rejects.toMatchObject({ code: 'LOG_INCONSISTENT' });
    }),
  );
});
