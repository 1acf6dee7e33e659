import { mkdtempSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { allTopics } from '#contracts';
import { interruption } from '../../../deploy/src/foreground.js';
import { hubServiceNames, startHub } from '../../../deploy/src/hub/hub.js';
import { Stack } from '../../../deploy/src/stack.js';
import { Floor } from '../floor/run-floor.js';
import { CpuMeter } from '../measure/cpu-meter.js';
import { KafkaSends } from '../measure/kafka-sends.js';
import { PostgresObserver, type PostgresWork, workBetween } from '../measure/postgres-work.js';
import { showProgress } from '../measure/progress.js';
import { profileServices, type ServiceProfiles } from '../measure/service-profiles.js';
import { type BenchAgencies, startAgencies } from './bench-agencies.js';
import { driveExchanges } from './drive-exchanges.js';
import { byTopic, countBy, cpuFigures, type ExchangeFigures } from './figures.js';
import { printed } from './print-figures.js';
import { readMessageTimes, stageTimes } from './stage-times.js';

export interface ExchangeBenchOptions {
  readonly exchanges: number;
  readonly inFlight: number;
  /** Exchanges before the measured ones. */
  readonly warmUp: number;
  /** File for the figures. */
  readonly json: string | undefined;
  /** Folder for CPU profiles. */
  readonly profile: string | undefined;
}

const IDLE_MS = 3_000;
/** Until a server counts in its statistics what its sessions did last. */
const STATISTICS_LAG_MS = 1_200;
const infrastructure = ['kafka', 'postgres-hub', 'postgres-agencies'] as const;
type Cluster = 'postgres-hub' | 'postgres-agencies';

/** On a stack of its own in a folder of its own, both removed at the end. Resolves to the exit code. */
export async function runExchangeBench(options: ExchangeBenchOptions): Promise<number> {
  const interrupted = interruption();
  const report = (line: string): void => console.error(line);
  const profiles = options.profile === undefined ? undefined : profileServices(options.profile);
  report('starting PostgreSQL, Kafka, the hub and two agents');
  const starting = Stack.start({
    dataFolder: mkdtempSync(join(tmpdir(), 'kotovayla-bench-')),
    environment: {},
    report,
  });
  const stack = await starting;
  try {
    return await Promise.race([benchOn(stack, options, profiles), interrupted]);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    await stack.remove();
  }
}

async function benchOn(
  stack: Stack,
  options: ExchangeBenchOptions,
  profiles: ServiceProfiles | undefined,
): Promise<number> {
  const hub = await startHub(stack, { QUOTA_SUBJECTS_PER_DAY: '1000000' });
  const agencies = await startAgencies(stack, hub, options.warmUp + options.exchanges);
  const watch = await Watch.open(stack);
  try {
    const figures = await measure(stack, options, agencies, watch, profiles);
    for (const line of printed(figures)) console.log(line);
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(figures, undefined, 2)}\n`);
    return figures.outcomes['answered'] === options.exchanges ? 0 : 1;
  } finally {
    await watch.close();
  }
}

/** The bench's own connections, which no figure holds. */
class Watch {
  private constructor(
    readonly hub: PostgresObserver,
    readonly municipality: PostgresObserver,
    readonly county: PostgresObserver,
  ) {}

  static async open(stack: Stack): Promise<Watch> {
    const agentDatabase = (name: string): string =>
      Object.assign(new URL(stack.agenciesDatabaseUrl), { pathname: `/agent_${name}` }).toString();
    return new Watch(
      await PostgresObserver.connect(stack.hubDatabaseUrl),
      await PostgresObserver.connect(agentDatabase('municipality')),
      await PostgresObserver.connect(agentDatabase('county')),
    );
  }

  get backends(): ReadonlySet<number> {
    return new Set([this.hub, this.municipality, this.county].map(({ backend }) => backend));
  }

  async work(): Promise<Record<Cluster, PostgresWork>> {
    return { 'postgres-hub': await this.hub.work(), 'postgres-agencies': await this.municipality.work() };
  }

  async close(): Promise<void> {
    await Promise.all([this.hub.close(), this.municipality.close(), this.county.close()]);
  }
}

async function measure(
  stack: Stack,
  options: ExchangeBenchOptions,
  { asking, clients, processes }: BenchAgencies,
  watch: Watch,
  profiles: ServiceProfiles | undefined,
): Promise<ExchangeFigures> {
  const services = [...hubServiceNames, ...processes];
  const pids = (names: readonly string[]) => new Map(names.map((name) => [name, stack.supervisor.pidOf(name)!]));
  const meter = new CpuMeter(pids([...processes, ...hubServiceNames, ...infrastructure]), watch.backends);
  const sends = new KafkaSends(stack.folder.within('kafka', 'data'), allTopics);
  const drive = async (what: string, some: typeof clients) => {
    const progress = showProgress(what, some.length);
    try {
      return await driveExchanges(asking, some, options.inFlight, watch.municipality, progress);
    } finally {
      progress.end();
    }
  };

  await drive('warming up', clients.slice(0, options.warmUp));
  const idle = await meter.over(IDLE_MS);
  const workBefore = await watch.work();
  const sendsBefore = sends.mark();
  await profiles?.begin(pids(services));
  const endOfPipeline = meter.begin();
  const driven = await drive('exchanges', clients.slice(options.warmUp));
  const pipeline = endOfPipeline();
  await profiles?.end();
  await delay(STATISTICS_LAG_MS);
  const workAfter = await watch.work();
  const made = sends.since(sendsBefore);
  const work = between(workBefore, workAfter);

  const times = await readMessageTimes(
    [watch.municipality, watch.county],
    watch.hub,
    driven.map(({ id }) => id),
  );
  const messages = times.length;

  const floor = await Floor.prepare(stack.kafkaBrokers, made, [
    { url: stack.hubDatabaseUrl, work: work['postgres-hub'] },
    { url: stack.agenciesDatabaseUrl, work: work['postgres-agencies'] },
  ]);
  // Without the services, whose looking for work would count as the floor's.
  await Promise.all(services.map((name) => stack.supervisor.stop(name)));
  const floorMeter = new CpuMeter(new Map([...pids(infrastructure), ["floor's client", process.pid]]), watch.backends);
  const floorBefore = await watch.work();
  const endOfFloor = floorMeter.begin();
  const floorMs = await floor.run();
  const floorSpan = endOfFloor();
  await delay(STATISTICS_LAG_MS);
  const floorWork = between(floorBefore, await watch.work());
  await floor.close();

  const cpuMsPerMessage = cpuFigures(pipeline, idle, messages);
  const floorCpu = cpuFigures(floorSpan, { wallMs: 1, cpuMs: new Map() }, messages);
  return {
    bench: 'exchange',
    at: new Date().toISOString(),
    machine: { cores: cpus().length, cpu: cpus()[0]?.model ?? '', node: process.versions.node },
    exchanges: options.exchanges,
    inFlight: options.inFlight,
    warmUp: options.warmUp,
    outcomes: countBy(driven.map(({ state }) => state)),
    messages,
    seconds: pipeline.wallMs / 1_000,
    messagesPerSecond: messages / (pipeline.wallMs / 1_000),
    stages: stageTimes(times, driven),
    cpuMsPerMessage,
    idleCpuMsPerSecond: Object.fromEntries([...idle.cpuMs].map(([name, ms]) => [name, ms / (idle.wallMs / 1_000)])),
    work: { kafka: byTopic(made), postgres: work },
    floor: {
      seconds: floorMs / 1_000,
      messagesPerSecond: messages / (floorMs / 1_000),
      cpuMsPerMessage: floorCpu,
      kafka: { sends: floor.sends.sends, records: floor.sends.records, bytes: floor.sends.sendBytes },
      postgres: floorWork,
    },
    ratio: { cpu: cpuMsPerMessage.total / floorCpu.total, time: pipeline.wallMs / floorMs },
  };
}

const between = <Name extends string>(
  before: Record<Name, PostgresWork>,
  after: Record<Name, PostgresWork>,
): Record<Name, PostgresWork> =>
  Object.fromEntries(
    Object.entries<PostgresWork>(after).map(([name, work]) => [name, workBetween(before[name as Name], work)]),
  ) as Record<Name, PostgresWork>;
