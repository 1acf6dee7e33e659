import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { LogBody } from '#envelope';
import { ChainHeads } from '../../../apps/audit/src/append-entries/chain-heads.js';
import { plainProposal } from '../../../apps/audit/src/append-entries/proposal.js';
import { appendStatement } from '../../../apps/audit/src/infra/log-store.js';
import { CpuMeter } from '../measure/cpu-meter.js';
import { type Distribution, distributionOf } from '../measure/percentiles.js';
import { showProgress } from '../measure/progress.js';
import { type BenchLog, BodySource, withBenchLog } from './bench-log.js';

/** As many as the consumer of facts proposes at once. */
const entriesOfProposal = 200;
const underWay = 12;
const floorBatch = 1_000;
const mostOfFloor = 100_000;
/** Entries a second that the log must never fall below. */
const leastRate = 10_000;
/** After what the full load left to be done: the database's checkpoint, its vacuum, the collector's last rounds. */
const settleSeconds = 10;
/** Long enough for a vacuum and a checkpoint of the database to be a part of it, as they are of every hour. */
const halfSeconds = 60;

interface AuditFigures {
  readonly bench: 'audit';
  readonly at: string;
  readonly machine: { readonly cores: number; readonly cpu: string; readonly node: string; readonly load: number };
  readonly entries: number;
  readonly perSecond: number;
  /** By each tenth of the log. */
  readonly tenths: readonly number[];
  readonly fullLoadMs: Distribution | undefined;
  /** At half of what it did, and at half of what it must do. */
  readonly halfRates: readonly { readonly perSecond: number; readonly ms: Distribution | undefined }[];
  /** CPU of an entry in microseconds: says what a quiet machine would do. */
  readonly cpuUs: { readonly service: number; readonly postgres: number };
  readonly rssMb: { readonly start: number; readonly middle: number; readonly end: number };
  /** The same rows by plain batched SQL. */
  readonly floor: { readonly entries: number; readonly perSecond: number };
  readonly ratio: number;
}

/** `npm run bench -- audit`: the appender with all that belongs to it, beside plain inserts of the same rows. */
export async function runAuditBench(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { entries: { type: 'string', default: '1000000' }, json: { type: 'string' } },
  });
  const entries = Number(values.entries);
  return withBenchLog(async (log) => {
    const figures = await measure(log, entries);
    for (const line of printed(figures)) console.log(line);
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  });
}

async function measure(log: BenchLog, entries: number): Promise<AuditFigures> {
  const source = new BodySource(entries);
  await append(log, source, Math.min(5_000, entries));
  const begun = await append(log, source, entries);
  const halfRates: AuditFigures['halfRates'][number][] = [];
  for (const rate of [begun.perSecond, leastRate]) halfRates.push(await paced(log, source, rate / 2));
  const floor = await plainInserts(log, source, Math.min(entries, mostOfFloor));
  return {
    bench: 'audit',
    at: new Date().toISOString(),
    machine: {
      cores: cpus().length,
      cpu: cpus()[0]?.model ?? '',
      node: process.versions.node,
      load: Math.round(loadavg()[0]! * 10) / 10,
    },
    entries,
    ...begun,
    halfRates,
    floor,
    ratio: begun.perSecond / floor.perSecond,
  };
}

/** Sealed, signed, durable, searchable, and published at the end. */
async function append(
  log: BenchLog,
  source: BodySource,
  entries: number,
): Promise<Pick<AuditFigures, 'perSecond' | 'tenths' | 'fullLoadMs' | 'cpuUs' | 'rssMb'>> {
  const progress = showProgress('entries', entries);
  const latencies: number[] = [];
  const tenthAt: number[] = [];
  const rss = [megabytes()];
  let proposed = 0;
  let done = 0;
  let size = 0;
  const cpu = process.cpuUsage();
  const postgres = new CpuMeter(new Map([['postgres', log.postgresPid]]), new Set()).begin();
  const begun = performance.now();
  const caller = async (): Promise<void> => {
    while (proposed < entries) {
      const count = Math.min(entriesOfProposal, entries - proposed);
      proposed += count;
      const bodies = source.some(count);
      const entered = performance.now();
      const { checkpoint } = await log.audit.appender.append(plainProposal(await log.prepare(bodies)));
      latencies.push(performance.now() - entered);
      size = Math.max(size, checkpoint.size);
      done += count;
      while (done >= ((tenthAt.length + 1) * entries) / 10) tenthAt.push(performance.now());
      if (rss.length === 1 && done >= entries / 2) rss.push(megabytes());
      progress.done(done);
    }
  };
  await Promise.all(Array.from({ length: underWay }, caller));
  await log.published(size);
  const seconds = (performance.now() - begun) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  progress.end();
  return {
    perSecond: entries / seconds,
    tenths: tenthAt.map((at, tenth) => entries / 10 / ((at - (tenthAt[tenth - 1] ?? begun)) / 1_000)),
    fullLoadMs: distributionOf(latencies),
    cpuUs: {
      service: (user + system) / entries,
      postgres: ((postgres().cpuMs.get('postgres') ?? 0) * 1_000) / entries,
    },
    rssMb: { start: rss[0]!, middle: rss[1] ?? megabytes(), end: megabytes() },
  };
}

/** From the body to the durable entry, in milliseconds. */
async function latencyOf(log: BenchLog, bodies: readonly LogBody[]): Promise<number> {
  const entered = performance.now();
  await log.audit.appender.append(plainProposal(await log.prepare(bodies)));
  return performance.now() - entered;
}

/** Small proposals at an even pace, whether the earlier ones are done or not, once it has settled to that. */
async function paced(log: BenchLog, source: BodySource, perSecond: number): Promise<AuditFigures['halfRates'][number]> {
  const everyMs = 5;
  const latencies: number[] = [];
  const all: Promise<void>[] = [];
  const begun = performance.now();
  let sent = 0;
  for (let seconds = 0; seconds < settleSeconds + halfSeconds; seconds = (performance.now() - begun) / 1_000) {
    const due = Math.floor(seconds * perSecond) - sent;
    const counts = seconds >= settleSeconds;
    if (due > 0) {
      sent += due;
      all.push(latencyOf(log, source.some(due)).then((latency) => void (counts && latencies.push(latency))));
    }
    await setTimeout(everyMs);
  }
  await Promise.all(all);
  return { perSecond: sent / ((performance.now() - begun) / 1_000), ms: distributionOf(latencies) };
}

/** The same rows into tables of the same shape, one after the other: nothing is sealed, hashed, decided or published. */
async function plainInserts(log: BenchLog, source: BodySource, entries: number): Promise<AuditFigures['floor']> {
  return log.ground.owner(async (client) => {
    const { rows } = await client.query<{ table: string }>(
      `SELECT table_name AS table FROM information_schema.tables WHERE table_schema = 'audit' AND table_type = 'BASE TABLE'`,
    );
    await client.query('CREATE SCHEMA floor');
    for (const { table } of rows) await client.query(`CREATE TABLE floor.${table} (LIKE audit.${table} INCLUDING ALL)`);
    const heads = await ChainHeads.restore(client);
    let milliseconds = 0;
    for (let first = 0; first < entries; first += floorBatch) {
      const prepared = await log.prepare(source.some(Math.min(floorBatch, entries - first)));
      const { placed, begun: chains, runs } = await heads.place(client, first, prepared, new Date().toISOString());
      const size = first + placed.length;
      const statement = appendStatement(placed, {
        loggedAt: new Date().toISOString(),
        begun: chains,
        runs,
        tiles: [],
        checkpoint: { size, root: Buffer.alloc(32), note: 'floor' },
        events: [],
        consumed: [],
      });
      const begun = performance.now();
      await client.query({ ...statement, name: 'floor', text: statement.text.replaceAll('audit.', 'floor.') });
      milliseconds += performance.now() - begun;
    }
    return { entries, perSecond: entries / (milliseconds / 1_000) };
  });
}

const megabytes = (): number => Math.round(process.memoryUsage.rss() / 1_048_576);
const whole = (value: number): string => Math.round(value).toLocaleString('en');
const ms = (of: Distribution | undefined): string =>
  of ? `p50 ${of.p50.toFixed(1)} ms, p99 ${of.p99.toFixed(1)} ms` : '–';

function printed(figures: AuditFigures): string[] {
  const { machine, entries, perSecond, tenths, fullLoadMs, halfRates, cpuUs, rssMb, floor, ratio } = figures;
  return [
    `${machine.cores} × ${machine.cpu}, Node ${machine.node}, load ${machine.load}`,
    `${whole(entries)} entries: ${whole(perSecond)} entries/s durable, sealed, signed, searchable and published`,
    `  by tenths    ${tenths.map(whole).join('  ')}`,
    `  full load    ${ms(fullLoadMs)} for ${entriesOfProposal} entries`,
    ...halfRates.map((half) => `  half rate    ${whole(half.perSecond)} entries/s: ${ms(half.ms)}`),
    `  CPU          ${whole(cpuUs.service)} µs an entry in the service, ${whole(cpuUs.postgres)} µs in PostgreSQL`,
    `  memory       ${rssMb.start} MB at the start, ${rssMb.middle} in the middle, ${rssMb.end} at the end`,
    `  floor        ${whole(floor.perSecond)} entries/s by plain batched SQL (${whole(floor.entries)} of the same rows)`,
    `  ratio        ${ratio.toFixed(2)} of the floor`,
  ];
}
