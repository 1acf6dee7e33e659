import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { AuditServiceReleaseItem, LogRecord, ReleaseResult } from '#contracts';
import {
  type Permit,
  type ReceivingKey,
  type ReleaseRequest,
  type SigningKey,
  generateSigningKey,
  importVerificationKey,
  readReleaseRequest,
  signPermit,
  signReleaseRequest,
  thumbprintOf,
} from '#envelope';
import { type Clock, isEventId, newEventId, numericDate, systemClock, unwrap } from '#kernel';
import {
  Database,
  type DirectoryView,
  type Logger,
  createLogger,
  prepareDatabase,
  serviceDatabaseUrl,
} from '#platform';
import { type TestDatabase, createTestDatabase } from '#testing';
import { Appender, type AppenderOptions } from '../append-entries/appender.js';
import { AgencyKeys } from '../infra/agency-keys.js';
import { databaseSpec } from '../infra/database.js';
import { EntryKek } from '../infra/entry-kek.js';
import type { KeyProof, keyLeaves } from '../infra/key-leaves.js';
import { LeafOpenings } from '../infra/leaf-openings.js';
import { LogKey } from '../infra/log-key.js';
import { tileSource } from '../infra/log-store.js';
import { ReleaseKeyring } from '../infra/release-keyring.js';
import { auditSchema } from '../infra/schema.js';
import { EntrySealer } from '../seal-entries/entry-sealer.js';
import { FactConsumer } from '../log-facts/fact-consumer.js';
import { RecordPreparer } from '../log-facts/prepare-record.js';
import { EvidenceVerifier } from '../log-facts/verify-evidence.js';
import { ReleaseHandler } from '../release-message/release.handler.js';
import type { SealedFor, Party } from './parties.fixture.js';

const kekFile = 'entry-kek.jwk';

/** What outlives an instance of the service: its database, its key files, its clock. */
export class AuditGround {
  private constructor(
    readonly database: TestDatabase,
    readonly folder: string,
    readonly logKey: LogKey,
    readonly kek: EntryKek,
    readonly permitKey: SigningKey,
    readonly keyring: ReleaseKeyring,
    readonly releaseKey: ReceivingKey,
    readonly clock: Clock,
  ) {}

  static async lay(clock: Clock = systemClock): Promise<AuditGround> {
    const database = await createTestDatabase();
    await prepareDatabase(database.url, databaseSpec);
    const folder = await mkdtemp(join(tmpdir(), 'audit-'));
    const keyring = new ReleaseKeyring(join(folder, 'release'), clock, 92);
    await keyring.refresh();
    const record = keyring.records()[0];
    if (!record) throw new Error('the keyring made no key');
    const kid = await thumbprintOf(record.jwk);
    return new AuditGround(
      database,
      folder,
      new LogKey('log.test/kotovayla', generateKeyPairSync('ed25519').privateKey),
      await EntryKek.load(join(folder, kekFile)),
      await generateSigningKey(),
      keyring,
      unwrap(keyring.find(kid)).key,
      clock,
    );
  }

  /** The key-encryption key as a JWK. */
  get kekFile(): string {
    return join(this.folder, kekFile);
  }

  get serviceUrl(): string {
    return serviceDatabaseUrl(this.database.url, auditSchema);
  }

  async owner<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: this.database.url });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  async clear(): Promise<void> {
    await this.database.drop();
    await rm(this.folder, { recursive: true });
  }
}

/** For tests whose log begins without the leaves of their agencies' keys. */
const everyKey = (): KeyProof => () => Promise.resolve(true);

export interface InstanceOptions {
  readonly keyProof?: typeof keyLeaves;
  readonly connect?: (url: string) => pg.Client;
  readonly appender?: Pick<
    AppenderOptions,
    'publishedBefore' | 'requireSynchronousStandby' | 'afterCommit' | 'maxBatch'
  >;
}

/** One instance of the service's core over real PostgreSQL, without transports. */
export class AuditInstance {
  readonly logger: Logger = createLogger('audit-test', 'silent');
  readonly database: Database;
  readonly appender: Appender;
  readonly preparer: RecordPreparer;
  readonly consumer: FactConsumer;
  readonly handler: ReleaseHandler;
  readonly openings: LeafOpenings;

  readonly keys: AgencyKeys;

  private constructor(
    readonly ground: AuditGround,
    directory: DirectoryView,
    permitKey: Awaited<ReturnType<typeof verificationKeyOf>>,
    options: InstanceOptions,
  ) {
    const { serviceUrl, logKey, kek, keyring, clock } = ground;
    const { connect = (url) => new pg.Client({ connectionString: url }), appender, keyProof = everyKey } = options;
    this.database = new Database(serviceUrl);
    this.keys = new AgencyKeys(directory, keyProof(this.database));
    const { keys } = this;
    this.appender = new Appender({
      connect: () => connect(serviceUrl),
      signer: logKey.signer,
      verifier: logKey.verifier,
      logger: this.logger,
      ...appender,
    });
    const evidence = new EvidenceVerifier(keys);
    this.preparer = new RecordPreparer(keys, evidence, new EntrySealer(kek, { threads: 0 }), clock);
    this.consumer = new FactConsumer(this.preparer, this.appender, this.database, this.logger);
    this.openings = new LeafOpenings(this.database, kek, this.logger);
    this.handler = new ReleaseHandler(
      {
        keys,
        evidence,
        records: this.preparer,
        keyring,
        permitKey,
        clock,
        isLogged: ({ eventId }) => isEventId(eventId) && this.appender.knows(eventId),
      },
      this.appender,
      kek,
      this.openings,
      tileSource(this.database),
      this.logger,
    );
  }

  static async start(
    ground: AuditGround,
    directory: DirectoryView,
    options: InstanceOptions = {},
  ): Promise<AuditInstance> {
    const permitKey = await verificationKeyOf(ground.permitKey);
    const instance = new AuditInstance(ground, directory, permitKey, options);
    instance.appender.start();
    return instance;
  }

  async release(...items: AuditServiceReleaseItem[]): Promise<NonNullable<ReleaseResult['result']>[]> {
    const results = await this.handler.release(items);
    return results.map(({ result }) => {
      if (!result) throw new Error('an item without a result');
      return result;
    });
  }

  async stop(): Promise<void> {
    await this.appender.close();
    await this.database.close();
  }
}

const verificationKeyOf = async (key: SigningKey) => unwrap(await importVerificationKey(key.publicJwk));

/** The event by which exchange says that it accepted this message. */
export function acceptedEvent({ context, message }: SealedFor, at = new Date()): LogRecord {
  return {
    ...emptyRecord(),
    type: 'message-accepted',
    at,
    exchangeId: context.exchangeId,
    exchangeNumber: 1,
    messageId: context.messageId,
    manifestHash: message.manifestHash,
    sender: context.sender,
    recipient: context.recipient,
    subjects: context.subjects,
    categories: context.categories,
    basisJson: JSON.stringify(context.basis),
    purpose: context.purpose,
    evidence: [{ kind: 'manifest', token: message.manifest }],
    receiptFor: context.sender,
  };
}

export const emptyRecord = (): LogRecord => ({
  eventId: newEventId(),
  type: '',
  at: new Date(),
  exchangeId: '',
  exchangeNumber: 0,
  messageId: '',
  manifestHash: '',
  sender: '',
  recipient: '',
  actorAgency: '',
  actorWorker: '',
  subjects: [],
  categories: [],
  basisJson: '',
  purpose: '',
  code: '',
  consentId: '',
  consentVersion: 0,
  evidence: [],
  clearRecordJson: '',
  receiptFor: '',
});

export interface AskedRelease {
  readonly request?: Partial<ReleaseRequest>;
  readonly permit?: Partial<Permit>;
  readonly item?: Partial<AuditServiceReleaseItem>;
  readonly permitKey?: SigningKey;
  readonly requestKey?: SigningKey;
}

/** What exchange sends for one release: right in everything, unless wished otherwise. */
export async function releaseItem(
  { permitKey, clock = systemClock }: Pick<AuditGround, 'permitKey'> & Partial<Pick<AuditGround, 'clock'>>,
  recipient: Party,
  sealed: SealedFor,
  wished: AskedRelease = {},
): Promise<AuditServiceReleaseItem> {
  const now = numericDate(clock.now());
  const { manifestHash, manifest, capsule } = sealed.message;
  const releaseRequest = await signReleaseRequest(
    {
      manifestHash,
      agency: recipient.id,
      worker: 'w-1',
      jti: randomBytes(16).toString('base64url'),
      iat: now,
      ...wished.request,
    },
    wished.requestKey ?? recipient.signing,
  );
  const permit = await signPermit(
    {
      manifestHash,
      releaseRequestHash: unwrap(readReleaseRequest(releaseRequest)).hash,
      basis: sealed.context.basis,
      use: 'first',
      iat: now,
      exp: now + 10,
      ...wished.permit,
    },
    wished.permitKey ?? permitKey,
  );
  return {
    manifest,
    capsule,
    releaseRequest,
    decision: { $case: 'permit', value: permit },
    seenSize: 0n,
    accepted: acceptedEvent(sealed),
    ...wished.item,
  };
}

/** Looks again and again until there is something. */
export async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
