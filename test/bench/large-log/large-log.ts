import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { formatCheckpoint, signCheckpoint } from '#merkle';
import { Database, prepareDatabase, serviceDatabaseUrl } from '#platform';
import { createTestDatabase } from '#testing';
import { ChainHeads } from '../../../apps/audit/src/append-entries/chain-heads.js';
import { EntrySealer } from '../../../apps/audit/src/seal-entries/entry-sealer.js';
import { databaseSpec } from '../../../apps/audit/src/infra/database.js';
import { EntryKek } from '../../../apps/audit/src/infra/entry-kek.js';
import { LogKey } from '../../../apps/audit/src/infra/log-key.js';
import { appendStatement, storedSize, tileSource } from '../../../apps/audit/src/infra/log-store.js';
import { auditSchema } from '../../../apps/audit/src/infra/schema.js';
import {
  type HubPlaces,
  erasingOrigin,
  kekPathIn,
  logKeyPathIn,
} from '../../../apps/audit/src/testing/erasing-hub.fixture.js';
import { TiledTree } from '../../../apps/audit/src/tree/tiled-tree.js';
import { interruption } from '../../../deploy/src/foreground.js';
import { Stack } from '../../../deploy/src/stack.js';
import { BodySource } from '../audit/bench-log.js';
import { showProgress } from '../measure/progress.js';

/** Entries of one statement and one checkpoint. */
const batchEntries = 4_096;

/** A log that lies in a database and was not yet published: key files and public folder lie below `places.folder`. */
export interface LargeLog {
  readonly entries: number;
  readonly places: HubPlaces;
  /** Of the database's owner. */
  readonly ownerUrl: string;
  readonly verifierKey: string;
}

interface MakeLog {
  readonly entries: number;
  /** The largest agency is a party of every so many. */
  readonly everyOfLargest?: number;
}

interface Kept {
  readonly database: string;
}

/**
 * Lends a log of so many real sealed entries, each prepared by the service's own code and inserted in large batches. All of it is
 * removed at the end, unless a folder is named, in which it stays for the next bench. Resolves to the exit code.
 */
export async function withLargeLog(
  asked: MakeLog & { readonly keep?: string | undefined },
  bench: (log: LargeLog) => Promise<void>,
): Promise<number> {
  const { keep } = asked;
  const interrupted = interruption();
  const stack = await Stack.start({
    dataFolder: keep === undefined ? mkdtempSync(join(tmpdir(), 'kotovayla-bench-')) : resolve(keep),
    environment: { KAFKA_BROKERS: 'none', AGENCIES_DATABASE_URL: 'none' },
    report: (line) => console.error(line),
  });
  Object.assign(process.env, stack.environment);
  try {
    const lend = async (): Promise<number> => {
      await bench(await keptOrMade(stack, asked));
      return 0;
    };
    return await Promise.race([lend(), interrupted]);
  } catch (error) {
    console.error(error instanceof Error ? error.stack : error);
    return 1;
  } finally {
    await (keep === undefined ? stack.remove() : stack.stop());
  }
}

async function keptOrMade(stack: Stack, asked: MakeLog): Promise<LargeLog> {
  const folder = stack.folder.within('large-log');
  const note = join(folder, 'kept.json');
  if (!existsSync(note)) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const { url } = await createTestDatabase();
    await prepareDatabase(url, databaseSpec);
    await make({ url, folder }, asked);
    const kept: Kept = { database: new URL(url).pathname };
    writeFileSync(note, JSON.stringify(kept));
  }
  const kept = JSON.parse(readFileSync(note, 'utf8')) as Kept;
  const owner = new URL(stack.hubDatabaseUrl);
  owner.pathname = kept.database;
  const { verifierKey } = await LogKey.load(erasingOrigin, logKeyPathIn(folder));
  return {
    entries: await sizeOf(owner.href),
    ownerUrl: owner.href,
    places: { databaseUrl: serviceDatabaseUrl(owner.href, auditSchema), folder },
    verifierKey,
  };
}

/** A bench that ran over it before may have appended to it. */
async function sizeOf(url: string): Promise<number> {
  const database = new Database(url);
  return storedSize(database).finally(() => database.close());
}

async function make(
  { url, folder }: { readonly url: string; readonly folder: string },
  { entries, everyOfLargest }: MakeLog,
): Promise<void> {
  const begun = performance.now();
  const { signer } = await LogKey.load(erasingOrigin, logKeyPathIn(folder));
  const kek = await EntryKek.load(kekPathIn(folder));
  const database = new Database(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  // What is lost with a crash is made again.
  await client.query('SET synchronous_commit = off');
  const tree = await TiledTree.restore(0, tileSource(database));
  const heads = await ChainHeads.restore(client);
  const source = new BodySource(entries, everyOfLargest);
  const sealer = new EntrySealer(kek);
  const progress = showProgress('making entries', entries);
  let inserting: Promise<unknown> = Promise.resolve();
  for (let first = 0; first < entries; first += batchEntries) {
    const loggedAt = new Date().toISOString();
    const bodies = source.some(Math.min(batchEntries, entries - first));
    const sealed = await sealer.seal(bodies.map((body) => ({ body })));
    const { placed, begun: chains, runs } = await heads.place(database, first, sealed, loggedAt);
    for (const entry of placed) tree.append(entry.leafHash);
    const [size, root] = [tree.size, tree.root()];
    const note = signCheckpoint(formatCheckpoint({ origin: erasingOrigin, size, root }), signer);
    const writes = {
      loggedAt,
      begun: chains,
      runs,
      tiles: tree.takeCompleted(),
      checkpoint: { size, root, note },
      events: [],
      consumed: [],
    };
    const statement = appendStatement(placed, writes);
    await inserting;
    // The next batch is prepared while the database works.
    inserting = client.query(statement);
    inserting.catch(() => undefined);
    progress.done(size);
  }
  await inserting;
  await sealer.close();
  progress.end();
  await client.query('VACUUM ANALYZE');
  const { rows } = await client.query<{ bytes: number }>(
    'SELECT pg_database_size(current_database())::float8 AS bytes',
  );
  await client.end();
  await database.close();
  const seconds = (performance.now() - begun) / 1_000;
  console.log(
    `made ${entries} sealed entries in ${seconds.toFixed(0)} s; their database has ${megabytes(rows[0]?.bytes)} MB`,
  );
}

export const megabytes = (bytes: number | undefined): number => Math.round((bytes ?? 0) / 1_048_576);
