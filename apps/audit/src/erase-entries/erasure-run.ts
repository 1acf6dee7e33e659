import { setImmediate as nextTurn } from 'node:timers/promises';
import { type IndexRange, type Tombstone, maxTombstoneRanges, parseLogBody, rangesOf } from '#envelope';
import { AppError, unwrap } from '#kernel';
import type { Logger } from '#platform';
import { eventIdOf } from '../append-entries/own-entry.js';
import { prepareClear, prepareOpaque } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { type CandidateEntry, personsIn } from '../domain/erasure-targets.js';
import { type LeftErasure, type LeftReason, reasonForNothing } from '../domain/left-erasures.js';
import { holdsOver } from '../domain/legal-holds.js';
import type { ErasureRunProgress } from '../infra/erasure-run-store.js';
import type { LoggedTombstone, StoredErasure, StoredHold, WrappedSecret } from '../infra/erasure-store.js';
import type { ErasureContext, Erasures } from './erasures.js';
import { OneAtATime } from './one-at-a-time.js';

export interface ErasureRunOptions extends ErasureContext {
  /** Resolves when everybody can read the log up to this size. Errors: UNAVAILABLE. */
  readonly whenPublished: (size: number) => Promise<void>;
  readonly logger: Logger;
}

export interface ErasureRunReport {
  readonly tombstones: readonly number[];
  readonly erased: number;
  readonly persons: number;
  readonly rewrapped: number;
  readonly destroyedKek: string | undefined;
  readonly transportForgetsAt: Date | undefined;
  readonly left: readonly LeftErasure[];
}

/** Told before what is told depends on it, so that whoever looks after a crash knows it. */
export type SeeProgress = (seen: Partial<ErasureRunProgress>) => Promise<void>;

const unseen: SeeProgress = () => Promise.resolve();

interface EndedRun extends Pick<ErasureRunReport, 'erased' | 'rewrapped' | 'destroyedKek'> {
  /** Erasures of which nothing is left to do. */
  readonly finished: number;
}

const DAY_MS = 24 * 60 * 60 * 1_000;
/** Rows of one statement: short locks, so that the appender and releases go on. */
const batchRows = 1_000;
/** A few milliseconds of wrapping, after which others have their turn: the appender runs in this thread too. */
const secretsPerTurn = 128;

interface Approved {
  readonly erasure: StoredErasure;
  readonly entries: readonly CandidateEntry[];
}

/**
 * Erases what was approved. The tombstone stands first, in the log and in public; then bodies, secrets and index rows go;
 * then the survivors' secrets are wrapped under a new key and the former one is destroyed. All of what is left to do follows
 * from the log and the key files, so a run that was stopped anywhere is ended by the next one, or by the next start.
 */
export class ErasureRun {
  private readonly alone = new OneAtATime();
  /** Every process reads every tombstone once, as a backup may have brought back what an earlier run did away with. */
  private sawEvery = false;

  /** @param erasing what must not overlap with the placing of a hold */
  constructor(
    private readonly options: ErasureRunOptions,
    private readonly erasures: Erasures,
    private readonly erasing: OneAtATime,
  ) {}

  /** Errors: a `LeftReason` where nothing is to be done, UNAVAILABLE. */
  run(see: SeeProgress = unseen): Promise<ErasureRunReport> {
    return this.alone.do(async () => {
      const counted = new Counted(see);
      const before = await this.endWhatWasBegun(counted);
      const { clock, data, store } = this.options;
      await store.forgetProposalsBefore(new Date(clock.now().getTime() - data.proposalDays * DAY_MS));
      // A hold is placed before this, or when the bodies are gone; it does not wait for the wrapping.
      const { left, ...begun } = await this.erasing.do(() => this.begin(counted));
      if (begun.tombstones.length === 0) {
        if (before.erased + before.finished === 0 && before.destroyedKek === undefined)
          throw new AppError(reasonForNothing(left));
        return { ...begun, ...before, left };
      }
      const done = await this.endWhatWasBegun(counted);
      return { ...begun, left, ...counted.sums, destroyedKek: done.destroyedKek };
    });
  }

  /** When the log can be appended to: nothing where nothing was begun. */
  resume(see: SeeProgress = unseen): Promise<EndedRun> {
    return this.alone.do(() => this.endWhatWasBegun(new Counted(see)));
  }

  /** Buries what may go now, and takes its bodies. */
  private async begin(
    counted: Counted,
  ): Promise<Pick<ErasureRunReport, 'tombstones' | 'persons' | 'transportForgetsAt' | 'left'>> {
    const { store, data } = this.options;
    const { free, left } = await this.sorted();
    await counted.see({ left });
    if (free.length === 0) return { tombstones: [], persons: 0, transportForgetsAt: undefined, left };
    const entries = [...new Map(free.flatMap((one) => one.entries).map((entry) => [entry.leafIndex, entry])).values()];
    const persons = personsIn(entries);
    const newest = Math.max(...entries.map(({ at }) => at.getTime()));
    const transportForgetsAt = new Date(newest + data.transportDays * DAY_MS);
    await counted.see({
      approvals: free.flatMap(({ erasure }) => erasure.approvalHash ?? []),
      entries: counted.sums.erased + entries.length,
      persons,
      transportForgetsAt,
    });
    const tombstones = await this.bury(free, entries);
    await counted.see({ tombstones });
    const undone = await store.tombstones({ after: await store.doneThrough() });
    await eraseWhatTombstonesName(store, undone, (erased) => counted.add({ erased }));
    return { tombstones, persons, transportForgetsAt, left };
  }

  /** What is not erased yet: what may go now, with its entries, and what is left, by the holds and the data of today. */
  private async sorted(): Promise<{ free: Approved[]; left: LeftErasure[] }> {
    const { store } = this.options;
    const holds = await store.holds({ standing: true });
    const free: Approved[] = [];
    const left: LeftErasure[] = [];
    const leave = (erasure: StoredErasure, entries: number, reason: LeftReason): void => {
      const parties = [erasure.proposer, ...(erasure.approver === null ? [] : [erasure.approver])];
      left.push({ proposal: erasure.proposalHash, reason, entries, parties });
    };
    for (const erasure of await store.erasures()) {
      const { approvalHash, erasedAt, tombstone } = erasure;
      if (erasedAt !== null || tombstone !== null) continue;
      if (approvalHash === null) {
        if (!this.erasures.lapsed(erasure)) leave(erasure, erasure.entries, 'NOT_APPROVED');
        continue;
      }
      const entries = await this.erasures.candidatesOf(erasure);
      if (holdsOver<StoredHold>(holds, entries).length > 0) leave(erasure, entries.length, 'LEGAL_HOLD');
      else if (this.erasures.unacceptedAmong(erasure, entries).length > 0)
        leave(erasure, entries.length, 'RETENTION_UNCONFIRMED');
      else if ((await this.erasures.choose(entries)).kept > 0) leave(erasure, entries.length, 'ENTRY_KEPT');
      else if (entries.length > 0) free.push({ erasure, entries });
    }
    if (!this.tooFewPersons(free)) return { free, left };
    for (const { erasure, entries } of free) leave(erasure, entries.length, 'TOO_FEW_PERSONS');
    return { free: [], left };
  }

  /** Entries about nobody group nobody. */
  private tooFewPersons(free: readonly Approved[]): boolean {
    const { clock, data } = this.options;
    const { leastPersons, waitDays } = data.batch;
    const persons = personsIn(free.flatMap(({ entries }) => entries));
    const oldest = Math.min(...free.map(({ erasure }) => erasure.approvedAt?.getTime() ?? Infinity));
    const waited = clock.now().getTime() - oldest >= waitDays * DAY_MS;
    return persons > 0 && persons < leastPersons && !waited;
  }

  /** The tombstones are in the log, and in public. Gives their leaves. */
  private async bury(free: readonly Approved[], entries: readonly CandidateEntry[]): Promise<number[]> {
    const { store, appender, clock, data, kek, whenPublished } = this.options;
    const at = clock.now().toISOString();
    const standing = (await store.holds({ standing: true })).length;
    const ranges = rangesOf(entries.map(({ leafIndex }) => leafIndex));
    const sorted = <T extends string>(values: readonly (T | null)[]): T[] =>
      [...new Set(values.filter((value): value is T => value !== null))].sort();
    const record = (indices: IndexRange[]): Tombstone => ({
      type: 'tombstone',
      indices,
      grounds: sorted(free.map(({ erasure }) => erasure.ground)),
      retention: data.version,
      proposers: sorted(free.map(({ erasure }) => erasure.proposer)),
      approvers: sorted(free.map(({ erasure }) => erasure.approver)),
      approvals: sorted(free.map(({ erasure }) => erasure.approvalHash)),
      holds: { checkedAt: at, standing },
      kek: kek.id,
      at,
    });
    const records: Tombstone[] = [];
    for (let from = 0; from < ranges.length; from += maxTombstoneRanges)
      records.push(record(ranges.slice(from, from + maxTombstoneRanges)));
    const leaves = records.map((one, place) =>
      prepareClear(eventIdOf(['tombstone', ...one.approvals, String(place)]), one, {
        type: 'tombstone',
        at,
        parties: sorted([...one.proposers, ...one.approvers]),
      }),
    );
    const appended = await appender.append(plainProposal(leaves));
    await whenPublished(appended.checkpoint.size);
    return [...appended.leaves];
  }

  private async endWhatWasBegun(counted: Counted): Promise<EndedRun> {
    const { store, whenPublished } = this.options;
    const tombstones = await store.tombstones(this.sawEvery ? { after: await store.doneThrough() } : {});
    const last = tombstones.at(-1);
    // Else a database from before it would know of no tombstone, and bring back what goes now.
    if (last) await whenPublished(last.leafIndex + 1);
    const erased = await eraseWhatTombstonesName(store, tombstones, (count) => counted.add({ erased: count }));
    await this.eraseOutrunPlaces();
    const { rewrapped, destroyedKek } = await this.leaveCondemnedKey(tombstones, counted);
    await this.logDestroyedKeys(tombstones);
    const open = new Set(
      (await store.erasures())
        .filter(({ erasedAt }) => erasedAt === null)
        .flatMap(({ approvalHash }) => approvalHash ?? []),
    );
    let finished = 0;
    for (const { leafIndex, tombstone } of tombstones) {
      const approvals = tombstone.approvals.filter((approval) => open.delete(approval));
      if (approvals.length > 0) await store.finish(approvals, leafIndex, this.options.clock.now());
      finished += approvals.length;
    }
    finished += await this.finishOvertaken();
    if (last) await store.markDoneThrough(last.leafIndex);
    this.sawEvery = true;
    return { erased, rewrapped, destroyedKek, finished };
  }

  /** Where later approvals took every entry of one that could not be run, nothing is left to do by it: its signed proposal goes. */
  private async finishOvertaken(): Promise<number> {
    const { store, clock } = this.options;
    let finished = 0;
    for (const erasure of await store.erasures()) {
      const { approvalHash, erasedAt, indices } = erasure;
      if (approvalHash === null || erasedAt !== null || (await this.erasures.candidatesOf(erasure)).length > 0)
        continue;
      const last = (await store.tombstones()).findLast(({ tombstone }) => overlap(tombstone.indices, indices));
      if (!last) continue;
      await store.finish([approvalHash], last.leafIndex, clock.now());
      finished += 1;
    }
    return finished;
  }

  private async eraseOutrunPlaces(): Promise<void> {
    const { store } = this.options;
    for (;;) {
      const outrun = await store.outrunPlaces(batchRows);
      if (outrun.length === 0) return;
      const owners = (await store.tombstones()).map(({ leafIndex, tombstone }) => ({
        leafIndex,
        leaves: outrun.filter((leaf) => tombstone.indices.some(({ first, last }) => first <= leaf && leaf <= last)),
      }));
      const named = owners.filter(({ leaves }) => leaves.length > 0);
      if (named.length === 0) return;
      for (const { leafIndex, leaves } of named) await store.erase(leaves, leafIndex);
    }
  }

  /** A tombstone names the key under which its entries were sealed. As long as that key is there, it is left and destroyed. */
  private async leaveCondemnedKey(
    tombstones: readonly LoggedTombstone[],
    counted: Counted,
  ): Promise<Pick<ErasureRunReport, 'rewrapped' | 'destroyedKek'>> {
    const { kek, logger, appender, store } = this.options;
    const condemned = new Set(tombstones.map(({ tombstone }) => tombstone.kek));
    if (kek.formerId === undefined && !condemned.has(kek.id)) return { rewrapped: 0, destroyedKek: undefined };
    await kek.beginLeaving();
    const former = kek.formerId;
    if (former === undefined) return { rewrapped: 0, destroyedKek: undefined };
    // What was on its way to a commit under the former key is committed then; what comes later is wrapped anew.
    await appender.append(plainProposal([]));
    await counted.see({ secrets: counted.sums.rewrapped + (await store.countUnder(former)) });
    const rewrapped = await this.rewrapAll(former, counted);
    // Only who appends: an instance that another took over from would destroy the key that the other one made.
    await appender.append(plainProposal([]));
    await kek.destroyFormer();
    await counted.see({ destroyedKek: former });
    logger.info({ former, present: kek.id, rewrapped }, 'the former entry key is destroyed');
    return { rewrapped, destroyedKek: former };
  }

  /** In the order of the log, the database reading the next and writing the last ones while these are wrapped. */
  private async rewrapAll(former: string, counted: Counted): Promise<number> {
    const { store, kek } = this.options;
    const before = counted.sums.rewrapped;
    let reading = awaitedLater(store.secretsUnder(former, 0, batchRows));
    let writing = awaitedLater(Promise.resolve(0));
    for (;;) {
      const secrets = await reading;
      const last = secrets.at(-1);
      if (!last) {
        await counted.add({ rewrapped: await writing });
        return counted.sums.rewrapped - before;
      }
      reading = awaitedLater(store.secretsUnder(former, last.leafIndex + 1, batchRows));
      const anew = await this.wrapAnew(secrets, former);
      await counted.add({ rewrapped: await writing });
      writing = awaitedLater(store.rewrap(anew, { former, present: kek.id }));
    }
  }

  private async wrapAnew(secrets: readonly WrappedSecret[], former: string): Promise<WrappedSecret[]> {
    const { kek, logger } = this.options;
    const anew: WrappedSecret[] = [];
    for (let from = 0; from < secrets.length; from += secretsPerTurn) {
      if (from > 0) await nextTurn();
      const some = secrets.slice(from, from + secretsPerTurn);
      const again = kek.rewrapAll(some.map(({ wrapped }) => ({ wrapped, kek: former })));
      for (const [at, { leafIndex }] of some.entries()) {
        const wrapped = again[at];
        if (wrapped) anew.push({ leafIndex, wrapped });
        else logger.error({ leafIndex }, 'this secret does not unwrap: its body is lost');
      }
    }
    return anew;
  }

  /** One leaf for each key, however often it is said. */
  private async logDestroyedKeys(tombstones: readonly LoggedTombstone[]): Promise<void> {
    const { kek, clock, appender } = this.options;
    const gone = [...new Set(tombstones.map(({ tombstone }) => tombstone.kek))].filter(
      (id) => id !== kek.id && id !== kek.formerId,
    );
    const entries = gone
      .map((id) => ({ id, eventId: eventIdOf(['entry-key-destroyed', id]) }))
      .filter(({ eventId }) => !appender.knows(eventId))
      .map(({ id, eventId }) => {
        const at = clock.now().toISOString();
        const body = { v: 1, eventId, type: 'entry-key-destroyed', at, purpose: `kek:${id}`, assertedBy: 'hub' };
        return prepareOpaque(unwrap(parseLogBody(body)), kek);
      });
    if (entries.length > 0) await appender.append(plainProposal(entries));
  }
}

/** What a run has done so far. */
class Counted {
  readonly sums = { erased: 0, rewrapped: 0 };

  constructor(readonly see: SeeProgress) {}

  async add({ erased = 0, rewrapped = 0 }: Partial<Counted['sums']>): Promise<void> {
    if (erased + rewrapped === 0) return;
    this.sums.erased += erased;
    this.sums.rewrapped += rewrapped;
    await this.see({ ...this.sums });
  }
}

const overlap = (some: readonly IndexRange[], others: readonly IndexRange[]): boolean =>
  some.some(({ first, last }) => others.some((other) => first <= other.last && other.first <= last));

/** Its failure is thrown where it is awaited, which something else may fail before. */
function awaitedLater<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

/** Bodies, secrets and index rows of what is buried. Gives how many bodies went; none where nothing was left. */
export async function eraseWhatTombstonesName(
  store: ErasureContext['store'],
  tombstones: readonly LoggedTombstone[],
  see: (erased: number) => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  let erased = 0;
  for (const { leafIndex, tombstone } of tombstones) {
    for (;;) {
      const left = await store.leftOf(tombstone.indices, batchRows);
      if (left.length === 0) break;
      const gone = await store.erase(left, leafIndex);
      await see(gone);
      erased += gone;
    }
  }
  return erased;
}
