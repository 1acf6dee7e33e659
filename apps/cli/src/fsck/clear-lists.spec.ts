import { describe, expect, it } from '@jest/globals';
import type { ListedEntry } from '#envelope';
import { SmallLog, withTemporaryFolder } from '../testing/small-log.fixture.js';
import { verifyLog } from '../verify-log/verify-log.js';
import { fsck } from './fsck.js';

type Listed = readonly ListedEntry[];

describe('what a log says of its own entries in clear', () => {
  /** Of fifteen entries every fifth stands in clear; a list of them, some more, and a list over all of those. */
  const checked = (second: (entries: Listed, size: number) => { size?: number; entries?: ListedEntry[] }) =>
    withTemporaryFolder(async (folder) => {
      const log = SmallLog.ofSize(15);
      log.addClearList();
      for (let n = 0; n < 3; n += 1) log.addOpaque();
      const index = log.addClearList(second(log.inClear(), log.size));
      const exported = await log.export(`${folder}/log`);
      const { verifierKey, trusted } = log;
      const address = exported.path;
      const opened = { files: exported, address, verifierKey, verifier: trusted.keys, trusted };
      const rest = { keyFrom: 'given' as const, where: address, close: () => Promise.resolve() };
      const [whole, named] = [
        await fsck({ ...opened, ...rest }),
        await verifyLog({ folder: exported, logVerifier: trusted.keys }),
      ];
      return { index, faults: [whole, named].map(({ faults }) => faults.map(({ kind, index: at }) => [kind, at])) };
    });

  it('is whole where it is so', async () => {
    expect((await checked(() => ({}))).faults).toEqual([[], []]);
  });

  it('is whole where it is said of fewer, to a smaller size', async () => {
    expect((await checked((entries) => ({ size: 16, entries: [...entries] }))).faults).toEqual([[], []]);
  });

  it.each<[string, (entries: Listed, size: number) => { size?: number; entries?: ListedEntry[] }]>([
    ['an entry left out', (entries) => ({ entries: entries.slice(1) })],
    ['an entry of another agency', (entries) => ({ entries: entries.map((one) => ({ ...one, use: 'signing' })) })],
    ['an entry too many', (entries, size) => ({ entries: [...entries, { ...entries[0]!, index: size - 1 }] })],
    ['entries that were to come', (entries, size) => ({ size: size + 1, entries: [...entries] })],
    ['fewer than the one before it', (entries) => ({ size: 5, entries: entries.slice(0, 1) })],
  ])('is named by its index where it has %s', async (_, second) => {
    const { index, faults } = await checked(second);
    expect(faults).toEqual([[['clear-list-false', index]], [['clear-list-false', index]]]);
  });
});
