import { ConsentEvent, type ConsentWord, type PermitResult } from '#contracts';
import {
  generateSigningKey,
  importVerificationKey,
  type SigningKey,
  statementHash,
  verifyPermit,
  verifyPermitRefusal,
} from '#envelope';
import { type Clock, newEventId, systemClock, unwrap } from '#kernel';
import { InMemoryLog, Outbox, OutboxRelay } from '#messaging';
import {
  createLogger,
  Database,
  type DirectoryView,
  prepareDatabase,
  serviceDatabaseUrl,
  SnapshotView,
} from '#platform';
import { createTestDatabase, type TestDatabase, until } from '#testing';
import { ActOnConsent } from '../act-on-consent/act-on-consent.handler.js';
import { AskBasis } from '../ask-basis/ask-basis.handler.js';
import type { AskLimits } from '../ask-basis/asked-counts.js';
import { CheckBasis } from '../check-basis/check-basis.handler.js';
import { Sweep } from '../end-by-itself/sweep.js';
import { ExcludeDecider } from '../exclude-decider/exclude-decider.handler.js';
import { CatalogueView } from '../infra/catalogue-view.js';
import { databaseSpec, SCHEMA } from '../infra/database.js';
import { LinkSubject } from '../link-subject/link-subject.handler.js';
import { ListConsents } from '../list-consents/list-consents.handler.js';
import { PermitRelease } from '../permit-release/permit-release.handler.js';
import { ProposeConsent } from '../propose-consent/propose-consent.handler.js';
import { RecordConsent } from '../record-consent/record-consent.handler.js';
import { type AuditLog, LogReplay } from '../replay-log/log-replay.js';
import { ShowAccount } from '../show-account/show-account.handler.js';
import { Parties } from './parties.fixture.js';

/** The use cases of one instance of the service, over connections of its own. */
export interface Instance {
  readonly record: RecordConsent;
  readonly propose: ProposeConsent;
  readonly acts: ActOnConsent;
  readonly links: LinkSubject;
  readonly exclusions: ExcludeDecider;
  readonly list: ListConsents;
  readonly ask: AskBasis;
  readonly check: CheckBasis;
  readonly permit: PermitRelease;
  readonly accounts: ShowAccount;
  readonly replay: LogReplay;
  readonly sweep: Sweep;
}

const askLimits: AskLimits = { perSubject: 50, subjects: 500 };

/** A log without any entry about a consent. */
const emptyLog: AuditLog = { listConsentWords: () => Promise.resolve({ words: [], next: 0n, more: false }) };

export interface Released {
  /** `first`, `repeat` or `none` of a permit; the code of a refusal. */
  readonly outcome: string;
  /** Of a refusal. */
  readonly final: boolean | undefined;
  /** Seconds since the epoch. */
  readonly iat: number;
}

/** What outlives an instance: the database, the permit key, the agencies. */
export class ConsentGround {
  /** As the owner, beside the rights of the service. */
  readonly owner: Database;
  private readonly databases: Database[] = [];

  private constructor(
    private readonly database: TestDatabase,
    readonly permitKey: SigningKey,
    readonly parties: Parties,
    readonly clock: Clock,
  ) {
    this.owner = new Database(database.url, { max: 3 });
    this.databases.push(this.owner);
  }

  static async lay(clock: Clock = systemClock): Promise<ConsentGround> {
    const database = await createTestDatabase();
    await prepareDatabase(database.url, databaseSpec);
    return new ConsentGround(database, await generateSigningKey(), await Parties.meet(clock), clock);
  }

  /** A view that follows the agencies as they are when asked. */
  private directory(): DirectoryView {
    const view = (): SnapshotView => new SnapshotView(this.parties.snapshot());
    return {
      version: 1n,
      fresh: () => view().fresh(),
      agency: (id) => view().agency(id),
      agencies: () => view().agencies(),
      key: (agency, kid) => view().key(agency, kid),
      keysOf: (agency) => view().keysOf(agency),
      catalogue: () => view().catalogue(),
    };
  }

  instance({
    directory = this.directory(),
    outbox = new Outbox(SCHEMA),
    log = emptyLog,
    caughtUp = log === emptyLog,
  }: {
    directory?: DirectoryView;
    outbox?: Outbox;
    log?: AuditLog;
    /** The log has been read since the start. */
    caughtUp?: boolean;
  } = {}): Instance {
    const database = this.serviceConnection();
    const replay = new LogReplay(database, log, directory, createLogger('consent', 'silent'));
    if (caughtUp) replay.assertCaughtUp = () => undefined;
    const relay = new OutboxRelay({ pool: database.pool, schema: SCHEMA, log: new InMemoryLog([]) });
    const catalogue = new CatalogueView(directory);
    const { clock } = this;
    return {
      record: new RecordConsent(database, directory, catalogue, outbox, relay, clock),
      propose: new ProposeConsent(database, directory, catalogue, outbox, relay, clock),
      acts: new ActOnConsent(database, directory, outbox, relay, clock),
      links: new LinkSubject(database, directory, outbox, relay, clock),
      exclusions: new ExcludeDecider(database, directory, outbox, relay, clock),
      list: new ListConsents(database, clock),
      ask: new AskBasis(database, directory, catalogue, outbox, relay, askLimits, clock),
      check: new CheckBasis(database, directory, catalogue, clock),
      permit: new PermitRelease(database, directory, catalogue, this.permitKey, replay, clock),
      accounts: new ShowAccount(database, directory, outbox, relay, new Set([this.parties.municipality.id]), clock),
      replay,
      sweep: new Sweep({ database, outbox, catalogue, clock, afterCommit: () => undefined }),
    };
  }

  /** With the rights of the service's role. */
  get serviceUrl(): string {
    return serviceDatabaseUrl(this.database.url, SCHEMA);
  }

  serviceConnection(): Database {
    const database = new Database(this.serviceUrl, { max: 4 });
    this.databases.push(database);
    return database;
  }

  /** Verifies as audit does. */
  async read(result: PermitResult | undefined): Promise<Released> {
    const key = unwrap(await importVerificationKey(this.permitKey.publicJwk));
    if (result?.result?.$case === 'permit') {
      const { use, iat } = unwrap(await verifyPermit(result.result.value, key, this.clock.now()));
      return { outcome: use, final: undefined, iat };
    }
    if (result?.result?.$case !== 'refusal') throw new Error('neither permit nor refusal');
    const { code, final, iat } = unwrap(await verifyPermitRefusal(result.result.value, key));
    return { outcome: code, final, iat };
  }

  async rows<R extends Record<string, unknown>>(text: string, values: unknown[] = []): Promise<R[]> {
    return (await this.owner.query<R>({ text, values })).rows;
  }

  async events(): Promise<ConsentEvent[]> {
    const rows = await this.rows<{ payload: Buffer }>('SELECT payload FROM consent.outbox ORDER BY tx, id');
    return rows.map(({ payload }) => ConsentEvent.decode(payload));
  }

  /** All that has happened here so far, as audit would have logged it. */
  log({ keepsStatements = false } = {}): AuditLog {
    return {
      listConsentWords: async ({ from, limit, withStatements }) => {
        const words = (await this.events()).flatMap(({ log }, at): ConsentWord[] => {
          if (!log) return [];
          const token = withStatements ? log.evidence[0]?.token : undefined;
          return [
            {
              ...log,
              leafIndex: BigInt(at),
              exchangeId: '',
              recipient: '',
              subject: log.subjects[0] ?? '',
              statementHash: token === undefined ? '' : statementHash(token),
              statement: (keepsStatements && token) || '',
            },
          ];
        });
        const page = words.filter(({ leafIndex }) => leafIndex >= from).slice(0, limit);
        const next = (page.at(-1)?.leafIndex ?? from - 1n) + 1n;
        return { words: page, next, more: words.some(({ leafIndex }) => leafIndex >= next) };
      },
    };
  }

  /** A copy of the database as it is now, with the same keys and agencies. */
  async backup(): Promise<ConsentGround> {
    const name = `backup_${newEventId()}`;
    const url = new URL(this.database.url);
    const original = url.pathname.slice(1);
    url.pathname = '/postgres';
    const administrator = new Database(url.toString(), { max: 1 });
    try {
      // A template may have no other session.
      await administrator.query({
        text: 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1',
        values: [original],
      });
      await administrator.query({ text: `CREATE DATABASE ${name} TEMPLATE ${original}` });
    } finally {
      await administrator.close();
    }
    url.pathname = `/${name}`;
    const drop = async (): Promise<void> => {
      await this.owner.query({ text: `DROP DATABASE ${name} WITH (FORCE)` });
    };
    return new ConsentGround({ ...this.database, url: url.toString(), drop }, this.permitKey, this.parties, this.clock);
  }

  /** Sessions of this database that wait for a row's lock. */
  async untilWaiting(sessions: number): Promise<void> {
    await until(`${sessions} sessions waiting for a lock`, async () => {
      const [row] = await this.rows<{ waiting: number }>(
        `SELECT count(*)::int AS waiting FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return row?.waiting === sessions;
    });
  }

  async clear(): Promise<void> {
    await Promise.all(this.databases.map((database) => database.close()));
    await this.database.drop();
  }
}
