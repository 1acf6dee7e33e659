import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type ClearRecord,
  clearListDigest,
  clearListFile,
  decodeEntry,
  listedEntryOf,
  parseClearList,
} from '#envelope';
import { newEventId, type Sha256, systemClock, unwrap } from '#kernel';
import { createLogger, prepareDatabase, serviceDatabaseUrl } from '#platform';
import { type TestDatabase, createTestDatabase, until } from '#testing';
import { prepareClear } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { databaseSpec } from '../infra/database.js';
import { readEntries, storedSize } from '../infra/log-store.js';
import { auditSchema } from '../infra/schema.js';
import { TileFolder } from '../publish-log/tile-folder.js';
import { ErasingHub, publicLogIn } from '../testing/erasing-hub.fixture.js';
import { ClearLists } from './clear-lists.js';

const everyEntries = 8;
const at = '2026-11-22T10:00:00.000Z';
const hash = Buffer.alloc(32, 1).toString('base64url') as Sha256;

let database: TestDatabase;
let folder: string;
let hub: ErasingHub;
let tiles: TileFolder;

beforeEach(async () => {
  database = await createTestDatabase();
  await prepareDatabase(database.url, databaseSpec);
  folder = await mkdtemp(join(tmpdir(), 'listing-'));
  hub = await ErasingHub.start({ databaseUrl: serviceDatabaseUrl(database.url, auditSchema), folder }, []);
  tiles = new TileFolder(publicLogIn(folder));
  await until('the appender is active', () => hub.appender.active);
});
afterEach(async () => {
  await hub.stop();
  await database.drop();
  await rm(folder, { recursive: true });
});

const published = async (): Promise<number> => (await hub.publisher.published())?.size ?? 0;
const lists = (shownUpTo = published): ClearLists =>
  new ClearLists({
    client: hub.database,
    appender: hub.appender,
    folder: tiles,
    published: shownUpTo,
    clock: systemClock,
    logger: createLogger('listing', 'silent'),
    everyEntries,
  });

async function append(opaque: number, clear: number): Promise<void> {
  await hub.log(...Array.from({ length: opaque }, () => ({})));
  const entries = Array.from({ length: clear }, (_, n) =>
    prepareClear(newEventId(), { type: 'catalogue', version: n + 1, hash, at }, { type: 'catalogue', at, parties: [] }),
  );
  if (clear > 0) await hub.appender.append(plainProposal(entries));
}

/** The log's entries in clear, read one after another. */
async function inClear(): Promise<{ index: number; entry: Buffer; record: ClearRecord }[]> {
  const entries = await readEntries(hub.database, 0, await storedSize(hub.database));
  return entries.flatMap((entry, index) => {
    const decoded = unwrap(decodeEntry(entry));
    return decoded.kind === 'clear' ? [{ index, entry, record: decoded.record }] : [];
  });
}
const shown = async () => {
  const text = await tiles.read(clearListFile);
  return text && unwrap(parseClearList(text));
};
const said = async () => (await inClear()).filter(({ record }) => record.type === 'clear-list');

describe('what stands in clear in the log', () => {
  it('is said in it once it has grown by so many entries, and the list that was said is shown', async () => {
    await append(5, 2);
    await lists().refresh();
    expect(await said()).toEqual([]);
    expect(await shown()).toBeUndefined();
    await append(1, 0);
    await until('the list is shown', () => lists().refresh());
    const [statement] = await said();
    const listed = (await inClear())
      .filter(({ index }) => index < 8)
      .map(({ index, entry, record }) => listedEntryOf(index, entry, record));
    expect(listed).toHaveLength(2);
    expect(statement?.record).toMatchObject({ size: 8, digest: clearListDigest(listed) });
    expect(await shown()).toMatchObject({ statement: statement?.index, entries: listed });
  });

  it('is not said again before the log has grown as much once more; then the newest list is shown', async () => {
    await append(8, 1);
    await until('the list is shown', () => lists().refresh());
    await append(3, 1);
    expect(await lists().refresh()).toBe(true);
    expect(await said()).toHaveLength(1);
    await append(5, 0);
    await until('the list is shown', () => lists().refresh());
    const statements = await said();
    expect(statements).toHaveLength(2);
    expect((await shown())?.statement).toBe(statements[1]?.index);
    // The first statement stands in clear, too.
    expect((await shown())?.entries.map(({ type }) => type)).toEqual(['catalogue', 'clear-list', 'catalogue']);
  });

  it('is shown only when the entry that says it can be read by everybody, also by a process that finds it said', async () => {
    await append(9, 0);
    expect(await lists(() => Promise.resolve(9)).refresh()).toBe(false);
    expect(await shown()).toBeUndefined();
    await until('the list is shown', () => lists().refresh());
    expect(await said()).toHaveLength(1);
    expect((await shown())?.statement).toBe(9);
  });
});
