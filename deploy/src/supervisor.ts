import { fork } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { compiled } from './clone.js';
import type { DataFolder } from './data-folder.js';
import { ManagedProcess, type ProcessDefinition } from './managed-process.js';
import type { Ownership } from './ownership.js';

/** A Node service of ours. */
export interface ServiceSpec {
  readonly name: string;
  /** Compiled entry, as a path below `dist/`: `services/exchange/main.js`. */
  readonly entry: string;
  /** Added to the environment of this process. */
  readonly env: Record<string, string>;
  /** For Node, at its start. */
  readonly nodeOptions?: readonly string[];
  /** Answers 2xx once the service does its work. Without it a service counts as ready when it runs. */
  readonly readyUrl?: string;
}

const parentWatch = pathToFileURL(compiled('deploy/src/parent-watch.js')).href;

/** Services have 25 s for a graceful stop (design page 4); a little more before SIGKILL. */
const serviceStopMs = 27_000;
const readyMs = 60_000;

/** Starts, restarts and stops all child processes of one stack, by name. */
export class Supervisor {
  private readonly processes = new Map<string, ManagedProcess>();
  private readonly specs = new Map<string, ServiceSpec>();

  constructor(
    private readonly folder: DataFolder,
    private readonly ownership: Ownership,
    private readonly report: (line: string) => void,
  ) {}

  /** Starts the service and keeps it running; {@link waitReady} tells when it works. */
  start(spec: ServiceSpec): void {
    this.specs.set(spec.name, spec);
    this.run(serviceProcess(spec));
  }

  /** Starts any process and keeps it running. */
  run(definition: ProcessDefinition): void {
    if (this.processes.has(definition.name)) throw new Error(`there is a process ${definition.name} already`);
    const managed = new ManagedProcess(definition, this.folder, this.ownership, this.report);
    this.processes.set(definition.name, managed);
    managed.start();
  }

  async waitReady(name: string, withinMs = readyMs): Promise<void> {
    await this.named(name).ready(withinMs);
  }

  /** Sends a signal. A process that ends of it is started again: `kill('audit', 'SIGKILL')` is a crash. */
  kill(name: string, signal: NodeJS.Signals): void {
    this.named(name).kill(signal);
  }

  /** Stops it in order and leaves it stopped, until {@link resume}. */
  async stop(name: string): Promise<void> {
    await this.named(name).stop();
  }

  resume(name: string): void {
    this.named(name).start();
  }

  async restart(name: string): Promise<void> {
    await this.stop(name);
    this.resume(name);
    await this.waitReady(name);
  }

  /** Stops a service and starts it with these variables added, or taken away; as an operator changes its settings. */
  async reconfigure(name: string, changes: Readonly<Record<string, string | undefined>>): Promise<void> {
    const spec = this.specs.get(name);
    if (!spec) throw new Error(`there is no service ${name}`);
    await this.stopAll([name]);
    const env = Object.entries({ ...spec.env, ...changes }).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value] as const],
    );
    this.start({ ...spec, env: Object.fromEntries(env) });
    await this.waitReady(name);
  }

  /** undefined while it is between two starts. */
  pidOf(name: string): number | undefined {
    return this.named(name).pid;
  }

  get names(): readonly string[] {
    return [...this.processes.keys()];
  }

  /** Stops the named processes at once, or all. The names are forgotten. */
  async stopAll(names: readonly string[] = this.names): Promise<void> {
    await Promise.all(names.map((name) => this.named(name).stop()));
    for (const name of names) this.processes.delete(name);
  }

  private named(name: string): ManagedProcess {
    const managed = this.processes.get(name);
    if (managed === undefined) throw new Error(`there is no process ${name}`);
    return managed;
  }
}

function serviceProcess(spec: ServiceSpec): ProcessDefinition {
  return {
    name: spec.name,
    launch: (log) =>
      fork(compiled(spec.entry), [], {
        env: { ...inheritedEnvironment(), ...spec.env },
        execArgv: ['--enable-source-maps', '--import', parentWatch, ...(spec.nodeOptions ?? [])],
        // Away from the terminal's Ctrl-C: the supervisor stops services before what they use.
        detached: true,
        stdio: ['ignore', log, log, 'ipc'],
      }),
    isReady: () => (spec.readyUrl === undefined ? Promise.resolve(true) : answers(spec.readyUrl)),
    stopSignal: 'SIGTERM',
    stopWithinMs: serviceStopMs,
  };
}

const administratorsAddresses = ['DATABASE_URL', 'AGENCIES_DATABASE_URL', 'KAFKA_BROKERS'];

/** Our own environment without the administrator's addresses: a service gets those that its specification names. */
const inheritedEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !administratorsAddresses.includes(name)));

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
