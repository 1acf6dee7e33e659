import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, Server, ServerCredentials, credentials } from '@grpc/grpc-js';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import pg from 'pg';
import request from 'supertest';
import {
  AuditEvent,
  AuditServiceClient,
  AuditServiceService,
  DirectoryEvent,
  DirectoryServiceService,
  ExchangeEvent,
  type Snapshot,
  type WatchResponse,
  allTopics,
  topics,
} from '#contracts';
import {
  type RecipientKey,
  type SigningKey,
  decodeEntry,
  exportPrivateJwk,
  generateSigningKey,
  importRecipientKey,
  readStatement,
  signStatement,
} from '#envelope';
import { type Clock, FixedClock, newEventId, newExchangeId, numericDate, systemClock, unwrap } from '#kernel';
import {
  MemoryTree,
  decodeEntryBundle,
  decodeTile,
  entryBundlePath,
  leafHash,
  openCheckpoint,
  parseVerifierKey,
  tilePath,
} from '#merkle';
import { KafkaLog, createTopics } from '#messaging';
import {
  type GrpcClient,
  callSigner,
  createLogger,
  createService,
  grpcClient,
  loadConfig,
  prepareDatabase,
  serviceDatabaseUrl,
} from '#platform';
import { type TestDatabase, createTestDatabase, testStack, uniqueTopicPrefix } from '#testing';
import { AuditConfig } from './audit.config.js';
import { serviceOptions } from './audit.module.js';
import { databaseSpec } from './infra/database.js';
import { acceptedEvent, emptyRecord, eventually, releaseItem } from './testing/audit.fixture.js';
import { askedBy, signedSearch } from './testing/looks.fixture.js';
import { type Party, directorySnapshot, keyRecords, party, sealedMessage } from './testing/parties.fixture.js';

interface ShowingDirectory {
  readonly address: string;
  show(snapshot: Snapshot): void;
  stop(): void;
}

/** A directory that answers `Watch` with the snapshot that it is given, and says each second that it still holds. */
async function startDirectory(): Promise<ShowingDirectory> {
  const server = new Server();
  const watchers: { write: (response: WatchResponse) => void }[] = [];
  let shown: Snapshot | undefined;
  const beats = setInterval(() => {
    const version = shown?.version;
    if (version === undefined) return;
    for (const watcher of watchers) watcher.write({ update: { $case: 'heartbeat', value: { version } } });
  }, 1_000);
  const tell = (watcher: (typeof watchers)[number], value: Snapshot): void =>
    watcher.write({ update: { $case: 'snapshot', value } });
  server.addService(DirectoryServiceService, {
    watch: (call: (typeof watchers)[number]) => {
      watchers.push(call);
      if (shown) tell(call, shown);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    address: `127.0.0.1:${port}`,
    show: (snapshot) => {
      shown = snapshot;
      for (const watcher of watchers) tell(watcher, snapshot);
    },
    stop: () => {
      clearInterval(beats);
      server.forceShutdown();
    },
  };
}

/** As the prepare step makes them. */
async function writeKeyFiles(folder: string): Promise<void> {
  const files = {
    'log.json': generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }),
    'audit.json': exportPrivateJwk(await generateSigningKey()),
    'kek.json': { kty: 'oct', alg: 'A256KW', k: randomBytes(32).toString('base64url') },
  };
  for (const [name, key] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(key));
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });

async function currentReleaseKey(entries: readonly Uint8Array[]): Promise<RecipientKey> {
  const key = entries
    .map((entry) => unwrap(decodeEntry(entry)))
    .flatMap((entry) => (entry.kind === 'clear' && entry.record.type === 'hub-key' ? [entry.record.record] : []))
    .map((record) => unwrap(readStatement('hub-key', record)).payload)
    .find(({ use }) => use === 'release');
  return unwrap(await importRecipientKey(key?.jwk));
}

describe('the audit service', () => {
  const prefix = uniqueTopicPrefix();
  let database: TestDatabase;
  let folder: string;
  let directory: ShowingDirectory;
  let app: NestFastifyApplication;
  let audit: GrpcClient<AuditServiceClient>;
  let kafka: KafkaLog;
  let sender: Party;
  let recipient: Party;
  let stranger: Party;
  let ombudsman: Party;
  let permitKey: SigningKey;
  let gatewayKey: SigningKey;
  let address: string;
  const events: AuditEvent[] = [];
  const cleanups: (() => unknown)[] = [];

  beforeAll(async () => {
    const { kafkaBrokers } = testStack();
    database = await createTestDatabase();
    cleanups.push(() => database.drop());
    await prepareDatabase(database.url, databaseSpec);
    await createTopics(kafkaBrokers, allTopics, { replication: 1, prefix });
    folder = await mkdtemp(join(tmpdir(), 'audit-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    [sender, recipient, stranger, ombudsman] = (await Promise.all(['H-03', 'K-235', 'L-KELA', 'A-1'].map(party))) as [
      Party,
      Party,
      Party,
      Party,
    ];
    directory = await startDirectory();
    cleanups.push(() => directory.stop());
    permitKey = await generateSigningKey();
    gatewayKey = await generateSigningKey();
    await writeKeyFiles(folder);
    address = `127.0.0.1:${await freePort()}`;
    const config = loadConfig(AuditConfig, {
      DATABASE_URL: serviceDatabaseUrl(database.url, databaseSpec.schema),
      KAFKA_BROKERS: kafkaBrokers.join(','),
      KAFKA_TOPIC_PREFIX: prefix,
      GRPC_ADDRESS: address,
      DIRECTORY_GRPC: directory.address,
      LOG_ORIGIN: 'log.test/kotovayla',
      LOG_KEY_FILE: join(folder, 'log.json'),
      LOG_FOLDER: join(folder, 'log'),
      AUDIT_KEY_FILE: join(folder, 'audit.json'),
      ENTRY_KEK_FILE: join(folder, 'kek.json'),
      RELEASE_KEY_FOLDER: join(folder, 'release'),
      PERMIT_PUBLIC_JWK: JSON.stringify(permitKey.publicJwk),
      GATEWAY_PUBLIC_JWK: JSON.stringify(gatewayKey.publicJwk),
      DIRECTORY_PUBLIC_JWK: JSON.stringify((await generateSigningKey()).publicJwk),
      OUTCOME_PUBLIC_JWK: JSON.stringify((await generateSigningKey()).publicJwk),
    });
    app = await createService(serviceOptions, config, createLogger('audit-test', 'silent'));
    cleanups.push(() => app.close());
    await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
    audit = signedBy('gateway', gatewayKey);
    kafka = new KafkaLog({ brokers: kafkaBrokers, clientId: 'audit-test', topicPrefix: prefix });
    await kafka.connect();
    cleanups.push(() => kafka.disconnect());
    await kafka.subscribe({
      groupId: 'listener',
      topics: [topics.auditEvents],
      onBatch: async ({ messages }) => {
        for (const { value } of messages) events.push(AuditEvent.decode(value));
      },
    });
    directory.show(await loggedKeys());
    await eventually(async () =>
      (await request(app.getHttpServer()).get('/readyz')).status === 200 ? true : undefined,
    );
  });

  /** The agencies with their keys, after the clear leaves of these are in the log. */
  const loggedKeys = async (): Promise<Snapshot> => {
    const parties = [sender, recipient, stranger, ombudsman];
    const snapshot = directorySnapshot(parties);
    const records = await keyRecords(snapshot, parties);
    const facts = records.map((record) => ({
      ...emptyRecord(),
      type: 'key-published',
      clearRecordJson: JSON.stringify(record),
    }));
    await kafka.publish(
      topics.directoryEvents,
      facts.map((log) => ({ key: 'keys', value: DirectoryEvent.encode({ log }).finish() })),
    );
    const leaves = await eventually(async () => {
      const entries = events.flatMap(({ event }) => (event?.$case === 'logged' ? event.value.entries : []));
      const found = facts.map(({ eventId }) => entries.find((entry) => entry.eventId === eventId)?.leafIndex);
      return found.every((leaf) => leaf !== undefined) ? found : undefined;
    });
    return { ...snapshot, keys: snapshot.keys.map((key, at) => ({ ...key, leafIndex: leaves[at]! })) };
  };

  const signedBy = (service: string, key: SigningKey, clock: Clock = systemClock): GrpcClient<AuditServiceClient> => {
    const client = grpcClient(AuditServiceClient, address, {
      deadlineMs: 30_000,
      signer: callSigner(service, key, clock),
    });
    cleanups.push(() => client.close());
    return client;
  };

  afterAll(async () => {
    for (const undo of cleanups.reverse()) await undo();
  });

  it('logs the hub’s keys in clear before it is ready, this month’s and the next one’s release key among them', async () => {
    const { entries } = await audit.getEntries({ from: 0n, to: 100n });
    const records = entries.flatMap((entry) => {
      const decoded = unwrap(decodeEntry(entry));
      if (decoded.kind !== 'clear' || decoded.record.type !== 'hub-key') return [];
      return [unwrap(readStatement('hub-key', decoded.record.record)).payload];
    });
    const uses = records.map(({ service, use }) => `${service} ${use}`).sort();
    expect(uses).toEqual([
      'audit log',
      'audit receipt',
      'audit release',
      'audit release',
      'consent permit',
      'exchange outcome',
    ]);
    const now = Date.now();
    const current = records.filter(
      ({ use, useFrom, useUntil }) => use === 'release' && Date.parse(useFrom) <= now && now < Date.parse(useUntil),
    );
    expect(current.length).toBeGreaterThanOrEqual(1);
  });

  it('turns a fact from Kafka into one leaf and publishes it with the sender’s receipt', async () => {
    const { entries } = await audit.getEntries({ from: 0n, to: 100n });
    const target = await currentReleaseKey(entries);
    const log = acceptedEvent(await sealedMessage(sender, recipient, target));
    const value = ExchangeEvent.encode({ log }).finish();
    await kafka.publish(topics.exchangeEvents, [
      { key: log.exchangeId, value },
      { key: log.exchangeId, value: Buffer.from('not a fact') },
      { key: log.exchangeId, value },
    ]);
    const logged = await eventually(async () =>
      events
        .flatMap(({ event }) => (event?.$case === 'logged' ? event.value.entries : []))
        .find(({ eventId }) => eventId === log.eventId),
    );
    expect(logged.receipt?.opening).not.toBe('');
    const { checkpoint } = await audit.getCheckpoint({});
    expect(Number(logged.leafIndex)).toBe(entries.length);
    expect(checkpoint.split('\n')[1]).toBe(String(entries.length + 1));
  });

  it('forgets events of its own when the transport forgets them, and no younger ones', async () => {
    const owner = new pg.Client({ connectionString: database.url });
    await owner.connect();
    try {
      const payload = AuditEvent.encode({
        event: { $case: 'logged', value: { entries: [], checkpoint: '' } },
      }).finish();
      const days = [13, 14.1, 40];
      const eventIds = days.map(() => newEventId());
      await owner.query(
        `INSERT INTO audit.outbox (event_id, topic, key, payload, created_at)
         SELECT event_id, $2, 'logged', $3, now() - age * interval '1 day' FROM unnest($1::text[], $4::float8[]) AS old (event_id, age)`,
        [eventIds, topics.auditEvents, Buffer.from(payload), days],
      );
      const left = async (): Promise<string[]> => {
        const text = 'SELECT event_id FROM audit.outbox WHERE event_id = ANY($1)';
        return (await owner.query<{ event_id: string }>(text, [eventIds])).rows.map(({ event_id }) => event_id);
      };
      expect(await eventually(async () => ((await left()).length < 2 ? left() : undefined))).toEqual([eventIds[0]]);
    } finally {
      await owner.end();
    }
  });

  it('keeps what is no fact raw in quarantine, and goes on behind it', async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const rows = await eventually(async () => {
      const found = await client.query<{ topic: string; failure: string; value: Buffer }>(
        'SELECT topic, failure, value FROM audit.quarantine',
      );
      return found.rows.length > 0 ? found.rows : undefined;
    });
    await client.end();
    expect(rows).toEqual([{ topic: topics.exchangeEvents, failure: 'MALFORMED', value: Buffer.from('not a fact') }]);
  });

  it('shows a checkpoint whose root recomputes from the entries', async () => {
    const { checkpoint, verifierKey } = await audit.getCheckpoint({});
    const opened = unwrap(openCheckpoint(checkpoint, unwrap(parseVerifierKey(verifierKey))));
    const { entries } = await audit.getEntries({ from: 0n, to: BigInt(opened.size) });
    const tree = MemoryTree.of(entries.map((entry) => leafHash(entry)));
    expect(tree.root()).toEqual(opened.root);
    const { hashes } = await audit.getConsistencyProof({ first: 3n, second: BigInt(opened.size) });
    expect(hashes).toEqual(tree.consistencyProof(3));
  });

  it('publishes as files what is committed, for everybody', async () => {
    const { checkpoint, verifierKey } = await audit.getCheckpoint({});
    const published = await eventually(async () => {
      const { content } = await audit.getLogFile({ path: 'checkpoint' }).catch(() => ({ content: Buffer.alloc(0) }));
      return content.toString() === checkpoint ? content.toString() : undefined;
    });
    const { size, root } = unwrap(openCheckpoint(published, unwrap(parseVerifierKey(verifierKey))));
    const { content: bundle } = await audit.getLogFile({ path: entryBundlePath(0, size) });
    expect(MemoryTree.of(unwrap(decodeEntryBundle(bundle, size)).map(leafHash)).root()).toEqual(root);
    const { content: tile } = await audit.getLogFile({ path: tilePath(0, 0, size) });
    expect(MemoryTree.of(unwrap(decodeTile(tile, size))).root()).toEqual(root);
    for (const path of ['tile/0/001', '../log.json', 'checkpoint/..'])
      await expect(audit.getLogFile({ path })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('logs a recipient’s signed mismatch once, and only for a message that was released to it', async () => {
    const { entries } = await audit.getEntries({ from: 0n, to: 100n });
    const target = await currentReleaseKey(entries);
    const sealed = await sealedMessage(sender, recipient, target);
    const { manifestHash } = sealed.message;
    const iat = numericDate(new Date());
    const statement = { manifestHash, agency: recipient.id, code: 'OPENED_MISMATCH', worker: 'w-1', iat } as const;
    const mismatch = await signStatement('mismatch', statement, recipient.signing);
    const report = { agency: recipient.id, mismatch };
    await expect(audit.reportMismatch(report)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const item = await releaseItem({ permitKey }, recipient, sealed);
    const { results } = await audit.release({ items: [item] });
    expect(results[0]?.result?.$case).toBe('released');
    const first = await audit.reportMismatch(report);
    expect(await audit.reportMismatch(report)).toEqual(first);
    await expect(audit.reportMismatch({ agency: sender.id, mismatch })).rejects.toMatchObject({
      code: 'SENDER_MISMATCH',
    });
    const forged = await signStatement('mismatch', statement, sender.signing);
    await expect(audit.reportMismatch({ ...report, mismatch: forged })).rejects.toMatchObject({
      code: 'KEY_NOT_LOGGED',
    });
    const fact = await eventually(async () =>
      events
        .flatMap(({ event }) => (event?.$case === 'release' ? [event.value] : []))
        .find((one) => one.manifestHash === manifestHash),
    );
    expect(fact).toMatchObject({ type: 'message-released', recipient: recipient.id });
  });

  it('lets a supervising authority search all and a municipality its own, and logs each search', async () => {
    const before = await audit.getCheckpoint({});
    const question = { from: 0n, limit: 100, worker: '', filter: undefined, cursor: '' };
    const search = async (by: Party, supervising = false) =>
      audit.searchEntries(await signedSearch(by, { agency: by.id, supervising, ...question }));
    const all = await search(ombudsman, true);
    const own = await search(recipient);
    const foreign = await search(stranger);
    expect(all.entries.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual([
      'message-accepted',
      'message-accepted',
      'message-released',
      'message-mismatch',
    ]);
    expect(own.entries).toHaveLength(4);
    expect(foreign.entries).toHaveLength(0);
    await expect(search(recipient, true)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const after = await audit.getCheckpoint({});
    expect(Number(after.checkpoint.split('\n')[1])).toBe(Number(before.checkpoint.split('\n')[1]) + 3);
  });

  describe('shows no body and acts for nobody', () => {
    const search = {
      agency: 'A-1',
      supervising: true,
      from: 0n,
      limit: 100,
      worker: '',
      filter: undefined,
      cursor: '',
      look: '',
    };
    const sizeNow = async (): Promise<number> => Number((await audit.getCheckpoint({})).checkpoint.split('\n')[1]);
    const who = { agency: 'A-1', supervising: true, worker: '', look: '' };
    const calls: Readonly<Record<string, (client: GrpcClient<AuditServiceClient>) => Promise<unknown>>> = {
      searchEntries: (client) => client.searchEntries(search),
      showTransfer: (client) => client.showTransfer({ ...who, exchangeId: newExchangeId(), from: 0n }),
      listConsentWords: (client) => client.listConsentWords({ from: 0n, limit: 1, withStatements: true }),
      listAlerts: (client) => client.listAlerts({ ...who, closed: true }),
      listHolds: (client) => client.listHolds(who),
      listBreakGlass: (client) => client.listBreakGlass(who),
      openBreakGlass: (client) => client.openBreakGlass({ ...who, opening: 'x' }),
      lookBreakGlass: (client) => client.lookBreakGlass({ ...who, grant: 'x', from: 0n, limit: 1 }),
      reviewBreakGlass: (client) => client.reviewBreakGlass({ ...who, review: 'x' }),
      listErasures: (client) => client.listErasures(who),
      runErasure: (client) => client.runErasure(who),
      showErasureRun: (client) => client.showErasureRun({ ...who, run: 'x' }),
      listRetention: (client) => client.listRetention({ ...who, count: true }),
      placeHold: (client) => client.placeHold({ ...who, hold: 'x' }),
      liftHold: (client) => client.liftHold({ ...who, lift: 'x' }),
      actOnAlert: (client) => client.actOnAlert({ ...who, act: 'x' }),
      proposeErasure: (client) => client.proposeErasure({ ...who, proposal: 'x' }),
      approveErasure: (client) => client.approveErasure({ ...who, approval: 'x' }),
    };

    it.each(Object.keys(calls))('to who reaches its port and signs nothing: %s', async (name) => {
      const before = await sizeNow();
      const stranger = grpcClient(AuditServiceClient, address, { deadlineMs: 30_000 });
      cleanups.push(() => stranger.close());
      await expect(calls[name]!(stranger)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      expect(await sizeNow()).toBe(before);
    });

    it.each(Object.keys(calls))('to who signs with a key of its own in the gateway’s name: %s', async (name) => {
      const forger = signedBy('gateway', await generateSigningKey());
      await expect(calls[name]!(forger)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    });

    it.each(Object.keys(calls).filter((name) => /^(list(?!ConsentWords)|look|search|show|run)/.test(name)))(
      'to a gateway that asks in an auditor’s name: %s',
      async (name) => {
        const before = await sizeNow();
        await expect(calls[name]!(audit)).rejects.toMatchObject({ code: 'LOOK_UNPROVED' });
        expect(await sizeNow()).toBe(before);
      },
    );

    it('to a service that may make other calls', async () => {
      const consent = signedBy('consent', permitKey);
      await expect(calls['searchEntries']!(consent)).rejects.toMatchObject({ code: 'FORBIDDEN' });
      await expect(calls['listConsentWords']!(audit)).rejects.toMatchObject({ code: 'FORBIDDEN' });
      await expect(calls['listConsentWords']!(consent)).resolves.toBeDefined();
    });

    it('to a call that was signed long ago, or will be', async () => {
      for (const offsetMs of [-60_000, 60_000]) {
        const late = signedBy('gateway', gatewayKey, new FixedClock(new Date(Date.now() + offsetMs)));
        await expect(calls['listAlerts']!(late)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      }
    });

    it('to a signature for another call, or for another request', async () => {
      const raw = new AuditServiceClient(address, credentials.createInsecure());
      cleanups.push(() => raw.close());
      const { path, requestSerialize } = AuditServiceService.listHolds;
      const asked = await askedBy(ombudsman, { call: 'GET /v1/audit/holds' }, { all: true });
      const signed = await callSigner('gateway', gatewayKey, systemClock)(path, requestSerialize(asked));
      const metadata = new Metadata();
      metadata.set('kotovayla-call', signed);
      const detail = (call: (done: (error: { details?: string } | null) => void) => unknown): Promise<string> =>
        new Promise((resolve) => call((error) => resolve(error?.details?.split(':')[0] ?? 'OK')));
      expect(await detail((done) => raw.listHolds(asked, metadata, done))).toBe('OK');
      expect(await detail((done) => raw.listErasures(asked, metadata, done))).toBe('UNAUTHENTICATED');
      expect(await detail((done) => raw.listHolds({ ...asked, agency: 'A-2' }, metadata, done))).toBe(
        'UNAUTHENTICATED',
      );
    });
  });
});
