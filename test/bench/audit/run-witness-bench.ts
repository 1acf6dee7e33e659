import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { systemClock, unwrap } from '#kernel';
import { openCheckpoint, parsePolicy } from '#merkle';
import { plainProposal } from '../../../apps/audit/src/append-entries/proposal.js';
import { CosignatureCollector } from '../../../apps/audit/src/collect-cosignatures/cosignature-collector.js';
import { TestWitness } from '../../../apps/audit/src/testing/witness.fixture.js';
import { machine, machineLine } from '../measure/machine.js';
import { type Distribution, distributionOf } from '../measure/percentiles.js';
import { type BenchLog, BodySource, withBenchLog } from './bench-log.js';

/** As the scenario of `npm start` has it; the audit service waits 10 s unless told otherwise. */
const intervalMs = 2_000;
const entriesOfProposal = 200;
const underWay = 12;
const lookEveryMs = 20;
const names = ['kauniainen', 'host', 'kela'];

type Witnesses = 'none' | 'three' | 'three, one of them silent';

interface Round {
  readonly witnesses: Witnesses;
  readonly perSecond: number;
  /** From the proposal to the durable entries. */
  readonly commitMs: Distribution | undefined;
  /** From there to a checkpoint over them that two of three have cosigned. */
  readonly witnessedMs?: Distribution | undefined;
  readonly checkpoints?: number;
}

/** `npm run bench -- witnesses`: the appender at full load with and without witnesses beside it, in turn. */
export async function runWitnessBench(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { entries: { type: 'string', default: '50000' }, json: { type: 'string' } },
  });
  const entries = Number(values.entries);
  return withBenchLog(async (log) => {
    console.log(machineLine());
    const source = new BodySource(5 * entries);
    await append(log, source, Math.min(5_000, entries));
    const rounds: Round[] = [];
    for (const witnesses of ['none', 'three', 'none', 'three', 'three, one of them silent'] as const) {
      const round = await measure(log, source, entries, witnesses);
      rounds.push(round);
      console.log(printed(round));
    }
    const figures = { bench: 'witnesses', ...machine(), entries, intervalMs, rounds };
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  });
}

async function measure(log: BenchLog, source: BodySource, entries: number, witnesses: Witnesses): Promise<Round> {
  if (witnesses === 'none') return { witnesses, ...(await append(log, source, entries)) };
  const { folder } = log;
  const { verifier } = log.ground.logKey;
  const asked = await Promise.all(names.map((name) => TestWitness.start(name, verifier)));
  // More than it is ever asked.
  if (witnesses !== 'three') asked.at(-1)?.odd.push(...Array.from({ length: 10_000 }, () => 'silence' as const));
  const lines = [...asked.map(({ policyLine }) => policyLine), `group most 2 ${names.join(' ')}`, 'quorum most'];
  const collector = new CosignatureCollector({
    policy: unwrap(parsePolicy(lines.join('\n'))),
    folder,
    database: log.audit.database,
    verifier,
    isActive: () => log.audit.appender.active,
    clock: systemClock,
    logger: log.audit.logger,
    intervalMs,
  });
  collector.start();
  const watch = new WitnessedWatch(async () => {
    const note = (await folder.readPublic('checkpoint.cosigned'))?.toString('utf8');
    return note === undefined ? 0 : unwrap(openCheckpoint(note, verifier)).size;
  });
  try {
    const appended = await append(log, source, entries, (size) => watch.committed(size));
    await watch.end();
    return { witnesses, ...appended, witnessedMs: distributionOf(watch.latencies), checkpoints: watch.seen };
  } finally {
    await collector.close();
    await Promise.all(asked.map((witness) => witness.close()));
  }
}

/** When what was committed is seen to be witnessed. */
class WitnessedWatch {
  readonly latencies: number[] = [];
  seen = 0;
  private readonly waiting: { readonly size: number; readonly at: number }[] = [];
  private readonly watching: Promise<void>;
  private ended = false;

  constructor(private readonly witnessedSize: () => Promise<number>) {
    this.watching = this.watch();
  }

  committed(size: number): void {
    this.waiting.push({ size, at: performance.now() });
  }

  /** When all of it is witnessed. */
  end(): Promise<void> {
    this.ended = true;
    return this.watching;
  }

  private async watch(): Promise<void> {
    for (let before = await this.witnessedSize(); !this.ended || this.waiting.length > 0; await delay(lookEveryMs)) {
      const size = await this.witnessedSize();
      if (size === before) continue;
      before = size;
      this.seen += 1;
      const now = performance.now();
      const still = this.waiting.filter((one) => one.size > size);
      for (const one of this.waiting) if (one.size <= size) this.latencies.push(now - one.at);
      this.waiting.splice(0, this.waiting.length, ...still);
    }
  }
}

async function append(
  log: BenchLog,
  source: BodySource,
  entries: number,
  onCommit: (size: number) => void = () => undefined,
): Promise<Pick<Round, 'perSecond' | 'commitMs'>> {
  const latencies: number[] = [];
  let proposed = 0;
  const begun = performance.now();
  const caller = async (): Promise<void> => {
    while (proposed < entries) {
      const count = Math.min(entriesOfProposal, entries - proposed);
      proposed += count;
      const bodies = source.some(count);
      const entered = performance.now();
      const { checkpoint } = await log.audit.appender.append(plainProposal(await log.prepare(bodies)));
      latencies.push(performance.now() - entered);
      onCommit(checkpoint.size);
    }
  };
  await Promise.all(Array.from({ length: underWay }, caller));
  const seconds = (performance.now() - begun) / 1_000;
  return { perSecond: entries / seconds, commitMs: distributionOf(latencies) };
}

const ms = (of: Distribution | undefined): string =>
  of ? `p50 ${of.p50.toFixed(0)} ms, p99 ${of.p99.toFixed(0)} ms` : '–';

const printed = ({ witnesses, perSecond, commitMs, witnessedMs, checkpoints }: Round): string =>
  `  ${`witnesses: ${witnesses}`.padEnd(38)} ${Math.round(perSecond)} entries/s, durable ${ms(commitMs)}` +
  (witnessedMs ? `; witnessed after ${ms(witnessedMs)}, ${checkpoints} checkpoints` : '');
