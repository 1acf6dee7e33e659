import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import {
  type ErasureProposal,
  type HoldScope,
  type LogBody,
  parseLogBody,
  signStatement,
  statementHash,
} from '#envelope';
import {
  type AgencyId,
  AppError,
  type Clock,
  type Pseudonym,
  type Sha256,
  newEventId,
  numericDate,
  systemClock,
  unwrap,
} from '#kernel';
import { Database, createLogger } from '#platform';
import { Appender } from '../append-entries/appender.js';
import { prepareOpaque, underPresentKek } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { isSupervising } from '../domain/caller.js';
import type { RetentionData } from '../domain/retention.js';
import { ErasureRun } from '../erase-entries/erasure-run.js';
import { ErasureRuns } from '../erase-entries/erasure-runs.js';
import { type ErasureContext, Erasures, type SeenErasure } from '../erase-entries/erasures.js';
import { OneAtATime } from '../erase-entries/one-at-a-time.js';
import { replayTombstones } from '../erase-entries/replay-tombstones.js';
import { Holds } from '../hold-entries/holds.js';
import { AgencyKeys } from '../infra/agency-keys.js';
import { EntryKek } from '../infra/entry-kek.js';
import { ErasureRunStore, type StoredErasureRun } from '../infra/erasure-run-store.js';
import { ErasureStore } from '../infra/erasure-store.js';
import { LeafOpenings } from '../infra/leaf-openings.js';
import { LogKey } from '../infra/log-key.js';
import { committedLog, storedSize } from '../infra/log-store.js';
import { readRetentionData } from '../infra/retention-data.js';
import type { SignedLook } from '../infra/signed-look.js';
import { LogPublisher } from '../publish-log/log-publisher.js';
import { TileFolder } from '../publish-log/tile-folder.js';
import { type Party, directoryOf } from './parties.fixture.js';

export interface HubPlaces {
  readonly databaseUrl: string;
  /** Log key, entry key and public log lie below. */
  readonly folder: string;
}

/** What a test may put in the place of the real parts, to stop in the middle of them. */
export interface HubParts {
  readonly store?: (database: Database) => ErasureStore;
  readonly kek?: (path: string) => Promise<EntryKek>;
  readonly connect?: (url: string) => pg.Client;
  readonly clock?: Clock;
  /** How long the public log is waited for. Default: as long as it takes. */
  readonly publishedWithinMs?: number;
}

export const erasingOrigin = 'log.test/erasing';
export const logKeyPathIn = (folder: string): string => join(folder, 'log.jwk');
export const kekPathIn = (folder: string): string => join(folder, 'kek.jwk');
export const publicLogIn = (folder: string): string => join(folder, 'public');

/** Audit as far as it appends, publishes and erases, over real PostgreSQL, key files and public log. */
export class ErasingHub {
  private constructor(
    readonly database: Database,
    readonly kek: EntryKek,
    readonly appender: Appender,
    readonly publisher: LogPublisher,
    readonly store: ErasureStore,
    readonly openings: LeafOpenings,
    readonly erasures: Erasures,
    readonly holds: Holds,
    readonly erasureRun: ErasureRun,
    readonly erasureRuns: ErasureRuns,
    readonly data: RetentionData,
    readonly clock: Clock,
    /** Bodies erased before anything was served. */
    readonly replayed: number,
  ) {}

  /** As the service starts: tombstones first, then the appender. */
  static async start(places: HubPlaces, parties: readonly Party[], parts: HubParts = {}): Promise<ErasingHub> {
    const { databaseUrl, folder } = places;
    const { clock = systemClock, connect = (url) => new pg.Client({ connectionString: url }) } = parts;
    const logger = createLogger('erasing-hub', 'silent');
    const database = new Database(databaseUrl);
    const { signer, verifier } = await LogKey.load(erasingOrigin, logKeyPathIn(folder));
    const kek = await (parts.kek ?? ((path: string) => EntryKek.load(path)))(kekPathIn(folder));
    const tiles = new TileFolder(publicLogIn(folder));
    const publisher = new LogPublisher({ folder: tiles, log: committedLog(database), verifier, logger, intervalMs: 5 });
    const store = parts.store?.(database) ?? new ErasureStore(database);
    const replayed = await replayTombstones({
      store,
      folder: tiles,
      published: await publisher.published(),
      size: await storedSize(database),
      logger,
    });
    const appender = new Appender({
      connect: () => connect(databaseUrl),
      signer,
      verifier,
      logger,
      publishedBefore: () => publisher.published(),
      asStoredNow: (entry) => underPresentKek(entry, kek),
      onTakeOver: () => kek.reload(),
      afterCommit: () => publisher.wake(),
    });
    const keys = new AgencyKeys(directoryOf(parties), () => Promise.resolve(true));
    const data = await readRetentionData('apps/audit/data/retention.json');
    const context: ErasureContext = { store, keys, kek, appender, clock, data };
    const erasing = new OneAtATime();
    const erasures = new Erasures(context);
    const whenPublished = async (size: number): Promise<void> => {
      const end = Date.now() + (parts.publishedWithinMs ?? Infinity);
      while (((await publisher.published())?.size ?? 0) < size) {
        if (Date.now() > end) throw new AppError('UNAVAILABLE');
        await delay(5);
      }
    };
    const erasureRun = new ErasureRun({ ...context, logger, whenPublished }, erasures, erasing);
    const runs = new ErasureRunStore(database);
    const backoff = { firstMs: 20, maxMs: 40 };
    const erasureRuns = new ErasureRuns({ ...context, runs, logger, backoff }, erasures, erasureRun);
    const openings = new LeafOpenings(database, kek, logger);
    const holds = new Holds(context, erasing);
    appender.start();
    return new ErasingHub(
      database,
      kek,
      appender,
      publisher,
      store,
      openings,
      erasures,
      holds,
      erasureRun,
      erasureRuns,
      data,
      clock,
      replayed,
    );
  }

  /** Appends one entry for each; gives their leaves. */
  async log(...bodies: Partial<LogBody>[]): Promise<number[]> {
    const entries = bodies.map((members) => {
      const body = {
        v: 1,
        eventId: newEventId(),
        type: 'basis-asked',
        at: this.clock.now().toISOString(),
        assertedBy: 'hub',
        ...members,
      };
      return prepareOpaque(unwrap(parseLogBody(body)), this.kek);
    });
    return [...(await this.appender.append(plainProposal(entries))).leaves];
  }

  /** Proposed by the one and approved by the other. */
  async approved(
    by: { readonly proposer: Party; readonly approver: Party },
    selection: ErasureProposal['selection'],
    ground = 'unlawful',
  ): Promise<SeenErasure> {
    const { erasure } = await this.erasures.propose(await this.proposal(by.proposer, selection, ground));
    return this.erasures.approve(await this.approval(by.approver, erasure));
  }

  /** @param accepts by default every class */
  proposal(
    proposer: Party,
    selection: ErasureProposal['selection'],
    ground = 'unlawful',
    accepts: readonly string[] = this.data.classes.map(({ id }) => id),
  ): Promise<string> {
    const said = { ground, ...(accepts.length > 0 && { acceptsUnconfirmed: [...accepts] }) };
    return signStatement(
      'erasure-proposal',
      { v: 1, selection, ...said, ...this.signedBy(proposer) },
      proposer.auditing,
    );
  }

  /** @param accepts by default what the proposal accepts */
  approval(
    approver: Party,
    {
      proposalHash,
      targets,
      entries,
      accepted,
    }: Pick<SeenErasure, 'proposalHash' | 'targets' | 'entries' | 'accepted'>,
    accepts: readonly string[] = accepted.map(({ id }) => id),
  ): Promise<string> {
    const accepting = accepts.length > 0 && { acceptsUnconfirmed: [...accepts] };
    const said = {
      v: 1 as const,
      proposal: proposalHash,
      targets,
      count: entries,
      ...accepting,
      ...this.signedBy(approver),
    };
    return signStatement('erasure-approval', said, approver.auditing);
  }

  hold(by: Party, scope: HoldScope): Promise<string> {
    return signStatement('legal-hold', { v: 1, scope, matter: 'Dnro 7', ...this.signedBy(by) }, by.auditing);
  }

  lift(by: Party, hold: Sha256): Promise<string> {
    return signStatement('legal-hold-lift', { v: 1, hold, ...this.signedBy(by) }, by.auditing);
  }

  /** The question by which a run is started or looked at. */
  async asking(by: Party): Promise<SignedLook> {
    const scope = isSupervising(by.id) ? 'all' : 'own';
    const said = {
      v: 1 as const,
      call: 'POST /v1/audit/erasures/runs',
      query: {},
      scope,
      ...this.signedBy(by),
    } as const;
    const token = await signStatement('audit-look', said, by.auditing);
    return {
      caller: { agency: by.id, supervising: scope === 'all', worker: said.worker },
      hash: statementHash(token),
      token,
    };
  }

  /** The run when it has ended. */
  async ended({ id }: Pick<StoredErasureRun, 'id'>, by: Party): Promise<StoredErasureRun> {
    for (;;) {
      const run = await this.erasureRuns.show(id, { agency: by.id, supervising: isSupervising(by.id) });
      if (run.state === 'done' || run.state === 'failed') return run;
      await delay(5);
    }
  }

  /** Leaves of which anything of a person is left, and those that open. */
  async left(leaves: readonly number[]): Promise<number[]> {
    const ranges = leaves.map((leaf) => ({ first: leaf, last: leaf }));
    return ranges.length === 0 ? [] : this.store.leftOf(ranges, leaves.length);
  }

  async open(leaves: readonly number[]): Promise<number[]> {
    return [...(await this.openings.read(leaves)).keys()].sort((a, b) => a - b);
  }

  async stop(): Promise<void> {
    this.erasureRuns.stop();
    await this.appender.close();
    await this.publisher.close();
    await this.database.close();
  }

  private signedBy({ id }: Party): { agency: AgencyId; worker: string; jti: string; iat: number } {
    return {
      agency: id,
      worker: 'w-1',
      jti: randomBytes(16).toString('base64url'),
      iat: numericDate(this.clock.now()),
    };
  }
}

export const somebody = (): Pseudonym => `p1.${randomBytes(32).toString('base64url')}` as Pseudonym;
