import type pg from 'pg';
import { LRUCache } from 'lru-cache';
import { AppError, type EventId } from '#kernel';
import { type LogVerifier, type NoteSigner, formatCheckpoint, signCheckpoint } from '#merkle';
import { type Logger, isTransientDatabaseError } from '#platform';
import { type ConsumedUpTo, moveOffsets } from '../infra/consumed-facts.js';
import { type StoredCheckpoint, appendStatement, lastLoggedAt, lookUpWanted } from '../infra/log-store.js';
import type { TiledTree } from '../tree/tiled-tree.js';
import { ChainHeads } from './chain-heads.js';
import { loggedEvents } from './logged-events.js';
import { LogView } from './log-view.js';
import type { PlacedEntry } from './placed-entry.js';
import type { PreparedEntry } from './prepared-entry.js';
import type { Appended, Proposal } from './proposal.js';
import { checkDurability, hasLock, lookByIndex, readState } from './stored-state.js';

export interface AppenderOptions {
  /** A connection of the appender's own. It holds the lock and makes the commits, so neither outlives the other. */
  readonly connect: () => pg.Client;
  readonly signer: NoteSigner;
  /** Signs beside it while the log changes its key. */
  readonly nextSigner?: NoteSigner;
  readonly verifier: LogVerifier;
  readonly logger: Logger;
  /** Without a synchronous standby a failover could lose a logged release (design 3): production refuses to do without. */
  readonly requireSynchronousStandby?: boolean;
  /** What was given out before this process began; asked once. The stored log must contain it. */
  readonly publishedBefore?: () => Promise<StoredCheckpoint | undefined>;
  /** With the lock, before the state is read: what another instance changed outside the database. */
  readonly onTakeOver?: () => Promise<void>;
  /** The entry as it is stored now. Errors: UNAVAILABLE (it was prepared with what is gone since; prepare it again). */
  readonly asStoredNow?: (entry: PreparedEntry) => PreparedEntry;
  /** After each commit, and when this instance takes over: wakes the relay and the publisher. */
  readonly afterCommit?: (checkpoint: StoredCheckpoint) => void;
  /** The log must not go on: its state contradicts what was given out, or the database may lose commits. */
  readonly onHalted?: (error: AppError) => void;
  /** Entries of one batch, about. Default 1,000. */
  readonly maxBatch?: number;
}

interface Ticket {
  readonly proposal: Proposal<unknown>;
  readonly enteredAt: number;
  readonly resolve: (appended: Appended<unknown>) => void;
  readonly reject: (error: unknown) => void;
  attempts: number;
}

interface Session {
  /** Holds the lock and makes the commits. */
  readonly client: pg.Client;
  /** Looks up what the next batch needs while a commit runs. */
  readonly reader: pg.Client;
  /** Ahead of the checkpoint while a commit runs. */
  readonly tree: TiledTree;
  checkpoint: StoredCheckpoint;
  readonly chains: ChainHeads;
  /** Of the newest entry, in milliseconds: no later one says an earlier time. */
  loggedAt: number;
  /** What the batch before adds to the log, committed or not. */
  added: LogView['added'] | undefined;
  broken: Error | undefined;
}

/** Tickets with what was decided on them. Nobody hears of it before the commit, not even who is refused. */
interface Batch {
  readonly decided: readonly {
    readonly ticket: Ticket;
    readonly outcome: unknown;
    readonly leaves: readonly number[];
  }[];
  readonly refused: readonly { readonly ticket: Ticket; readonly error: unknown }[];
  readonly consumed: readonly ConsumedUpTo[];
  /** Place of its first entry. */
  readonly first: number;
  readonly placed: readonly PlacedEntry[];
  /** None where no entry is new. */
  readonly writes: { readonly checkpoint: StoredCheckpoint; readonly statement: pg.QueryConfig } | undefined;
}

const STAND_BY_MS = 250;
/** How long a proposal waits for the appender to come back before the caller is told to try again. */
const PATIENCE_MS = 5_000;
const ATTEMPTS = 3;
const MAX_QUEUE = 20_000;
const RECENT_EVENTS = 50_000;

/**
 * The only writer of the log. Whatever is proposed while a commit runs becomes the next batch, without a timer, so
 * batches grow with the load by themselves. One transaction a batch, one commit at a time; nobody is answered and no
 * checkpoint is shown before its commit. After any failure the state is read again before going on, and what was under way
 * is decided again: event ids and request ids make that safe whether the lost commit had happened or not.
 *
 * The advisory lock is held by the session that commits. A second instance stands by until that session is gone, and a
 * session is gone only when its last commit is decided: never two roots of one size.
 */
export class Appender {
  private readonly queue: Ticket[] = [];
  private readonly recent = new LRUCache<EventId, true>({ max: RECENT_EVENTS });
  private session: Session | undefined;
  private published: StoredCheckpoint | undefined;
  private running: Promise<void> | undefined;
  private wakeUp: (() => void) | undefined;
  private inactiveSince = Date.now();
  private stopping = false;
  private halted: AppError | undefined;

  constructor(private readonly options: AppenderOptions) {}

  start(): void {
    this.running ??= this.run();
  }

  /** Has the lock and the state, so appends. */
  get active(): boolean {
    return this.session !== undefined && this.session.broken === undefined;
  }

  /** Whether this event has a leaf, as far as memory reaches: no means perhaps. Saves preparing it once more. */
  knows(eventId: EventId): boolean {
    return this.recent.has(eventId);
  }

  /** The last committed checkpoint with its tree. Errors: UNAVAILABLE while another instance appends. */
  current(): { readonly checkpoint: StoredCheckpoint; readonly tree: TiledTree } {
    if (!this.session) throw this.unavailable();
    return { checkpoint: this.session.checkpoint, tree: this.session.tree };
  }

  /** Resolves when durable, one by one in any order. Errors: UNAVAILABLE: whether it was appended is then unknown; repeat with the same ids. */
  append<T>(proposal: Proposal<T>): Promise<Appended<T>> {
    const waitsInVain = !this.active && Date.now() - this.inactiveSince > PATIENCE_MS;
    if (this.stopping || this.halted || waitsInVain || this.queue.length >= MAX_QUEUE)
      return Promise.reject(this.unavailable());
    return new Promise<Appended<T>>((resolve, reject) => {
      const ticket: Ticket = {
        proposal,
        enteredAt: Date.now(),
        resolve: resolve as (appended: Appended<unknown>) => void,
        reject,
        attempts: 0,
      };
      this.queue.push(ticket);
      this.wakeUp?.();
    });
  }

  /** Ends after the batch under way; what waits is told to try again. */
  async close(): Promise<void> {
    this.stopping = true;
    this.wakeUp?.();
    await this.running;
  }

  private unavailable(): AppError {
    return this.halted ?? new AppError('UNAVAILABLE', 'the log takes no entries at the moment');
  }

  private async run(): Promise<void> {
    while (!this.stopping && !this.halted) {
      let session: Session | undefined;
      try {
        session = await this.takeOver();
        if (!session) continue;
        this.session = session;
        this.options.logger.info({ size: session.checkpoint.size }, 'appending');
        this.options.afterCommit?.(session.checkpoint);
        await this.serve(session);
      } catch (error) {
        if (error instanceof AppError && (error.code === 'LOG_INCONSISTENT' || error.code === 'CONFIG_INVALID'))
          this.halt(error);
        else this.options.logger.warn({ err: error }, 'appender reads its state again');
      } finally {
        if (session) this.inactiveSince = Date.now();
        this.session = undefined;
        if (session) await endAll(session.client, session.reader);
      }
      if (!this.stopping && !this.halted) {
        this.rejectOlderThan(PATIENCE_MS);
        await this.waitFor(session ? 0 : STAND_BY_MS);
      }
    }
    this.rejectOlderThan(-1);
  }

  /** Connection, lock, state. `undefined` when stopping. */
  private async takeOver(): Promise<Session | undefined> {
    const client = this.options.connect();
    const reader = this.options.connect();
    let session: Session | undefined;
    let broken: Error | undefined;
    const onLost = (error?: Error): void => {
      broken ??= error ?? new Error('connection ended');
      if (session) session.broken = broken;
      this.wakeUp?.();
    };
    for (const one of [client, reader]) {
      one.on('error', onLost);
      one.on('end', () => onLost());
    }
    try {
      await client.connect();
      await checkDurability(client, this.options);
      await lookByIndex(client);
      while (!(await hasLock(client))) {
        this.rejectOlderThan(PATIENCE_MS);
        await this.waitFor(STAND_BY_MS);
        if (this.stopping || broken) break;
      }
      if (broken) throw broken;
      if (this.stopping) {
        await client.end();
        return undefined;
      }
      await reader.connect();
      await lookByIndex(reader);
      await this.options.onTakeOver?.();
      const loggedAt = await lastLoggedAt(client);
      this.published ??= await this.options.publishedBefore?.();
      const state = await readState(client, {
        verifier: this.options.verifier,
        sign: (tree) => this.sign(tree),
        givenOut: this.published,
      });
      this.published = state.checkpoint;
      const chains = await ChainHeads.restore(client);
      session = { client, reader, ...state, chains, loggedAt, added: undefined, broken };
      return session;
    } catch (error) {
      await endAll(client, reader);
      throw error;
    }
  }

  /**
   * While one batch is being committed the next is made ready, once half as much waits for it: sooner, it would be small and the
   * rest would wait for one commit more; later, its making would be waited for after the commit. Its own commit begins when the one
   * before is durable. A failure takes both back, to be decided again.
   */
  private async serve(session: Session): Promise<void> {
    let preparing: readonly Ticket[] = [];
    let committing:
      { readonly tickets: readonly Ticket[]; readonly weight: number; readonly done: Promise<void> } | undefined;
    try {
      while (!this.stopping && !this.halted) {
        if (session.broken) throw session.broken;
        const enough = committing ? Math.min(committing.weight, this.maxBatch) / 2 : 1;
        if (this.waiting < enough) {
          if (await this.commitOrWork(committing?.done)) committing = undefined;
          continue;
        }
        preparing = this.takeBatch();
        const batch = await this.makeReady(session, preparing);
        await committing?.done;
        committing = { tickets: preparing, weight: weightOfAll(preparing), done: this.commit(session, batch) };
        // Its failure is met above or below, when the next batch is ready.
        committing.done.catch(() => undefined);
        preparing = [];
      }
      await committing?.done;
    } catch (error) {
      const failure: unknown = await committing?.done.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      const transient = session.broken !== undefined || isTransientDatabaseError(failure ?? error);
      const fault = transient ? undefined : (failure ?? error);
      this.takeBack(preparing, failure === undefined ? fault : undefined);
      if (failure !== undefined) this.takeBack(committing?.tickets ?? [], fault);
      throw error;
    }
  }

  /** Waits for the end of a commit, or for something to do meanwhile. Resolves to whether it was the commit's end. */
  private async commitOrWork(commit: Promise<void> | undefined): Promise<boolean> {
    const work = this.waitFor().then(() => false);
    return commit ? Promise.race([commit.then(() => true), work]) : work;
  }

  private get maxBatch(): number {
    return this.options.maxBatch ?? 1_000;
  }

  /** Entries in the queue, where a proposal without any counts as one. */
  private get waiting(): number {
    return weightOfAll(this.queue);
  }

  /** So many proposals that their entries are about `maxBatch`. One that failed before goes alone: it takes no others along. */
  private takeBatch(): Ticket[] {
    if ((this.queue[0]?.attempts ?? 0) > 0) return this.queue.splice(0, 1);
    let entries = 0;
    const past = this.queue.findIndex((ticket) => {
      entries += weightOf(ticket);
      return entries > this.maxBatch;
    });
    return this.queue.splice(0, past < 0 ? this.queue.length : Math.max(1, past));
  }

  /** Decided, placed and signed. From here on a failure leaves the tree in memory ahead of the stored one. */
  private async makeReady(session: Session, tickets: readonly Ticket[]): Promise<Batch> {
    const { tree, reader } = session;
    const first = tree.size;
    const view = await lookUp(reader, first, tickets, session.added);
    const fresh: PreparedEntry[] = [];
    const decided: Batch['decided'][number][] = [];
    const refused: Batch['refused'][number][] = [];
    for (const ticket of tickets) {
      try {
        const { entries: decidedOn, outcome } = ticket.proposal.decide(view);
        const entries = decidedOn.map((entry) => this.options.asStoredNow?.(entry) ?? entry);
        const leaves = entries.map((entry) => {
          const known = view.leafOf(entry.eventId);
          if (known !== undefined) return known;
          fresh.push(entry);
          return view.add(entry);
        });
        decided.push({ ticket, outcome, leaves });
      } catch (error) {
        refused.push({ ticket, error });
      }
    }
    session.added = view.added;
    const consumed = decided.flatMap(({ ticket }) => ticket.proposal.consumed ?? []);
    const ready = { decided, refused, consumed, first };
    if (fresh.length === 0) return { ...ready, placed: [], writes: undefined };
    session.loggedAt = Math.max(session.loggedAt, Date.now());
    const loggedAt = new Date(session.loggedAt).toISOString();
    const { placed, begun, runs } = await session.chains.place(reader, first, fresh, loggedAt);
    for (const { leafHash } of placed) tree.append(leafHash);
    const checkpoint = this.sign(tree);
    const events = loggedEvents(placed, checkpoint, tree);
    const tiles = tree.takeCompleted();
    const statement = appendStatement(placed, { loggedAt, begun, runs, tiles, checkpoint, events, consumed });
    return { ...ready, placed, writes: { checkpoint, statement } };
  }

  /** Answers when it is durable. */
  private async commit(session: Session, { decided, refused, consumed, first, placed, writes }: Batch): Promise<void> {
    const { client, tree } = session;
    // A statement outside a transaction block is one: answered when it is durable.
    if (writes) {
      await client.query(writes.statement);
      session.checkpoint = writes.checkpoint;
      this.published = writes.checkpoint;
      for (const { prepared } of placed) this.recent.set(prepared.eventId, true);
    } else if (consumed.length > 0) await moveOffsets(client, consumed);
    const { checkpoint } = session;
    for (const { ticket, error } of refused) ticket.reject(error);
    for (const { ticket, outcome, leaves } of decided) {
      const places = leaves.map((leaf) => placed[leaf - first]?.placesHash);
      ticket.resolve({ outcome, leaves, places, checkpoint, tree });
    }
    if (writes) this.options.afterCommit?.(checkpoint);
  }

  private sign(tree: TiledTree): StoredCheckpoint {
    const { signer, nextSigner } = this.options;
    const further = nextSigner ? [nextSigner] : [];
    const head = { origin: signer.name, size: tree.size, root: tree.root() };
    return { size: head.size, root: head.root, note: signCheckpoint(formatCheckpoint(head), signer, ...further) };
  }

  /**
   * Back to the front in their order. One that failed alone again and again, for no fault of the database, is rejected.
   *
   * @param fault what was wrong with the batch itself
   */
  private takeBack(tickets: readonly Ticket[], fault: unknown): void {
    const again: Ticket[] = [];
    for (const ticket of tickets) {
      if (fault !== undefined) ticket.attempts += 1;
      if (ticket.attempts < ATTEMPTS) again.push(ticket);
      else ticket.reject(fault);
    }
    this.queue.unshift(...again);
  }

  private rejectOlderThan(milliseconds: number): void {
    const bound = Date.now() - milliseconds;
    const keep = this.queue.filter((ticket) => ticket.enteredAt > bound);
    for (const ticket of this.queue) if (ticket.enteredAt <= bound) ticket.reject(this.unavailable());
    this.queue.splice(0, this.queue.length, ...keep);
  }

  /** Nothing is appended from here on by this process: the log contradicts what was given out. */
  halt(error: AppError): void {
    if (this.halted) return;
    this.halted = error;
    this.wakeUp?.();
    this.options.logger.fatal({ err: error }, 'the log must not go on');
    this.options.onHalted?.(error);
  }

  private async waitFor(milliseconds?: number): Promise<void> {
    let wakeUp: (() => void) | undefined;
    await new Promise<void>((resolve) => {
      const timer = milliseconds === undefined ? undefined : setTimeout(resolve, milliseconds);
      wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
      this.wakeUp = wakeUp;
    });
    // Another may wait by now: who waited for a commit too may have gone on without being woken.
    if (this.wakeUp === wakeUp) this.wakeUp = undefined;
  }
}

const weightOf = ({ proposal }: Ticket): number => Math.max(1, proposal.wanted.eventIds.length);
const weightOfAll = (tickets: readonly Ticket[]): number => tickets.reduce((sum, ticket) => sum + weightOf(ticket), 0);

async function endAll(...clients: readonly pg.Client[]): Promise<void> {
  await Promise.allSettled(clients.map((client) => client.end()));
}

async function lookUp(
  client: pg.Client,
  size: number,
  tickets: readonly Ticket[],
  ahead: LogView['added'] | undefined,
): Promise<LogView> {
  const wanted = tickets.map(({ proposal }) => proposal.wanted);
  const { known, words } = await lookUpWanted(client, {
    eventIds: wanted.flatMap(({ eventIds }) => eventIds),
    manifestHashes: wanted.flatMap((one) => one.manifestHashes ?? []),
    consentIds: wanted.flatMap((one) => one.consentIds ?? []),
    requestJtis: wanted.flatMap((one) => one.requestJtis ?? []),
  });
  return new LogView(size, known, words, ahead);
}
