import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { allTopics, AuditEvent, ConsentEvent, ConsentServiceClient, SetAsideServiceClient, topics } from '#contracts';
import { type Clock, newConsentId, newEventId, sha256 } from '#kernel';
import { createTopics, KafkaLog, type LogMessage } from '#messaging';
import {
  createLogger,
  createService,
  Database,
  type GrpcClient,
  grpcClient,
  loadConfig,
  prepareDatabase,
  serviceDatabaseUrl,
} from '#platform';
import { createTestDatabase, freePort, type TestDatabase, testStack, uniqueTopicPrefix, until } from '#testing';
import { ConsentConfig } from './consent.config.js';
import { serviceOptions } from './consent.module.js';
import { databaseSpec, SCHEMA } from './infra/database.js';
import { AuditDouble } from './testing/audit-double.fixture.js';
import { DirectoryDouble } from './testing/directory-double.fixture.js';
import { byConsent, client, somebodyElse } from './testing/facts.fixture.js';
import { Parties } from './testing/parties.fixture.js';

/** The system's clock, moved forward at will. */
class MovedClock implements Clock {
  private offset = 0;

  now(): Date {
    return new Date(Date.now() + this.offset);
  }

  advance(milliseconds: number): void {
    this.offset += milliseconds;
  }
}

describe('the consent service', () => {
  const clock = new MovedClock();
  let database: TestDatabase;
  let folder: string;
  let parties: Parties;
  let directory: DirectoryDouble;
  let audit: AuditDouble;
  let log: KafkaLog;
  let config: ConsentConfig;
  let app: NestFastifyApplication;
  let consent: GrpcClient<ConsentServiceClient>;
  let owner: Database;
  const events: LogMessage[] = [];

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
      groupId: 'test',
      topics: [topics.consentEvents],
      onBatch: async ({ messages }) => void events.push(...messages),
    });
    folder = await mkdtemp(join(tmpdir(), 'consent-'));
    parties = await Parties.meet(clock);
    const started = await DirectoryDouble.start(parties);
    audit = await AuditDouble.start();
    directory = started.directory;
    config = loadConfig(ConsentConfig, {
      LOG_LEVEL: 'silent',
      GRPC_ADDRESS: `127.0.0.1:${await freePort()}`,
      DATABASE_URL: serviceDatabaseUrl(database.url, SCHEMA),
      KAFKA_BROKERS: kafkaBrokers.join(','),
      KAFKA_TOPIC_PREFIX: topicPrefix,
      DIRECTORY_GRPC: started.address,
      AUDIT_GRPC: audit.address,
      PERMIT_KEY_FILE: join(folder, 'permit.json'),
    });
    await start();
  });

  afterAll(async () => {
    await stop();
    directory.stop();
    audit.stop();
    await log.disconnect();
    await owner.close();
    await database.drop();
    await rm(folder, { recursive: true });
  });

  async function start(): Promise<void> {
    app = await createService(serviceOptions, config, createLogger('consent', config.LOG_LEVEL), clock);
    await app.init();
    await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
    consent = grpcClient(ConsentServiceClient, config.GRPC_ADDRESS, { deadlineMs: 30_000 });
    await until('ready', async () => (await readiness()).status === 200);
  }

  async function readiness(): Promise<{ status: number; missing?: string[] }> {
    const response = await fetch(`${await app.getUrl()}/readyz`);
    const { missing } = (await response.json()) as { missing?: string[] };
    return { status: response.status, ...(missing && { missing }) };
  }

  async function stop(): Promise<void> {
    consent.close();
    await app.close();
  }

  const agency = 'K-235';
  const eventsAbout = (consentId: string): ConsentEvent[] =>
    events.filter(({ key }) => key === consentId).map(({ value }) => ConsentEvent.decode(value));

  it('records, checks, permits, lists and withdraws over gRPC', async () => {
    const id = newConsentId();
    const recorded = await consent.recordConsent({ agency, record: await parties.record({ id }) });
    expect(recorded).toMatchObject({ consentId: id, version: 1 });

    const item = await parties.release({ basis: [byConsent({}, id)] });
    expect(await consent.checkBasis({ items: [{ manifest: item.manifest }] })).toEqual({
      results: [{ allowed: true, code: '', reasons: [] }],
    });
    const permitted = await consent.permit({ items: [item] });
    expect(permitted.results.map(({ result }) => result?.$case)).toEqual(['permit']);
    const { consents } = await consent.listConsents({ agency, subject: client });
    expect(consents).toContainEqual(expect.objectContaining({ state: 'active', uses: 1 }));

    const act = await parties.act(parties.municipality, { consentId: id });
    const withdrawn = await consent.actOnConsent({ agency, act });
    expect(withdrawn.effectiveAt?.getTime()).toBeLessThanOrEqual(clock.now().getTime());
    const refused = await consent.permit({ items: [item] });
    expect(refused.results.map(({ result }) => result?.$case)).toEqual(['refusal']);

    await until('both events', () => eventsAbout(id).length === 2);
    expect(eventsAbout(id).map(({ log: record }) => [record?.type, record?.eventId])).toEqual([
      ['consent-recorded', recorded.eventId],
      ['consent-withdrawn', withdrawn.eventId],
    ]);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    [
      'of another agency',
      async () => consent.recordConsent({ agency: 'H-07', record: await parties.record() }),
      'FORBIDDEN',
    ],
    ['that is none', async () => consent.recordConsent({ agency, record: 'x' }), 'MALFORMED'],
    [
      'that has ended',
      async () =>
        consent.recordConsent({
          agency,
          record: await parties.record({
            id: newConsentId(),
            validUntil: new Date(clock.now().getTime() - 1).toISOString(),
          }),
        }),
      'CONSENT_INVALID',
    ],
  ])('refuses a record %s with its code', async (_what, call, code) => {
    await expect(call()).rejects.toMatchObject({ code });
  });

  it('refuses what is no agency, no pseudonym, and too much at once, with a code', async () => {
    await expect(consent.listConsents({ agency: 'nobody', subject: client })).rejects.toMatchObject({
      code: 'MALFORMED',
    });
    await expect(consent.listConsents({ agency, subject: '131052-9074' })).rejects.toMatchObject({ code: 'MALFORMED' });
    const item = await parties.release({ kind: 'notice' });
    await expect(consent.permit({ items: Array.from({ length: 65 }, () => item) })).rejects.toMatchObject({
      code: 'CONTENT_TOO_LARGE',
    });
  });

  it('learns from audit what stands in the log', async () => {
    const { eventId, consentId } = await consent.recordConsent({
      agency,
      record: await parties.record({ id: newConsentId(), subject: somebodyElse }),
    });
    const logged = AuditEvent.fromPartial({
      event: {
        $case: 'logged',
        value: {
          entries: [
            { eventId, leafIndex: 7n },
            { eventId: newEventId(), leafIndex: 8n },
          ],
        },
      },
    });
    await until('the event is published', () => eventsAbout(consentId).length === 1);
    await log.publish(topics.auditEvents, [{ key: eventId, value: AuditEvent.encode(logged).finish() }]);
    await until('the event is confirmed', async () => {
      const { rows } = await owner.query<{ leaf: string }>({
        text: 'SELECT leaf_index::text AS leaf FROM consent.outbox_logged WHERE event_id = $1',
        values: [eventId],
      });
      return rows[0]?.leaf === '7';
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
        text: 'SELECT payload FROM consent.outbox WHERE event_id = $1',
        values: [eventId],
      });
      expect(ConsentEvent.decode(rows[0]!.payload).log).toMatchObject({
        type: 'consent-record-discarded',
        evidence: [{ kind: 'discard' }],
      });
      expect(await found()).toBeUndefined();
    } finally {
      operator.close();
    }
  });

  it('stops deciding when the directory is silent for ten seconds, and says so', async () => {
    const item = await parties.release({ kind: 'notice' });
    clock.advance(10_000);
    await expect(consent.permit({ items: [item] })).rejects.toMatchObject({ code: 'DIRECTORY_STALE' });
    expect(await readiness()).toEqual({ status: 503, missing: ['directory'] });
    directory.beat();
    await until('ready again', async () => (await readiness()).status === 200);
    await expect(consent.permit({ items: [item] })).resolves.toMatchObject({ results: [{}] });
  });

  it('takes a suspension over at once', async () => {
    parties.suspended.add(parties.municipality.id);
    directory.publish();
    const record = await parties.record({ id: newConsentId() });
    await until('the suspension', async () => {
      const refused = await consent.recordConsent({ agency, record }).catch((error: unknown) => error);
      return (refused as { code?: string }).code === 'AGENCY_NOT_ONBOARDED';
    });
    parties.suspended.clear();
    directory.publish();
    await until('the end of the suspension', () =>
      consent.recordConsent({ agency, record }).then(
        () => true,
        () => false,
      ),
    );
  });

  it('keeps its permit key, its consents and its answers over a restart', async () => {
    const id = newConsentId();
    const record = await parties.record({ id });
    const before = await consent.recordConsent({ agency, record });
    const permitOf = async (): Promise<string> => {
      const { results } = await consent.permit({ items: [await parties.release({ basis: [byConsent({}, id)] })] });
      return results[0]?.result?.value ?? '';
    };
    const kidOf = (token: string): unknown =>
      (JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as { kid: unknown }).kid;
    const kid = kidOf(await permitOf());
    await stop();
    await start();
    expect(await consent.recordConsent({ agency, record })).toEqual(before);
    expect(kidOf(await permitOf())).toBe(kid);
  });
});
