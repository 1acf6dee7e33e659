import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, rmSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { addDays, dayInHelsinki } from '#calendar';
import { agencyId, systemClock } from '#kernel';
import { exportFiles } from '../../../apps/cli/src/domain/entries-export.js';
import { makeAuditorKeys } from '../../../apps/cli/src/make-auditor-keys/make-auditor-keys.js';
import { compiled } from '../../../deploy/src/clone.js';
import { largestAgency } from '../audit/bench-log.js';
import { type Distribution, distributionOf } from '../measure/percentiles.js';
import { type HubSays, type LargeLogHub, audience } from './hub-of-large-log.js';
import type { LargeLog } from './large-log.js';
import { type CliRun, lookAt, runCli, startCli } from './run-cli.js';

const asker = agencyId('A-TSV');
const lookEveryMs = 20;
const rowsTogether = 8_192;

interface OneExport {
  readonly seconds: number;
  readonly linesPerSecond: number;
  readonly secondsToFirstLine: number;
  /** Until all lines are there, until their proofs are, and until both are verified. */
  readonly secondsTo: { readonly lines: number; readonly proofs: number; readonly verified: number };
  readonly page: Distribution | undefined;
  /** Mean of a page in the first and in the last tenth, in milliseconds. */
  readonly tenths: readonly [number, number];
  readonly bytes: Readonly<Record<string, number>>;
  readonly client: Pick<CliRun, 'cpuSeconds' | 'rssMb'>;
  /** Largest resident set of edge and audit together, after each tenth of the lines. */
  readonly serverMb: readonly number[];
  readonly clientMb: readonly number[];
}

export interface EntriesFigures {
  readonly lines: number;
  /** The same rows read by a cursor and written to a file, unopened. */
  readonly floorSeconds: number;
  readonly jsonLines: OneExport;
  readonly ratio: number;
  /** Cut by SIGKILL at half of the lines and called again, this time with a table beside the lines. */
  readonly table: OneExport & { readonly cutAt: number; readonly secondsBeforeCut: number };
  /** `kotovayla verify` by itself. */
  readonly verified: Pick<CliRun, 'seconds' | 'cpuSeconds' | 'rssMb'>;
}

/** All entries of the largest agency, by `kotovayla log entries` over the edge: lines, and lines with a table after a cut. */
export async function exportEntriesOfLargest(log: LargeLog, target: string): Promise<EntriesFigures> {
  const files = { vault: join(target, 'auditor.vault'), keyFile: join(target, 'auditor.key') };
  await makeAuditorKeys(asker, files, systemClock);
  const floor = await plainRows(log, join(target, 'floor'));
  const hub = await Hub.start({ places: log.places, entries: log.entries, auditor: { agency: asker, files } });
  try {
    const call = (folder: string, format: 'jsonl' | 'csv'): string[] => [
      ...['log', 'entries', folder, '--format', format, '--of', largestAgency, '--json'],
      ...['--from', '2020-01-01', '--until', addDays(dayInHelsinki(new Date()), 1)],
      ...['--agency', asker, '--vault', files.vault, '--key-file', files.keyFile],
      ...['--gateway', hub.url, '--issuer', hub.url, '--audience', audience, '--verifier-key', log.verifierKey],
    ];
    const whole = join(target, 'entries');
    const lines = await exportInto(whole, { hub, lines: floor.rows, args: call(whole, 'jsonl') });
    const verified = await runCli(['verify', whole, '--verifier-key', log.verifierKey, '--json']);
    const cut = join(target, 'entries-cut');
    const before = await cutAtHalf(cut, { hub, args: call(cut, 'csv'), size: lines.bytes[exportFiles.entries] ?? 0 });
    const after = await exportInto(cut, { hub, lines: floor.rows, args: call(cut, 'csv') });
    await expectSame(whole, cut);
    rmSync(whole, { recursive: true });
    rmSync(cut, { recursive: true });
    const { seconds, cpuSeconds, rssMb } = verified;
    return {
      lines: floor.rows,
      floorSeconds: floor.seconds,
      jsonLines: lines,
      ratio: lines.secondsTo.proofs / floor.seconds,
      table: { ...after, ...before },
      verified: { seconds, cpuSeconds, rssMb },
    };
  } finally {
    hub.stop();
  }
}

class Hub {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(of: LargeLogHub): Promise<Hub> {
    const env = { ...process.env, LARGE_LOG_HUB: JSON.stringify(of) };
    const child = fork(compiled('test/bench/large-log/hub-of-large-log.js'), { env });
    const [said] = (await once(child, 'message')) as [HubSays];
    if (!('url' in said)) throw new Error('the hub says no address');
    return new Hub(child, said.url);
  }

  /** How long each page took since this was asked last. */
  async pages(): Promise<readonly number[]> {
    this.child.send('pages');
    const [said] = (await once(this.child, 'message')) as [HubSays];
    return 'pages' in said ? said.pages : [];
  }

  get rssMb(): number {
    return lookAt(this.child.pid ?? 0)?.rssMb ?? 0;
  }

  stop(): void {
    this.child.disconnect();
  }
}

interface Export {
  readonly hub: Hub;
  readonly lines: number;
  readonly args: readonly string[];
}

const sizeOf = (folder: string, name: string): number =>
  existsSync(join(folder, name)) ? statSync(join(folder, name)).size : 0;

async function exportInto(folder: string, { hub, lines, args }: Export): Promise<OneExport> {
  await hub.pages();
  const begun = performance.now();
  const since = (): number => (performance.now() - begun) / 1_000;
  const begunWith = sizeOf(folder, exportFiles.entries);
  const { child, ended } = startCli(args);
  const at: { first?: number; lines?: number; proofs?: number } = {};
  const perSecond: { server: number; client: number }[] = [];
  const look = setInterval(() => {
    if (sizeOf(folder, exportFiles.entries) > begunWith) at.first ??= since();
    if (existsSync(join(folder, exportFiles.proofs))) at.lines ??= since();
    if (existsSync(join(folder, exportFiles.index))) at.proofs ??= since();
    if (since() > perSecond.length) perSecond.push({ server: hub.rssMb, client: lookAt(child.pid ?? 0)?.rssMb ?? 0 });
  }, lookEveryMs);
  const { code, output, seconds, cpuSeconds, rssMb } = await ended.finally(() => clearInterval(look));
  if (code !== 0) throw new Error(`the export ended with ${code}:\n${output}`);
  const { entries, verified } = JSON.parse(output) as { entries: number; verified: { faults: unknown[] } };
  if (entries !== lines || verified.faults.length > 0) throw new Error(`${entries} of ${lines} lines`);
  const pages = await hub.pages();
  const tenth = Math.ceil(pages.length / 10);
  const tenths = [pages.slice(0, tenth), pages.slice(-tenth)].map(meanOf) as [number, number];
  const samples = Array.from({ length: 10 }, (_, n) => perSecond[Math.floor((n * perSecond.length) / 10)]);
  const { first = 0, lines: toLines = seconds, proofs = seconds } = at;
  return {
    seconds,
    linesPerSecond: lines / proofs,
    secondsToFirstLine: first,
    secondsTo: { lines: toLines, proofs, verified: seconds },
    page: distributionOf(pages),
    tenths,
    bytes: Object.fromEntries(Object.values(exportFiles).map((name) => [name, sizeOf(folder, name)])),
    client: { cpuSeconds, rssMb },
    serverMb: samples.map((sample) => sample?.server ?? 0),
    clientMb: samples.map((sample) => sample?.client ?? 0),
  };
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

async function cutAtHalf(
  folder: string,
  { args, size }: { readonly hub: Hub; readonly args: readonly string[]; readonly size: number },
): Promise<{ cutAt: number; secondsBeforeCut: number }> {
  const begun = performance.now();
  const { child, ended } = startCli(args);
  while (sizeOf(folder, exportFiles.entries) < size / 2) await delay(lookEveryMs);
  child.kill('SIGKILL');
  const { code } = await ended;
  if (code !== null) throw new Error(`the export ended with ${code} before it was cut`);
  return { cutAt: sizeOf(folder, exportFiles.entries), secondsBeforeCut: (performance.now() - begun) / 1_000 };
}

/** Its lines; the proofs are under a later checkpoint. */
async function expectSame(one: string, other: string): Promise<void> {
  const [before, after] = await Promise.all([one, other].map((folder) => digestOf(join(folder, exportFiles.entries))));
  if (before !== after) throw new Error('the export that was cut has other lines');
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** The floor: entries, sealed bodies and places of the same chain, in their order, into a file. Nothing is opened or proved. */
async function plainRows({ ownerUrl }: LargeLog, path: string): Promise<{ rows: number; seconds: number }> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  const begun = performance.now();
  let rows = 0;
  // A machine that stands still for a while is no reason to give up.
  await client.query('SET idle_in_transaction_session_timeout = 0');
  await client.query('BEGIN');
  await client.query(
    `DECLARE plain NO SCROLL CURSOR FOR
     SELECT leaf_index, run.number + place.at - 1 AS number, run.link, entry, body, wrapped
     FROM audit.chain_run AS run CROSS JOIN LATERAL unnest(run.leaves) WITH ORDINALITY AS place (leaf_index, at)
       JOIN audit.entry USING (leaf_index) JOIN audit.entry_secret USING (leaf_index)
     WHERE run.chain = (SELECT id FROM audit.chain WHERE name = '${largestAgency}') ORDER BY leaf_index`,
  );
  const file = createWriteStream(path);
  for (;;) {
    const fetched = await client.query<string[]>({ text: `FETCH ${rowsTogether} FROM plain`, rowMode: 'array' });
    if (fetched.rows.length === 0) break;
    rows += fetched.rows.length;
    if (!file.write(fetched.rows.map((row) => `${JSON.stringify(row)}\n`).join(''))) await once(file, 'drain');
  }
  file.end();
  await once(file, 'finish');
  await client.query('COMMIT');
  await client.end();
  rmSync(path);
  return { rows, seconds: (performance.now() - begun) / 1_000 };
}

export function printedEntries({ lines, floorSeconds, jsonLines, ratio, table, verified }: EntriesFigures): string[] {
  const mb = (bytes = 0): string => `${Math.round(bytes / 1_048_576)} MB`;
  const one = (what: string, of: OneExport): string[] => [
    `  ${what}: first line after ${of.secondsToFirstLine.toFixed(1)} s, all after ${of.secondsTo.lines.toFixed(1)} s, ` +
      `proved after ${of.secondsTo.proofs.toFixed(1)} s (${Math.round(of.linesPerSecond)} lines/s), verified after ${of.secondsTo.verified.toFixed(1)} s`,
    `    a page: p50 ${of.page?.p50.toFixed(0)} ms, p99 ${of.page?.p99.toFixed(0)} ms, most ${of.page?.max.toFixed(0)} ms; ` +
      `mean of the first tenth ${of.tenths[0].toFixed(0)} ms, of the last ${of.tenths[1].toFixed(0)} ms`,
    `    client ${of.client.rssMb} MB at most, CPU ${of.client.cpuSeconds.toFixed(1)} s; after each tenth client ` +
      `${of.clientMb.join(', ')}, edge and audit ${of.serverMb.join(', ')} MB`,
    `    ${Object.entries(of.bytes)
      .filter(([, bytes]) => bytes > 0)
      .map(([name, bytes]) => `${name} ${mb(bytes)}`)
      .join(', ')}`,
  ];
  return [
    `${lines} entries of ${largestAgency}; the same rows by a cursor into a file ${floorSeconds.toFixed(1)} s, ` +
      `lines with their proofs ${ratio.toFixed(1)} times that`,
    ...one('JSON Lines', jsonLines),
    `  verify: ${verified.seconds.toFixed(1)} s, CPU ${verified.cpuSeconds.toFixed(1)} s, ${verified.rssMb} MB`,
    `  with a table, cut after ${table.secondsBeforeCut.toFixed(1)} s at ${mb(table.cutAt)} of lines and called again; the same lines:`,
    ...one('the rest', table),
  ];
}
