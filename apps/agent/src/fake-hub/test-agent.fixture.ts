import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type Clock, systemClock } from '#kernel';
import { createLogger, createService, prepareDatabase, serviceDatabaseUrl } from '#platform';
import { createTestDatabase, type TestDatabase, testStack } from '#testing';
import request from 'supertest';
import { AgentConfig } from '../agent.config.js';
import { serviceOptions } from '../agent.module.js';
import { hashOfSystemKey } from '../authenticate-system/system.guard.js';
import { databaseSpec } from '../infra/database.js';

const POLL_MS = 20;
const PATIENCE_MS = 15_000;

/** Polls until there is a value. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    const value = await look();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`did not happen: ${what}`);
}

/** Calls of one agency's system. */
export interface SystemClient {
  get(path: string): request.Test;
  post(path: string, body?: object): request.Test;
}

/** Addresses and pinned keys, by the names of the environment. */
export interface HubToTrust {
  readonly pins: Readonly<Record<string, string>>;
}

/** The JSON of an answer. */
export const bodyOf = async <T>(asked: PromiseLike<request.Response>): Promise<T> => (await asked).body as T;

/** A clock that goes on from another time. */
export class MovedClock implements Clock {
  private ahead = 0;

  now(): Date {
    return new Date(Date.now() + this.ahead);
  }

  moveOn(milliseconds: number): void {
    this.ahead += milliseconds;
  }
}

export interface AgentBackup {
  readonly database: TestDatabase;
  readonly folder: string;
}

export type AgencyWish = { readonly id: string } & Record<string, unknown>;

/** One agent process with a database of its own, serving some agencies against a fake hub. */
export class TestAgent {
  app: NestFastifyApplication;
  private running = false;
  private readonly systemKeys = new Map<string, string>();

  private constructor(
    private readonly hub: HubToTrust,
    private database: TestDatabase,
    readonly folder: string,
    private agencies: readonly AgencyWish[],
    private readonly clock: Clock,
    private environment: Readonly<Record<string, string>>,
  ) {}

  static async start(
    hub: HubToTrust,
    agencies: readonly AgencyWish[],
    clock: Clock = systemClock,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<TestAgent> {
    const database = await createTestDatabase(testStack().agenciesDatabaseUrl);
    await prepareDatabase(database.url, databaseSpec);
    const folder = await mkdtemp(join(tmpdir(), 'agent-'));
    const agent = new TestAgent(hub, database, folder, agencies, clock, environment);
    for (const { id } of agencies) agent.systemKeys.set(id, randomBytes(32).toString('base64url'));
    await agent.boot();
    return agent;
  }

  get databaseUrl(): string {
    return this.database.url;
  }

  /** Starts the process again on the same data, or for the first time after `stop`. */
  async restart(): Promise<void> {
    await this.stop();
    await this.boot();
  }

  async stop(): Promise<void> {
    if (this.running) await this.app.close();
    this.running = false;
  }

  /** Copies database and vaults while the agent stands still. */
  async backUp(): Promise<AgentBackup> {
    await this.stop();
    const backup = { database: await this.copyOf(this.database), folder: await mkdtemp(join(tmpdir(), 'backup-')) };
    await cp(this.folder, backup.folder, { recursive: true });
    await this.boot();
    return backup;
  }

  /** The machine is lost; another one starts with what the backup has. */
  async restore(backup: AgentBackup): Promise<void> {
    await this.stop();
    await this.database.drop();
    await rm(this.folder, { recursive: true, force: true });
    this.database = backup.database;
    await cp(backup.folder, this.folder, { recursive: true });
    await rm(backup.folder, { recursive: true, force: true });
    await this.boot();
  }

  private copyOf({ url }: TestDatabase): Promise<TestDatabase> {
    return createTestDatabase(testStack().agenciesDatabaseUrl, url);
  }

  /** Starts again with more settings of an agency. */
  async reconfigure(id: string, more: object): Promise<void> {
    this.agencies = this.agencies.map((agency) => (agency.id === id ? { ...agency, ...more } : agency));
    await this.restart();
  }

  /** Starts again with another environment. */
  async reconfigureProcess(environment: Readonly<Record<string, string>>): Promise<void> {
    this.environment = environment;
    await this.restart();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.database.drop();
    await rm(this.folder, { recursive: true, force: true });
  }

  system(id: string): SystemClient {
    const server = this.app.getHttpServer();
    const authorization = `Bearer ${this.systemKeys.get(id)}`;
    return {
      get: (path) => request(server).get(path).set('authorization', authorization),
      post: (path, body = {}) => request(server).post(path).set('authorization', authorization).send(body),
    };
  }

  anonymous(): { get(path: string): request.Test } {
    return { get: (path) => request(this.app.getHttpServer()).get(path) };
  }

  /** Keys made and published, and found in the log by the agent itself. */
  async onboard(id: string): Promise<void> {
    await this.system(id).post('/v1/onboarding/keys').expect(201);
    await this.system(id).post('/v1/onboarding/publish').expect(202);
    await eventually(`${id} in the log`, async () => {
      const { keys } = await bodyOf<{ keys: { use: string; leafIndex?: number }[] }>(this.system(id).get('/v1/keys'));
      return keys.length > 0 && keys.every(({ use, leafIndex }) => use === 'pseudonym' || leafIndex !== undefined)
        ? true
        : undefined;
    });
  }

  /** Onboards all; the first makes the pseudonym key and shares it. */
  async onboardAll(): Promise<void> {
    const [first, ...others] = this.agencies.map(({ id }) => id);
    for (const { id } of this.agencies) await this.onboard(id);
    await this.system(first ?? '')
      .post('/v1/onboarding/pseudonym-key')
      .expect(201);
    for (const agency of others) {
      await this.system(first ?? '')
        .post('/v1/onboarding/pseudonym-key/share', { agency })
        .expect(202);
      await eventually(`the pseudonym key at ${agency}`, async () => {
        const { keys } = await bodyOf<{ keys: { use: string }[] }>(this.system(agency).get('/v1/keys'));
        return keys.some(({ use }) => use === 'pseudonym') ? true : undefined;
      });
    }
  }

  private async boot(): Promise<void> {
    const file = join(this.folder, 'agencies.json');
    const agencies = this.agencies.map(({ id, ...settings }) => ({
      id,
      vault: { path: join(this.folder, `${id}.vault`), keyFile: join(this.folder, `${id}.key`) },
      systems: [{ name: 'test-register', keyHash: hashOfSystemKey(this.systemKeys.get(id) ?? '') }],
      ...settings,
    }));
    await writeFile(file, JSON.stringify({ agencies }));
    const config = Object.assign(new AgentConfig(), {
      AGENT_CONFIG_FILE: file,
      DATABASE_URL: serviceDatabaseUrl(this.database.url, databaseSpec.schema),
      ...this.hub.pins,
      FOLLOW_EVERY_MS: 100,
      LOOK_AGAIN_EVERY_MS: 200,
      ...this.environment,
      LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    });
    this.app = await createService(serviceOptions, config, createLogger('agent', config.LOG_LEVEL), this.clock);
    await this.app.init();
    await this.app.getHttpAdapter().getInstance().ready();
    this.running = true;
  }
}
