import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import {
  agencyNamedBy,
  type ClearChange,
  type ClearRecord,
  decodeEntry,
  followLogKeys,
  type LogKeyChain,
  logKeyChain,
  LoggedKeys,
  parseLogKeyLinks,
  thumbprintOf,
} from '#envelope';
import { type AgencyId, AppError, type Clock, err, ok, type Result, type Thumbprint, unwrap } from '#kernel';
import {
  type Checkpoint,
  CompactRange,
  leafHash,
  openCheckpoint,
  parseProof,
  type TreeHead,
  verifyGrowth,
} from '#merkle';
import { CLOCK, LOGGER, type Logger } from '#platform';
import { PublicHub } from '../hub-client/hub-client.js';
import { type Alarm, LogStore, type SignedHead } from '../infra/log-store.js';
import { KeysInLog } from './keys-in-log.js';
import { RecentTree } from './recent-tree.js';

/** Entries fetched at once. */
const PAGE = 1_024;
/** For so long the hub may show a smaller log than before, for it may ask an instance that is behind. */
const BEHIND_FOR_MS = 60_000;

/** What is pinned by configuration, and whose keys this agent itself has made. */
export interface FollowedLog {
  /** C2SP verifier key: the log's present one, or one before it. */
  readonly verifierKey: string;
  /** Thumbprints of pinned hub keys by `service use`. */
  readonly pinned: ReadonlyMap<string, Thumbprint>;
  /** Undefined for an agency that is not served here. */
  readonly madeHere: (agency: AgencyId, kid: Thumbprint) => boolean | undefined;
  readonly revokedHere: (agency: AgencyId, kid: Thumbprint) => boolean | undefined;
}
export const FOLLOWED_LOG = Symbol('FollowedLog');

/**
 * Follows the whole log: fetches every entry, recomputes the tree and compares it with every signed head that anybody shows
 * to this agent, be it in a receipt, a notice or as the newest checkpoint. Takes keys from clear leaves of that tree only,
 * and raises an alarm for a key of a served agency that was not made, or not revoked, here (design: First trust).
 */
@Injectable()
export class LogFollower {
  private chain: LogKeyChain;
  private range = CompactRange.empty();
  private recent = new RecentTree(CompactRange.empty());
  private heads = new Map<number, SignedHead>();
  private broken = false;
  private running: Promise<void> | undefined;
  private readonly agreed = new LRUCache<number, Buffer>({ max: 1_024 });
  private checkedAt: Date | undefined;
  private behindSince: Date | undefined;
  /** The newest note under which the recomputed tree was written down. */
  private confirmed: string | undefined;

  constructor(
    @Inject(LogStore) private readonly store: LogStore,
    @Inject(PublicHub) private readonly hub: PublicHub,
    @Inject(FOLLOWED_LOG) private readonly log: FollowedLog,
    @Inject(KeysInLog) private readonly keysInLog: KeysInLog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.chain = unwrap(logKeyChain(log.verifierKey));
  }

  get keys(): LoggedKeys {
    return this.keysInLog.current;
  }

  /** Takes up where the last run of the process stopped. */
  async load(): Promise<void> {
    const [state, keys, heads] = await Promise.all([this.store.load(), this.store.loadKeys(), this.store.loadHeads()]);
    this.range = state.range;
    this.recent = new RecentTree(state.range.clone());
    this.broken = state.broken;
    this.checkedAt = state.checkedAt;
    this.keysInLog.current = new LoggedKeys(keys.keys, keys.hubKeys);
    this.chain = this.chainOf(this.keys);
    this.heads = new Map(heads.map((head) => [head.size, head]));
  }

  /** The tree up to which everything was recomputed. */
  head(): TreeHead {
    return { origin: this.chain.name, size: this.range.size, root: this.range.root() };
  }

  state(): { size: number; root: string; checkedAt: Date | undefined; consistent: boolean } {
    const { size, root } = this.head();
    return { size, root: root.toString('base64'), checkedAt: this.checkedAt, consistent: !this.broken };
  }

  /** Name of the log. */
  get origin(): string {
    return this.chain.name;
  }

  /**
   * The keys of the log by which a checkpoint may be judged: as far as it was followed, and further where they do not open
   * this one, which may be signed by a newer key than those that were seen. Errors: UNAVAILABLE, LOG_INCONSISTENT.
   *
   * @param newest follows the log in any case when the checkpoint is beyond, so that a key that was retired does not count
   */
  async keysFor(note: string, { newest = false } = {}): Promise<Result<LogKeyChain>> {
    const opened = openCheckpoint(note, this.chain);
    if (opened.ok && !(newest && opened.value.size > this.range.size)) return ok(this.chain);
    try {
      await this.catchUp();
      // The run that was joined may have begun before this checkpoint was made.
      if (!openCheckpoint(note, this.chain).ok) await this.catchUp();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // What the hub shows as its newest checkpoint says nothing against this one.
      if (error.code !== 'CHECKPOINT_INVALID') return err(error);
    }
    return ok(this.chain);
  }

  /**
   * Follows the log to its newest checkpoint. Callers at the same time share one run.
   *
   * @throws AppError UNAVAILABLE, CHECKPOINT_INVALID, LOG_INCONSISTENT
   */
  catchUp(): Promise<void> {
    this.running ??= this.follow().finally(() => (this.running = undefined));
    return this.running;
  }

  /**
   * Is this signed head one of the log that we follow? With a proof from a head that we recomputed it is believed at once
   * and compared again when we get there; without one we get there first. Errors: LOG_INCONSISTENT.
   *
   * @throws AppError UNAVAILABLE when the log cannot be read as far
   */
  async accept(
    checkpoint: Checkpoint,
    growth?: { readonly from: TreeHead; readonly proof: readonly Buffer[] },
  ): Promise<Result<void>> {
    if (this.broken) return err(new AppError('LOG_INCONSISTENT'));
    // Receipts of one batch of the appender share their checkpoint.
    if (this.agreed.get(checkpoint.size)?.equals(checkpoint.root)) return ok(undefined);
    if (growth) {
      const grown = verifyGrowth(growth.from, checkpoint, growth.proof);
      if (!grown.ok) {
        await this.alarm({ code: 'LOG_INCONSISTENT', detail: 'a receipt without a proof from our last checkpoint' });
        return grown;
      }
    } else if (checkpoint.size > this.range.size) {
      await this.catchUp();
      // The run that was joined may have begun before this checkpoint was made.
      if (checkpoint.size > this.range.size) await this.catchUp();
      if (checkpoint.size > this.range.size) throw new AppError('UNAVAILABLE', 'the log ends before the checkpoint');
    }
    const accepted = await (checkpoint.size > this.range.size
      ? this.acceptBeyond(checkpoint)
      : this.acceptPast(checkpoint));
    if (accepted.ok) this.agreed.set(checkpoint.size, checkpoint.root);
    return accepted;
  }

  private async acceptBeyond(checkpoint: Checkpoint): Promise<Result<void>> {
    const known = this.heads.get(checkpoint.size);
    if (known?.root.equals(checkpoint.root)) return ok(undefined);
    const head = { size: checkpoint.size, root: checkpoint.root, note: checkpoint.note };
    const other = known ? known.root : await this.store.keepHead(head);
    if (other) return this.fork('two signed roots of one size', checkpoint.size);
    this.heads.set(head.size, head);
    return ok(undefined);
  }

  private async acceptPast(checkpoint: Checkpoint): Promise<Result<void>> {
    const root = this.recent.rootAt(checkpoint.size);
    if (root) {
      return root.equals(checkpoint.root)
        ? ok(undefined)
        : this.fork('a signed root differs from the entries', checkpoint.size);
    }
    const now = this.head();
    const proof = await this.hub.consistency(checkpoint.size, now.size);
    if (verifyGrowth(checkpoint, now, proof).ok) return ok(undefined);
    await this.alarm({ code: 'LOG_INCONSISTENT', detail: 'an old checkpoint is no prefix of the log' });
    return err(new AppError('LOG_INCONSISTENT'));
  }

  private async follow(): Promise<void> {
    if (this.broken) throw new AppError('LOG_INCONSISTENT');
    const note = await this.hub.checkpoint();
    let opened = openCheckpoint(note, this.chain);
    if (!opened.ok) {
      const further = await this.furtherKeys();
      if (further) opened = openCheckpoint(note, further);
    }
    if (!opened.ok) throw await this.refused(opened.error);
    const checkpoint = opened.value;
    if (checkpoint.size < this.range.size) {
      const past = await this.acceptPast(checkpoint);
      if (!past.ok) throw past.error;
      return this.noteBehind(checkpoint.size);
    }
    this.behindSince = undefined;
    const { range, leaves, records } = await this.fetch(checkpoint.size);
    // Nothing of these entries is believed before the tree over them is the signed one.
    if (!range.root().equals(checkpoint.root)) throw await this.forkError('the newest checkpoint', checkpoint.size);
    if (range.size > this.range.size) await this.takeOver(range, leaves, records, note);
    else await this.assertSigned(note);
    this.checkedAt = this.clock.now();
    if (checkpoint.note === this.confirmed) return;
    await this.store.confirm(checkpoint, this.checkedAt);
    this.confirmed = checkpoint.note;
    for (const size of [...this.heads.keys()]) if (size <= range.size) this.heads.delete(size);
  }

  /**
   * Keys beyond those that were seen, where the log has changed them while nobody looked: only such as the keys that are trusted
   * lead to, and each under a checkpoint that is compared with the tree when we get there.
   */
  private async furtherKeys(): Promise<LogKeyChain | undefined> {
    const text = await this.hub.logKeys();
    const links = text === undefined ? undefined : parseLogKeyLinks(text);
    if (!links?.ok) return undefined;
    const followed = await followLogKeys(this.log.verifierKey, links.value);
    if (!followed.ok || !continues(this.chain, followed.value)) return undefined;
    for (const { proof } of links.value) {
      const checkpoint = openCheckpoint(unwrap(parseProof(proof)).checkpoint, followed.value);
      if (!checkpoint.ok || checkpoint.value.size <= this.range.size) continue;
      const accepted = await this.acceptBeyond(checkpoint.value);
      if (!accepted.ok) throw accepted.error;
    }
    return followed.value;
  }

  private async refused(error: AppError): Promise<AppError> {
    await this.alarm({ code: 'CHECKPOINT_INVALID', detail: 'the newest checkpoint' });
    return error;
  }

  /** By a key that the entries themselves give, and that they have not retired before this size. */
  private async assertSigned(note: string): Promise<void> {
    const opened = openCheckpoint(note, this.chain);
    if (!opened.ok) throw await this.refused(opened.error);
  }

  private chainOf(keys: LoggedKeys): LogKeyChain {
    return unwrap(logKeyChain(this.log.verifierKey, keys.logKeys()));
  }

  /** Entries that were signed and shown do not go: a log that stays smaller was cut. */
  private async noteBehind(size: number): Promise<void> {
    const now = this.clock.now();
    this.behindSince ??= now;
    if (now.getTime() - this.behindSince.getTime() < BEHIND_FOR_MS) return;
    await this.alarm({ code: 'LOG_INCONSISTENT', detail: 'the log has fewer entries than before', leafIndex: size });
  }

  private async fetch(size: number): Promise<Fetched> {
    const range = this.range.clone();
    const leaves: Buffer[] = [];
    const records: IndexedRecord[] = [];
    while (range.size < size) {
      const entries = await this.hub.entries(range.size, Math.min(size, range.size + PAGE));
      if (entries.length === 0) throw new AppError('UNAVAILABLE', 'the log does not give its entries');
      for (const entry of entries.slice(0, size - range.size)) {
        const decoded = decodeEntry(entry);
        if (decoded.ok && decoded.value.kind === 'clear')
          records.push({ index: range.size, record: decoded.value.record });
        const leaf = leafHash(entry);
        leaves.push(leaf);
        range.append(leaf);
        const head = this.heads.get(range.size);
        if (head && !head.root.equals(range.root()))
          throw await this.forkError('an earlier receipt showed another tree', range.size);
      }
    }
    return { range, leaves, records };
  }

  private async takeOver(
    range: CompactRange,
    leaves: readonly Buffer[],
    records: readonly IndexedRecord[],
    note: string,
  ): Promise<void> {
    const changes: ClearChange[] = [];
    const alarms: Alarm[] = [];
    try {
      for (const { index, record } of records) {
        const applied = await this.keys.apply(record, index);
        if (applied.ok) {
          changes.push(applied.value);
          alarms.push(...(await this.alarmsOf(applied.value)));
        } else {
          const agency = agencyNamedBy(applied.error);
          alarms.push({
            ...(agency === undefined ? {} : { agency }),
            code: applied.error.code,
            detail: 'a key record that is not to be trusted',
            leafIndex: index,
          });
        }
      }
      if (changes.some(({ type }) => type === 'hub-key')) {
        this.chain = this.chainOf(this.keys);
        if (this.keys.logKeys().length > 0 && this.chain.keys.every(({ logged }) => logged === undefined))
          alarms.push({ code: 'KEY_UNTRUSTED', detail: 'the log names other keys of its own than the configured one' });
      }
      await this.assertSigned(note);
      await this.store.advance({ range, changes, alarms, at: this.clock.now() });
    } catch (error) {
      await this.load();
      throw error;
    }
    this.range = range;
    this.recent.append(leaves);
    for (const alarm of alarms) this.tell(alarm);
  }

  private async alarmsOf(change: ClearChange): Promise<Alarm[]> {
    if (change.type === 'key' && this.log.madeHere(change.key.agency, change.key.kid) === false) {
      const { agency, leafIndex, use } = change.key;
      return [
        { agency, code: 'KEY_UNTRUSTED', detail: `this agency has a key (${use}) that was not made here`, leafIndex },
      ];
    }
    if (change.type === 'revocation' && this.log.revokedHere(change.key.agency, change.key.kid) === false) {
      const { agency, kid, use } = change.key;
      return [{ agency, code: 'KEY_REVOKED', detail: `the ${use} key ${kid} of this agency was not revoked here` }];
    }
    if (change.type === 'hub-key') {
      const { service, use, leafIndex } = change.key;
      const pin = this.log.pinned.get(`${service} ${use}`);
      if (pin !== undefined && pin !== (await thumbprintOf(change.key.jwk)))
        return [{ code: 'KEY_UNTRUSTED', detail: `the logged ${use} key is not the pinned one`, leafIndex }];
    }
    return [];
  }

  private async alarm(alarm: Alarm): Promise<void> {
    if (await this.store.raise(alarm, this.clock.now())) this.tell(alarm);
  }

  private async fork(detail: string, size: number): Promise<Result<never>> {
    return err(await this.forkError(detail, size));
  }

  private async forkError(detail: string, size: number): Promise<AppError> {
    const alarm: Alarm = { code: 'LOG_INCONSISTENT', detail, leafIndex: size };
    this.broken = true;
    await this.store.markBroken(alarm, this.clock.now());
    this.tell(alarm);
    return new AppError('LOG_INCONSISTENT', undefined, { size });
  }

  private tell({ agency, code, detail, leafIndex }: Alarm): void {
    this.logger.error({ alarm: code, agency, leafIndex }, detail);
  }
}

/** Whether all that is known of the keys stays as it is. */
const continues = (known: LogKeyChain, further: LogKeyChain): boolean =>
  known.keys.every(({ logged, verifierKey, from, until }) => {
    if (!logged) return true;
    const same = further.keys.find((key) => key.verifierKey === verifierKey);
    return same?.from === from && (logged.retired === undefined || same.until === until);
  });

interface IndexedRecord {
  readonly index: number;
  readonly record: ClearRecord;
}

interface Fetched {
  readonly range: CompactRange;
  readonly leaves: readonly Buffer[];
  readonly records: readonly IndexedRecord[];
}
