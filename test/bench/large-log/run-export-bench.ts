import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { SearchEntriesRequest } from '#contracts';
import { parsePlaceOpening } from '#envelope';
import { agencyId, unwrap } from '#kernel';
import { LogKey } from '../../../apps/audit/src/infra/log-key.js';
import { SearchEntriesController } from '../../../apps/audit/src/search-entries/search-entries.controller.js';
import {
  ErasingHub,
  erasingOrigin,
  logKeyPathIn,
  publicLogIn,
} from '../../../apps/audit/src/testing/erasing-hub.fixture.js';
import { looksOf, signedSearch } from '../../../apps/audit/src/testing/looks.fixture.js';
import { party } from '../../../apps/audit/src/testing/parties.fixture.js';
import { AuditEntriesController } from '../../../apps/gateway/src/audit-entries/audit-entries.controller.js';
import type { AuditClient } from '../../../apps/gateway/src/infra/peers.js';
import type { Boundary, ChainPage } from '../../../apps/cli/src/domain/entries-export.js';
import { exportEntries } from '../../../apps/cli/src/export-entries/export-entries.js';
import { LogFolder } from '../../../apps/cli/src/infra/log-folder.js';
import { checkpointToKeep } from '../../../apps/cli/src/infra/proved-leaves.js';
import { largestAgency } from '../audit/bench-log.js';
import { machine, machineLine } from '../measure/machine.js';
import { type LargeLog, megabytes, withLargeLog } from './large-log.js';
import { type CliRun, runCli } from './run-cli.js';

const asker = agencyId('A-TSV');
const pageSize = 500;

/** `npm run bench -- export`: the log into a folder, all entries of its largest agency as an export, and both verified. */
export async function runExportBench(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { entries: { type: 'string', default: '1000000' }, keep: { type: 'string' }, json: { type: 'string' } },
  });
  return withLargeLog({ entries: Number(values.entries), keep: values.keep }, async (log) => {
    const target = mkdtempSync(join(tmpdir(), 'kotovayla-export-'));
    try {
      console.log(machineLine());
      const key = ['--verifier-key', log.verifierKey];
      const copied = await runCli(['log', 'export', join(target, 'log'), '--log', log.ownerUrl, ...key, '--json']);
      console.log(line(`log export, ${log.entries} entries`, log.entries, copied));
      const proved = await runCli(['verify', join(target, 'log'), ...key, '--json']);
      console.log(line('verify', log.entries, proved));
      const exported = await exportLargest(log, join(target, 'entries'));
      const { entries, seconds, rssMb } = exported;
      console.log(
        `  log entries, ${entries} of ${largestAgency}: ${seconds.toFixed(1)} s, ${Math.round(entries / seconds)} entries/s; ` +
          `service and export together ${rssMb.join(', ')} MB after each tenth`,
      );
      const verified = await runCli(['verify', join(target, 'entries'), ...key, '--json']);
      console.log(line('verify', entries, verified));
      const figures = { bench: 'export', ...machine(), entries: log.entries, copied, proved, exported, verified };
      if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
    } finally {
      rmSync(target, { recursive: true, force: true });
    }
  });
}

const line = (what: string, entries: number, { seconds, cpuSeconds, rssMb }: CliRun): string =>
  `  ${what}: ${seconds.toFixed(1)} s, ${Math.round(entries / seconds)} entries/s, CPU ${cpuSeconds.toFixed(1)} s, ${rssMb} MB at most`;

interface Exported {
  readonly entries: number;
  readonly seconds: number;
  readonly rssMb: readonly number[];
}

/** By the handlers of edge and audit, without the network between them. */
async function exportLargest(log: LargeLog, folder: string): Promise<Exported> {
  const hub = await ErasingHub.start(log.places, []);
  try {
    hub.publisher.wake();
    while (!hub.appender.active || ((await hub.publisher.published())?.size ?? 0) < log.entries) await delay(50);
    const auditor = await party(asker);
    const search = new SearchEntriesController(hub.database, hub.openings, hub.kek, looksOf([auditor], hub));
    const audit: Pick<AuditClient, 'searchEntries'> = {
      searchEntries: async (request: SearchEntriesRequest) =>
        search.searchEntries(await signedSearch(auditor, request)),
    };
    const edge = new AuditEntriesController(audit as AuditClient);
    const { verifier, verifierKey } = await LogKey.load(erasingOrigin, logKeyPathIn(log.places.folder));
    const files = new LogFolder(publicLogIn(log.places.folder));
    const rssMb: number[] = [];
    const perTenth = log.entries / 100;
    const from = '2020-01-01T00:00:00.000Z';
    const begun = performance.now();
    const { entries } = await exportEntries({
      folder,
      madeBy: asker,
      chain: largestAgency,
      from,
      until: new Date().toISOString(),
      now: new Date(),
      table: true,
      page: (cursor, until) => pageOf(edge, { from, until, cursor }),
      checkpointOver: (index) => checkpointToKeep({ files, verifier }, index),
      log: files,
      verifierKey,
      onPage: (done) => {
        if (done >= (rssMb.length + 1) * perTenth) rssMb.push(megabytes(process.memoryUsage.rss()));
      },
    });
    rssMb.push(megabytes(process.memoryUsage.rss()));
    return { entries, seconds: (performance.now() - begun) / 1_000, rssMb };
  } finally {
    await hub.stop();
  }
}

async function pageOf(
  edge: AuditEntriesController,
  { from, until, cursor }: { readonly from: string; readonly until: string; readonly cursor: string | undefined },
): Promise<ChainPage> {
  const answer = await edge.entries(
    { agency: asker, scopes: ['audit', 'supervise'], look: '' },
    {
      from: 0,
      limit: pageSize,
      agency: largestAgency,
      loggedFrom: from,
      loggedUntil: until,
      ...(cursor !== undefined && { cursor }),
    },
  );
  const bound = (name: 'before' | 'after'): { [name: string]: Boundary } => {
    const { leafIndex: index, entry, place } = answer[name] ?? { leafIndex: 0, entry: '', place: undefined };
    return place ? { [name]: { index, entry, place: unwrap(parsePlaceOpening(place)) } } : {};
  };
  return {
    lines: answer.entries.map(({ leafIndex: index, place, ...opened }) => ({
      index,
      ...opened,
      place: unwrap(parsePlaceOpening(place)),
    })),
    ...(answer.cursor !== undefined && { cursor: answer.cursor }),
    ...bound('before'),
    ...bound('after'),
    erased: answer.erased.map(({ leafIndex: index, number }) => ({ index, number })),
  };
}
