import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { DataFolder } from './data-folder.js';
import type { ProcessDefinition } from './managed-process.js';
import { runTied, spawnTied } from './tied-process.js';

/** Small and quick to start rather than quick for hours: design page 4. */
const heap = ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData'];
const brokerLogging = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
];

/** A single Kafka node in KRaft mode, broker and controller in one, on 127.0.0.1. */
export class KafkaBroker {
  readonly processName = 'kafka';

  constructor(
    private readonly folder: DataFolder,
    private readonly jars: string,
    private readonly ports: { readonly broker: number; readonly controller: number },
    private readonly java = process.env['KOTOVAYLA_JAVA'] ?? 'java',
  ) {}

  get address(): string {
    return `127.0.0.1:${this.ports.broker}`;
  }

  /** Writes the settings, and formats the storage at the first start. */
  async prepare(): Promise<void> {
    mkdirSync(this.home, { recursive: true });
    writeFileSync(this.settingsFile, this.settings());
    const formatted = join(this.home, 'formatted');
    if (existsSync(formatted)) return;
    // A kill in the middle of formatting leaves storage that is neither new nor usable.
    rmSync(this.data, { recursive: true, force: true });
    const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', this.settingsFile];
    await this.folder.logging(this.processName, (log) =>
      runTied({ program: this.java, args: [...heap, ...this.classpath(), ...format] }, log),
    );
    writeFileSync(formatted, '');
  }

  process(): ProcessDefinition {
    const args = [...heap, ...brokerLogging, ...this.classpath(), 'kafka.Kafka', this.settingsFile];
    return {
      name: this.processName,
      launch: (log) => spawnTied({ program: this.java, args }, log),
      isReady: () => namesCoordinator(this.ports.broker),
      stopSignal: 'SIGINT',
      stopWithinMs: 20_000,
    };
  }

  private get home(): string {
    return this.folder.within('kafka');
  }

  private get data(): string {
    return join(this.home, 'data');
  }

  private get settingsFile(): string {
    return join(this.home, 'node.properties');
  }

  private classpath(): string[] {
    return ['-cp', join(this.jars, '*')];
  }

  private settings(): string {
    const { broker, controller } = this.ports;
    return Object.entries({
      'process.roles': 'broker,controller',
      'node.id': '1',
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      listeners: `BROKER://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}`,
      'advertised.listeners': `BROKER://127.0.0.1:${broker}`,
      'listener.security.protocol.map': 'BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'inter.broker.listener.name': 'BROKER',
      'controller.listener.names': 'CONTROLLER',
      'log.dirs': this.data,
      'auto.create.topics.enable': 'false',
      'num.partitions': '12',
      'default.replication.factor': '1',
      'min.insync.replicas': '1',
      'unclean.leader.election.enable': 'false',
      'log.retention.hours': String(14 * 24),
      'offsets.topic.num.partitions': '3',
      'offsets.topic.replication.factor': '1',
      'transaction.state.log.replication.factor': '1',
      'transaction.state.log.min.isr': '1',
      'share.coordinator.state.topic.replication.factor': '1',
      'share.coordinator.state.topic.min.isr': '1',
      'group.initial.rebalance.delay.ms': '0',
      // After a kill the node may register again once its former session has run out: with Kafka's 9 s a restart stands.
      'broker.session.timeout.ms': '2000',
      'broker.heartbeat.interval.ms': '500',
      'log.cleaner.dedupe.buffer.size': String(8 * 1024 * 1024),
    })
      .map(([name, value]) => `${name}=${value}\n`)
      .join('');
  }
}

/** As `StorageTool random-uuid`: 128 random bits in base64url, not beginning with a dash, which reads as an option. */
function clusterId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? clusterId() : id;
}

/** Any: the broker makes the topic of all groups' offsets when it is first asked for the coordinator of one. */
const anyGroup = 'readiness';

/**
 * Whether the broker names the coordinator of a consumer group (FindCoordinator, key 10, version 0), which it does only
 * once it has joined, serves clients and has the topic of the groups' offsets. An open port alone says less, and consumers
 * that come before the coordinator would have to try again.
 */
function namesCoordinator(port: number): Promise<boolean> {
  const apiKey = 10;
  const request = Buffer.alloc(16 + anyGroup.length);
  request.writeInt32BE(request.length - 4, 0);
  request.writeInt16BE(apiKey, 4);
  // Version and correlation id are 0; a client id of length -1 is null.
  request.writeInt16BE(-1, 12);
  request.writeInt16BE(anyGroup.length, 14);
  request.write(anyGroup, 16);
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const done = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(1_000, () => done(false));
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
    socket.once('connect', () => socket.write(request));
    // Length and correlation id, then the error code: 0, or 15 while there is no coordinator.
    socket.once('data', (answer) => done(answer.length >= 10 && answer.readInt16BE(8) === 0));
  });
}
