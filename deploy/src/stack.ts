import { rmSync } from 'node:fs';
import { defaultDataFolder } from './clone.js';
import { DataFolder } from './data-folder.js';
import { KafkaBroker } from './kafka-broker.js';
import { kafkaJars } from './kafka-jars.js';
import type { ProcessDefinition } from './managed-process.js';
import { Ownership } from './ownership.js';
import { Ports } from './ports.js';
import { postgresHome, worldSearchableHomeOf } from './postgres-binaries.js';
import { type ClusterName, PostgresCluster } from './postgres-cluster.js';
import { SteadyWrites } from './steady-writes.js';
import { Supervisor } from './supervisor.js';

export interface StackOptions {
  readonly dataFolder?: string;
  /** `DATABASE_URL`, `AGENCIES_DATABASE_URL`, `KAFKA_BROKERS`: what is named here is used and not started. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly report?: (line: string) => void;
  /** false: as where user namespaces are forbidden. */
  readonly allowNamespaces?: boolean;
  /** false: as for tests, PostgreSQL does not wait for the disk. What it committed outlives its own end, not the machine's. */
  readonly durable?: boolean;
}

/** PostgreSQL (clusters `hub` and `agencies`) and Kafka for one data folder, and the supervisor for what uses them. */
export class Stack {
  private readonly infrastructure: readonly string[];

  private constructor(
    readonly folder: DataFolder,
    readonly ports: Ports,
    readonly supervisor: Supervisor,
    /** Administrator's address of the hub's database. */
    readonly hubDatabaseUrl: string,
    /** Administrator's address in the cluster for agents' and registers' databases. */
    readonly agenciesDatabaseUrl: string,
    /** `host:port`, comma separated. */
    readonly kafkaBrokers: string,
    private readonly ownership: Ownership,
    private readonly steadyWrites: readonly SteadyWrites[],
  ) {
    this.infrastructure = supervisor.names;
  }

  /** Starts what the environment does not name, PostgreSQL beside Kafka, and resolves when all answer. */
  static async start(options: StackOptions = {}): Promise<Stack> {
    const { environment = process.env, report = () => undefined, allowNamespaces = true, durable = true } = options;
    const folder = new DataFolder(options.dataFolder ?? defaultDataFolder);
    const ownership = await Ownership.take(folder, report);
    const supervisor = new Supervisor(folder, ownership, report);
    const ports = Ports.open(folder);
    const start: PartStart = { folder, ports, supervisor, report, allowNamespaces, durable, steadyWrites: [] };
    const ownHub = environment['DATABASE_URL'] || undefined;
    const ownAgencies = environment['AGENCIES_DATABASE_URL'] || ownHub;
    const ownKafka = environment['KAFKA_BROKERS'] || undefined;
    try {
      const [kafkaBrokers, hubDatabaseUrl, agenciesDatabaseUrl] = await allSettledOf([
        ownKafka ?? startKafka(start),
        ownHub ?? startCluster('hub', start),
        ownAgencies ?? startCluster('agencies', start),
      ]);
      const { steadyWrites } = start;
      return new Stack(
        folder,
        ports,
        supervisor,
        hubDatabaseUrl,
        agenciesDatabaseUrl,
        kafkaBrokers,
        ownership,
        steadyWrites,
      );
    } catch (error) {
      await Promise.all(start.steadyWrites.map((writes) => writes.close()));
      await supervisor.stopAll();
      ownership.release();
      throw error;
    }
  }

  /** What services and tests read to find the stack. */
  get environment(): Record<'KAFKA_BROKERS' | 'DATABASE_URL' | 'AGENCIES_DATABASE_URL', string> {
    return {
      KAFKA_BROKERS: this.kafkaBrokers,
      DATABASE_URL: this.hubDatabaseUrl,
      AGENCIES_DATABASE_URL: this.agenciesDatabaseUrl,
    };
  }

  /** Stops services first, then broker and databases. */
  async stop(): Promise<void> {
    await this.supervisor.stopAll(this.supervisor.names.filter((name) => !this.infrastructure.includes(name)));
    await Promise.all(this.steadyWrites.map((writes) => writes.close()));
    await this.supervisor.stopAll();
    this.ownership.release();
  }

  /** Stops everything and removes the data, as tests do. */
  async remove(): Promise<void> {
    await this.stop();
    for (const place of [this.folder.path, worldSearchableHomeOf(this.folder)]) {
      rmSync(place, { recursive: true, force: true });
    }
  }
}

interface PartStart {
  readonly folder: DataFolder;
  readonly ports: Ports;
  readonly supervisor: Supervisor;
  readonly report: (line: string) => void;
  readonly allowNamespaces: boolean;
  readonly durable: boolean;
  /** Of the clusters that were started. */
  readonly steadyWrites: SteadyWrites[];
}

async function startKafka({ folder, ports, supervisor, report }: PartStart): Promise<string> {
  const jars = await kafkaJars(new DataFolder(defaultDataFolder), report);
  const broker = new KafkaBroker(folder, jars, {
    broker: await ports.of('kafka'),
    controller: await ports.of('kafka-controller'),
  });
  await broker.prepare();
  await started(supervisor, broker.process());
  return broker.address;
}

async function startCluster(name: ClusterName, start: PartStart): Promise<string> {
  const home = postgresHome(start.folder, start.allowNamespaces);
  const cluster = new PostgresCluster(
    name,
    start.folder,
    home,
    await start.ports.of(`postgres-${name}`),
    start.durable,
  );
  await cluster.prepare();
  await started(start.supervisor, cluster.process());
  await cluster.createDatabase();
  // The log lies here, and every release waits for its commits.
  if (name === 'hub' && start.durable) {
    const writes = new SteadyWrites(cluster.data, start.report);
    start.steadyWrites.push(writes);
    writes.start();
  }
  return cluster.url;
}

async function started(supervisor: Supervisor, definition: ProcessDefinition): Promise<void> {
  supervisor.run(definition);
  await supervisor.waitReady(definition.name);
}

/** As Promise.all, but a failure is thrown only when nothing of it goes on in the background. */
async function allSettledOf<T extends readonly unknown[]>(
  parts: readonly [...T],
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(parts);
  return await Promise.all(parts);
}
