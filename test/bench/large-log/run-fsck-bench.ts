import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Module } from '@nestjs/common';
import pg from 'pg';
import { AppError } from '#kernel';
import { entryBundlePath, tileWidth, widthAt } from '#merkle';
import { Database, ServiceConfig, createLogger, createService, loadConfig } from '#platform';
import { committedLog, storedSize } from '../../../apps/audit/src/infra/log-store.js';
import { LogKey } from '../../../apps/audit/src/infra/log-key.js';
import { LogPublisher } from '../../../apps/audit/src/publish-log/log-publisher.js';
import { TileFolder } from '../../../apps/audit/src/publish-log/tile-folder.js';
import {
  erasingOrigin,
  kekPathIn,
  logKeyPathIn,
  publicLogIn,
} from '../../../apps/audit/src/testing/erasing-hub.fixture.js';
import { AUDIT } from '../../../apps/gateway/src/infra/peers.js';
import { LogFiles } from '../../../apps/gateway/src/publish-log/log-files.js';
import { PublishLogController } from '../../../apps/gateway/src/publish-log/publish-log.controller.js';
import { machine, machineLine } from '../measure/machine.js';
import { type LargeLog, withLargeLog } from './large-log.js';
import { type CliRun, runCli } from './run-cli.js';

interface Measured extends Omit<CliRun, 'output'> {
  readonly what: string;
  readonly perSecond: number;
  /** Plain reading and SHA-256 of the same bytes, one after another. */
  readonly floorSeconds: number;
  readonly ratio: number;
}

/** `npm run bench -- fsck`: the log in a folder, over HTTP at the real edge, and in its database, every sealed body opened. */
export async function runFsckBench(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { entries: { type: 'string', default: '1000000' }, keep: { type: 'string' }, json: { type: 'string' } },
  });
  return withLargeLog({ entries: Number(values.entries), keep: values.keep }, async (log) => {
    const publishSeconds = await publish(log);
    const key = ['--verifier-key', log.verifierKey];
    const folder = publicLogIn(log.places.folder);
    const bundles = await seconds(() => hashBundles(folder, log.entries));
    const rows = await seconds(() => hashRows(log));
    const measured: Measured[] = [];
    const measure = async (what: string, floorSeconds: number, ...where: string[]): Promise<void> => {
      const { output, ...run } = await runCli(['fsck', ...where, ...key, '--json']);
      const { size } = JSON.parse(output) as { size: number };
      if (size !== log.entries) throw new Error(`fsck saw ${size} entries`);
      const one = { what, ...run, perSecond: size / run.seconds, floorSeconds, ratio: run.seconds / floorSeconds };
      measured.push(one);
      console.log(line(one));
    };
    console.log(machineLine());
    console.log(`published in ${publishSeconds.toFixed(1)} s, ${Math.round(log.entries / publishSeconds)} entries/s`);
    await measure('folder', bundles, folder);
    await overHttp(folder, (url) => measure('HTTP', bundles, url));
    await measure('database', rows, log.ownerUrl);
    await measure('database, each body opened', rows, log.ownerUrl, '--kek', kekPathIn(log.places.folder));
    const figures = { bench: 'fsck', ...machine(), entries: log.entries, publishSeconds, measured };
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  });
}

const line = ({ what, seconds: taken, perSecond, cpuSeconds, rssMb, floorSeconds, ratio }: Measured): string =>
  `  ${what.padEnd(28)} ${taken.toFixed(1)} s, ${Math.round(perSecond)} entries/s, CPU ${cpuSeconds.toFixed(1)} s, ` +
  `${rssMb} MB; plain SHA-256 of the same bytes ${floorSeconds.toFixed(1)} s, ratio ${ratio.toFixed(1)}`;

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1_000;
}

/** As the service does it; at once where the folder is there already. Gives the seconds. */
async function publish({ places: { databaseUrl, folder } }: LargeLog): Promise<number> {
  const database = new Database(databaseUrl);
  const { verifier } = await LogKey.load(erasingOrigin, logKeyPathIn(folder));
  const publisher = new LogPublisher({
    folder: new TileFolder(publicLogIn(folder)),
    log: committedLog(database),
    verifier,
    logger: createLogger('bench', 'silent'),
    intervalMs: 0,
  });
  const size = await storedSize(database);
  const taken = await seconds(async () => {
    publisher.wake();
    while (((await publisher.published())?.size ?? 0) < size) await delay(50);
  });
  await publisher.close();
  await database.close();
  return taken;
}

async function hashBundles(folder: string, size: number): Promise<void> {
  for (let n = 0; n * tileWidth < size; n += 1)
    createHash('sha256')
      .update(await readFile(join(folder, entryBundlePath(n, widthAt(n, size)))))
      .digest();
}

const rowsTogether = 8_192;

async function hashRows({ ownerUrl, entries }: LargeLog): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  for (let first = 0; first < entries; first += rowsTogether) {
    const { rows } = await client.query<{ entry: Buffer; body: Buffer; wrapped: Buffer }>({
      name: 'rows',
      text: `SELECT entry, body, wrapped FROM audit.entry JOIN audit.entry_secret USING (leaf_index)
             WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index`,
      values: [first, first + rowsTogether],
    });
    for (const { entry, body, wrapped } of rows)
      createHash('sha256').update(entry).update(body).update(wrapped).digest();
  }
  await client.end();
}

/** The edge as it serves the log, without the hop to audit. */
async function overHttp(folder: string, use: (url: string) => Promise<void>): Promise<void> {
  const tiles = new TileFolder(folder);
  const getLogFile = async ({ path }: { path: string }): Promise<{ content: Buffer }> => {
    const content = await tiles.readPublic(path);
    if (!content) throw new AppError('NOT_FOUND');
    return { content };
  };
  @Module({
    controllers: [PublishLogController],
    providers: [LogFiles, { provide: AUDIT, useValue: { getLogFile } }],
  })
  class Edge {}
  const options = { name: 'edge', config: ServiceConfig, module: () => Edge };
  const edge = await createService(options, loadConfig(ServiceConfig, {}), createLogger('edge', 'silent'));
  await edge.listen(0, '127.0.0.1');
  try {
    await use(`${await edge.getUrl()}/log`);
  } finally {
    await edge.close();
  }
}
