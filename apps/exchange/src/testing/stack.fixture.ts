import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { fork } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ExchangeServiceClient, type MailboxItem, Submission, allTopics, topics } from '#contracts';
import {
  type Outcome,
  type PublicJwk,
  exportPrivateJwk,
  generateSigningKey,
  importSigningKey,
  readStatement,
} from '#envelope';
import { type Clock, type ExchangeId, type Sha256, unwrap } from '#kernel';
import { KafkaLog, createTopics } from '#messaging';
import {
  Database,
  type GrpcClient,
  createLogger,
  createService,
  grpcClient,
  loadConfig,
  prepareDatabase,
  serviceDatabaseUrl,
} from '#platform';
import { type TestDatabase, createTestDatabase, testStack, uniqueTopicPrefix } from '#testing';
import { ExchangeConfig } from '../exchange.config.js';
import { serviceOptions } from '../exchange.module.js';
import { databaseSpec } from '../infra/database.js';
import type { KilledAt } from './dying-service.fixture.js';
import { Network, type Party, type Sent } from './network.fixture.js';
import { ServiceDoubles } from './service-doubles.fixture.js';

/** Compiled: the process is a real one, and `kill -9` too. */
const dyingService = fileURLToPath(
  new URL('../../../../dist/apps/exchange/src/testing/dying-service.fixture.js', import.meta.url),
);

/** The system's clock, moved forward at will. */
export class MovedClock implements Clock {
  private offset = 0;

  now(): Date {
    return new Date(Date.now() + this.offset);
  }

  advance(milliseconds: number): void {
    this.offset += milliseconds;
  }
}

export interface Mail {
  readonly messages: readonly string[];
  readonly notices: readonly Outcome[];
  readonly head: bigint;
}

/** The exchange service on real PostgreSQL and Kafka, with doubles of its peers. */
export class ExchangeStack {
  app: NestFastifyApplication;
  exchange: GrpcClient<ExchangeServiceClient>;
  /** As the owner: sees every table. */
  readonly owner: Database;

  private constructor(
    readonly network: Network,
    readonly clock: MovedClock,
    readonly doubles: ServiceDoubles,
    readonly log: KafkaLog,
    readonly config: ExchangeConfig,
    private readonly database: TestDatabase,
    private readonly folder: string,
  ) {
    this.owner = new Database(database.url, { max: 2 });
  }

  static async start(overrides: Partial<ExchangeConfig> = {}): Promise<ExchangeStack> {
    const { kafkaBrokers } = testStack();
    const prefix = uniqueTopicPrefix();
    const database = await createTestDatabase();
    await prepareDatabase(database.url, databaseSpec);
    await createTopics(kafkaBrokers, allTopics, { replication: 1, prefix });
    const log = new KafkaLog({ brokers: [...kafkaBrokers], clientId: 'test', topicPrefix: prefix });
    await log.connect();
    const clock = new MovedClock();
    const network = await Network.create(clock);
    const { doubles, address } = await ServiceDoubles.start(network, log);
    const folder = await mkdtemp(join(tmpdir(), 'exchange-'));
    await writeFile(join(folder, 'outcome.json'), JSON.stringify(exportPrivateJwk(await generateSigningKey())));
    const config = loadConfig(ExchangeConfig, {
      LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
      GRPC_ADDRESS: `127.0.0.1:${await freePort()}`,
      DATABASE_URL: serviceDatabaseUrl(database.url, databaseSpec.schema),
      KAFKA_BROKERS: kafkaBrokers.join(','),
      KAFKA_TOPIC_PREFIX: prefix,
      DIRECTORY_GRPC: address,
      CONSENT_GRPC: address,
      AUDIT_GRPC: address,
      OUTCOME_KEY_FILE: join(folder, 'outcome.json'),
      SWEEP_EVERY_MS: '50',
      ...Object.fromEntries(Object.entries(overrides).map(([name, value]) => [name, String(value)])),
    });
    const stack = new ExchangeStack(network, clock, doubles, log, config, database, folder);
    await stack.startService();
    return stack;
  }

  async startService(): Promise<void> {
    const { config } = this;
    this.app = await createService(serviceOptions, config, createLogger('exchange', config.LOG_LEVEL), this.clock);
    await this.app.init();
    await this.app.startAllMicroservices();
    await this.app.listen(0, '127.0.0.1');
    this.exchange = grpcClient(ExchangeServiceClient, config.GRPC_ADDRESS, { deadlineMs: 30_000 });
  }

  async stopService(): Promise<void> {
    this.exchange.close();
    await this.app.close();
  }

  /** The service as a process of its own, which kills itself at that step of putting notices. Resolves when it is gone. */
  async runUntilKilled(at: KilledAt): Promise<void> {
    const child = fork(dyingService, [JSON.stringify({ at, config: this.config })]);
    const signal = await new Promise((resolve) => child.once('exit', (_code, killedBy) => resolve(killedBy)));
    if (signal !== 'SIGKILL') throw new Error(`it was not killed: ${String(signal)}`);
  }

  async stop(): Promise<void> {
    await this.stopService();
    await this.doubles.stop();
    await this.log.disconnect();
    await this.owner.close();
    await this.database.drop();
    await rm(this.folder, { recursive: true });
  }

  /** Publishes as the gateway does; with `as`, straight to Kafka in another shape. */
  async post(
    ...sent: readonly { readonly submission: Submission; readonly context: Sent['context'] }[]
  ): Promise<void> {
    await this.log.publish(
      topics.submissions,
      sent.map(({ submission, context }) => ({
        key: context.exchangeId,
        value: Submission.encode(submission).finish(),
      })),
    );
  }

  async mail(party: Party, after = 0n): Promise<Mail> {
    const { items, head } = await this.exchange.readMailbox({ agency: party.id, after, limit: 64 });
    return {
      head,
      messages: items.flatMap(({ item }) => (item?.$case === 'message' ? [item.value.manifest] : [])),
      notices: items.flatMap((item) => noticeOf(item) ?? []),
    };
  }

  /** Waits until the mailbox holds a notice of this type about the message. */
  async notice(party: Party, type: Outcome['type'], manifestHash: Sha256): Promise<Outcome> {
    let found: Outcome | undefined;
    await eventually(async () => {
      found = (await this.mail(party)).notices.find((one) => one.type === type && one.manifestHash === manifestHash);
      return found !== undefined;
    }, `${type} notice for ${party.id}`);
    return found!;
  }

  /** Waits until the recipient can read the message, and acknowledges everything. */
  async delivered(party: Party, sent: Sent): Promise<void> {
    await eventually(async () => (await this.mail(party)).messages.includes(sent.manifest), 'message in the mailbox');
    const { head } = await this.mail(party);
    await this.mail(party, head);
  }

  async release(party: Party, sent: Sent, jti?: string): Promise<{ released: boolean; code: string }> {
    const releaseRequest = await this.network.releaseRequest(party, sent.manifestHash, jti);
    const { results } = await this.exchange.release({ agency: party.id, items: [{ releaseRequest, seenSize: 0n }] });
    const result = results[0]?.result;
    return { released: result?.$case === 'released', code: result?.$case === 'refused' ? result.value.code : '' };
  }

  /** Public half of the key by which it signs notices. */
  async outcomeKey(): Promise<PublicJwk> {
    const stored = await readFile(this.config.OUTCOME_KEY_FILE, 'utf8');
    return (await importSigningKey(JSON.parse(stored) as Parameters<typeof importSigningKey>[0])).publicJwk;
  }

  async stateOf(sent: Sent): Promise<string | undefined> {
    const { rows } = await this.owner.query<{ state: string }>({
      text: 'SELECT state FROM exchange.messages WHERE manifest_hash = $1',
      values: [sent.manifestHash],
    });
    return rows[0]?.state;
  }

  async exchangeState(id: ExchangeId): Promise<string | undefined> {
    const { rows } = await this.owner.query<{ state: string }>({
      text: 'SELECT state FROM exchange.exchanges WHERE id = $1',
      values: [id],
    });
    return rows[0]?.state;
  }

  /** Numbers of an exchange's entries as audit got them, in their order. */
  async numbersOf(id: ExchangeId): Promise<number[]> {
    await this.allLogged();
    return this.doubles.records
      .filter(({ exchangeId, exchangeNumber }) => exchangeId === id && exchangeNumber > 0)
      .map(({ exchangeNumber }) => exchangeNumber);
  }

  /** Waits until audit has confirmed every event of the outbox. */
  async allLogged(): Promise<void> {
    await eventually(async () => {
      const { rows } = await this.owner.query<{ open: number }>({
        text: `SELECT count(*)::int AS open FROM exchange.outbox
               WHERE NOT EXISTS (SELECT 1 FROM exchange.outbox_logged l WHERE l.event_id = outbox.event_id)`,
      });
      return rows[0]?.open === 0;
    }, 'all events logged');
  }
}

function noticeOf({ item }: MailboxItem): Outcome | undefined {
  return item?.$case === 'notice' ? unwrap(readStatement('outcome', item.value)).payload : undefined;
}

export async function eventually(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 45_000,
): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`did not come: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
