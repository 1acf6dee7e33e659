import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  allTopics,
  AuditEvent,
  DirectoryEvent,
  DirectoryServiceClient,
  type RouteRequest,
  SetAsideServiceClient,
  topics,
} from '#contracts';
import type { ClearRecord } from '#envelope';
import { sha256, systemClock } from '#kernel';
import { createTopics, KafkaLog } from '#messaging';
import {
  createLogger,
  createService,
  Database,
  DirectoryWatch,
  type GrpcClient,
  grpcClient,
  loadConfig,
  prepareDatabase,
  serviceDatabaseUrl,
  signingKeyOf,
} from '#platform';
import { createTestDatabase, freePort, type TestDatabase, testStack, uniqueTopicPrefix, until } from '#testing';
import { DirectoryConfig } from './directory.config.js';
import { serviceOptions } from './directory.module.js';
import { databaseSpec, SCHEMA } from './infra/database.js';
import { AgencyAgent } from './testing/agency-agent.fixture.js';

interface Told {
  readonly eventId: string;
  readonly key: string;
  readonly clear: ClearRecord;
}

describe('the directory service', () => {
  let database: TestDatabase;
  let owner: Database;
  let log: KafkaLog;
  let config: DirectoryConfig;
  let app: NestFastifyApplication;
  let directory: GrpcClient<DirectoryServiceClient>;
  let watch: DirectoryWatch;
  let kauniainen: AgencyAgent;
  const told: Told[] = [];
  let leaves = 0n;

  beforeAll(async () => {
    const { kafkaBrokers } = testStack();
    const topicPrefix = uniqueTopicPrefix();
    database = await createTestDatabase();
    owner = new Database(database.url, { max: 1 });
    await prepareDatabase(database.url, databaseSpec);
    await createTopics(kafkaBrokers, allTopics, { replication: 1, prefix: topicPrefix });
    log = new KafkaLog({ brokers: kafkaBrokers, clientId: 'test', topicPrefix });
    await log.connect();
    await log.subscribe({
      groupId: 'audit',
      topics: [topics.directoryEvents],
      onBatch: async ({ messages }) => {
        for (const { key, value } of messages) {
          const record = DirectoryEvent.decode(value).log!;
          if (record.clearRecordJson === '') continue;
          told.push({ key, eventId: record.eventId, clear: JSON.parse(record.clearRecordJson) as ClearRecord });
        }
      },
    });
    config = loadConfig(DirectoryConfig, {
      LOG_LEVEL: 'silent',
      GRPC_ADDRESS: `127.0.0.1:${await freePort()}`,
      DATABASE_URL: serviceDatabaseUrl(database.url, SCHEMA),
      KAFKA_BROKERS: kafkaBrokers.join(','),
      KAFKA_TOPIC_PREFIX: topicPrefix,
      AUDIT_GRPC: '127.0.0.1:9',
      DIRECTORY_KEY_FILE: join(await mkdtemp(join(tmpdir(), 'directory-')), 'call.jwk'),
    });
    kauniainen = await AgencyAgent.of('K-235', systemClock);
    watch = new DirectoryWatch(config.GRPC_ADDRESS, systemClock);
    watch.start();
    await start();
  });

  afterAll(async () => {
    watch.close();
    await stop();
    await log.disconnect();
    await owner.close();
    await database.drop();
  });

  async function start(): Promise<void> {
    app = await createService(serviceOptions, config, createLogger('directory', config.LOG_LEVEL));
    await app.init();
    await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
    directory = grpcClient(DirectoryServiceClient, config.GRPC_ADDRESS, { deadlineMs: 30_000 });
    await until('ready', async () => (await fetch(`${await app.getUrl()}/readyz`)).ok);
  }

  async function stop(): Promise<void> {
    directory.close();
    await app.close();
  }

  /** Tells over Kafka, as audit does, that these events stand in the log. */
  async function logged(events: readonly Told[]): Promise<void> {
    const entries = events.map(({ eventId }) => ({ eventId, leafIndex: leaves++ }));
    const event = AuditEvent.fromPartial({ event: { $case: 'logged', value: { entries } } });
    await log.publish(topics.auditEvents, [{ key: entries[0]!.eventId, value: AuditEvent.encode(event).finish() }]);
  }

  const about = (agency: string): Told[] => told.filter(({ key }) => key === agency);
  const catalogueLeaves = (): Told[] => told.filter(({ clear }) => clear.type === 'catalogue');
  const status = (): string | undefined => watch.agency(kauniainen.id)?.status;

  it('gives a snapshot with the catalogue to who watches, and a heartbeat at least every few seconds', async () => {
    await until('the first snapshot', () => watch.fresh().ok);
    expect(JSON.parse(watch.catalogue().json)).toMatchObject({ categories: { length: 16 } });
    const beats: string[] = [];
    const stream = directory.raw.watch({ version: watch.version });
    stream.on('data', ({ update }: { update?: { $case: string } }) => beats.push(update?.$case ?? ''));
    stream.on('error', () => undefined);
    await until('two heartbeats', () => beats.length >= 2);
    stream.cancel();
    expect(new Set(beats)).toEqual(new Set(['heartbeat']));
  });

  it('takes an agency from registration to active, its keys only by way of the log', async () => {
    await directory.registerAgency({
      id: kauniainen.id,
      businessId: '0203026-2',
      nameFi: '',
      nameSv: '',
      contact: {
        functionalMailbox: 'kotoutuminen@example.org',
        deputy: '',
        telephone: '1',
        lastConfirmed: '2026-10-01',
      },
      firstKeyThumbprint: kauniainen.signing.kid,
    });
    await until('registered', () => status() === 'onboarding');
    const { kids } = await directory.publishKeys({ records: await kauniainen.records() });
    expect(kids).toHaveLength(4);
    await until('four events', () => about(kauniainen.id).length === 4);
    expect(watch.keysOf(kauniainen.id)).toEqual([]);

    await logged(about(kauniainen.id));
    await until('active', () => status() === 'active');
    expect(watch.keysOf(kauniainen.id).map(({ use }) => use)).toEqual([
      'signing',
      'receiving',
      'client-auth',
      'recovery',
    ]);
    const key = await signingKeyOf(watch, kauniainen.id, kauniainen.signing.kid, systemClock.now());
    expect(key).toMatchObject({ ok: true, value: { kid: kauniainen.signing.kid } });
    await until('its status as a leaf', () => about(kauniainen.id).at(-1)?.clear.type === 'agency');
  });

  it('shows a revocation to who watches without waiting for the log', async () => {
    const revocation = await kauniainen.revocation(kauniainen.receiving.kid);
    const { revokedAt } = await directory.revokeKey({ revocation });
    await until('revoked', () => watch.key(kauniainen.id, kauniainen.receiving.kid)?.revokedAt !== undefined);
    expect(watch.key(kauniainen.id, kauniainen.receiving.kid)?.revokedAt).toEqual(revokedAt);
  });

  it('shows a suspension to who watches', async () => {
    await directory.setAgencyStatus({ id: kauniainen.id, status: 'suspended' });
    await until('suspended', () => status() === 'suspended');
    await directory.setAgencyStatus({ id: kauniainen.id, status: 'active' });
    await until('active', () => status() === 'active');
  });

  describe('routes', () => {
    const route = (changes: Partial<RouteRequest> = {}) =>
      directory.route({
        municipalityCode: '235',
        duty: 'integration',
        clientGroup: 'outside-labour-force',
        day: '2026-11-22',
        category: 0,
        ...changes,
      });

    it('by the statutory default, with the contact of who is onboarded', async () => {
      expect(await route()).toMatchObject({
        agency: 'K-235',
        nameFi: 'Kauniainen',
        nameSv: 'Grankulla',
        rule: 'outside-labour-force',
        onboarded: true,
        contact: { functionalMailbox: 'kotoutuminen@example.org' },
      });
    });

    it('by the duty of a category', async () => {
      expect(await route({ duty: '', category: 11, clientGroup: '' })).toMatchObject({
        agency: 'H-03',
        onboarded: false,
        nameFi: expect.stringContaining('hyvinvointialue'),
        contact: undefined,
      });
    });

    it('with a word about whom to ask first', async () => {
      const answer = await route({ clientGroup: 'status-unknown' });
      expect(answer.agency).toBe('T-01');
      expect(answer.advice).toContain('7');
    });

    it('to nobody, with advice', async () => {
      expect(await route({ municipalityCode: '999' })).toMatchObject({
        agency: '',
        rule: 'municipality-unknown',
        advice: expect.stringMatching(/\S/),
      });
    });

    it('by contract before the statutory default, the newest contract first, on its days only', async () => {
      const contract = { municipalityCode: '235', duty: 'integration', clientGroup: '' };
      await directory.setResponsibility({ ...contract, agency: 'K-091', validFrom: '2026-06-01', validTo: '' });
      await directory.setResponsibility({
        ...contract,
        agency: 'K-049',
        validFrom: '2026-06-01',
        validTo: '2026-12-31',
      });
      expect(await route()).toMatchObject({ agency: 'K-049', rule: 'contract', onboarded: false });
      expect(await route({ day: '2027-01-01' })).toMatchObject({ agency: 'K-091', rule: 'contract' });
      expect(await route({ day: '2026-05-31' })).toMatchObject({ agency: 'K-235', rule: 'outside-labour-force' });
    });

    it('nothing without a day or a duty', async () => {
      await expect(route({ day: 'today' })).rejects.toMatchObject({ code: 'MALFORMED' });
      await expect(route({ duty: '', category: 99 })).rejects.toMatchObject({ code: 'MALFORMED' });
    });
  });

  it('ends what an operator gives up of what it set aside, and tells the log', async () => {
    const operator = grpcClient(SetAsideServiceClient, config.GRPC_ADDRESS, { deadlineMs: 30_000 });
    try {
      const noRecord = Buffer.from([0x0a, 0xff, 0x01]);
      await log.publish(topics.auditEvents, [{ key: 'k', value: noRecord }]);
      const hash = sha256(noRecord);
      const found = async () =>
        (await operator.listSetAside({ limit: 0, taken: false })).records.find((record) => record.hash === hash);
      await until('the record', async () => (await found()) !== undefined);
      const { place, id } = (await found())!;
      const why = { operator: 'Olli Operaattori', reason: 'no record at all' };
      const { eventId } = await operator.discardSetAside({ place, id, hash, ...why });
      const { rows } = await owner.query<{ payload: Buffer }>({
        text: 'SELECT payload FROM directory.outbox WHERE event_id = $1',
        values: [eventId],
      });
      expect(DirectoryEvent.decode(rows[0]!.payload).log).toMatchObject({
        type: 'directory-record-discarded',
        evidence: [{ kind: 'discard' }],
      });
      expect(await found()).toBeUndefined();
    } finally {
      operator.close();
    }
  });

  it('refuses with codes that reach the caller', async () => {
    await expect(directory.publishKeys({ records: [] })).rejects.toMatchObject({ code: 'MALFORMED' });
    await expect(directory.setAgencyStatus({ id: 'K-999', status: 'active' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    const impostor = await AgencyAgent.of('K-235', systemClock);
    await expect(directory.publishKeys({ records: await impostor.records() })).rejects.toMatchObject({
      code: 'KEY_UNTRUSTED',
    });
  });

  it('stops promptly under watchers, goes on where it was, and logs its catalogue once', async () => {
    const version = watch.version;
    const begun = Date.now();
    await stop();
    expect(Date.now() - begun).toBeLessThan(5_000);
    await start();
    await until('the watcher is back', async () => {
      // The channel to the old process is given up after a moment only.
      await directory.setAgencyStatus({ id: kauniainen.id, status: 'suspended' }).catch(() => undefined);
      return status() === 'suspended';
    });
    expect(watch.version).toBeGreaterThan(version);
    expect(watch.keysOf(kauniainen.id)).toHaveLength(4);
    expect(catalogueLeaves()).toHaveLength(1);
  });
});
