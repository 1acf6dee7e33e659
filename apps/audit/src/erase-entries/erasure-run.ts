import { setImmediate as nextTurn } from 'node:timers/promises';
import { type IndexRange, type Tombstone, maxTombstoneRanges, parseLogBody, rangesOf } from '#envelope';
import { AppError, type Sha256, unwrap } from '#kernel';
import type { Logger } from '#platform';
import { eventIdOf } from '../append-entries/own-entry.js';
import { prepareClear, prepareOpaque } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { type CandidateEntry, personsIn } from '../domain/erasure-targets.js';
import { holdsOver } from '../domain/legal-holds.js';
import type { LoggedTombstone, StoredErasure, StoredHold, WrappedSecret } from '../infra/erasure-store.js';
import type { ErasureContext, Erasures } from './erasures.js';
import type { OneAtATime } from './one-at-a-time.js';

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
  /** Proposals that a hold blocks. */
  readonly held: readonly Sha256[];
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
  constructor(
    private readonly options: ErasureRunOptions,
    private readonly erasures: Erasures,
    private readonly erasing: OneAtATime,
  ) {}

  /** Errors: NOT_APPROVED, LEGAL_HOLD, RETENTION_UNCONFIRMED, ENTRY_KEPT, TOO_FEW_PERSONS, UNAVAILABLE. */
  run(): Promise<ErasureRunReport> {
    return this.erasing.do(async () => {
      const before = await this.endWhatWasBegun();
      const { clock, data, store } = this.options;
      await store.forgetProposalsBefore(new Date(clock.now().getTime() - data.proposalDays * DAY_MS));
      const { free, held, unaccepted } = await this.approved();
      const nothing = { tombstones: [], persons: 0, transportForgetsAt: undefined, held };
      if (free.length === 0) {
        if (before.erased > 0 || before.destroyedKek !== undefined) return { ...nothing, ...before };
        throw new AppError(held.length > 0 ? 'LEGAL_HOLD' : unaccepted > 0 ? 'RETENTION_UNCONFIRMED' : 'NOT_APPROVED');
      }
      const entries = [
        ...new Map(free.flatMap((one) => one.entries).map((entry) => [entry.leafIndex, entry])).values(),
      ];
      await this.refuseWhatIsKept(entries);
      const persons = personsIn(entries);
      this.refuseFewPersons(persons, free);
      const tombstones = await this.bury(free, entries);
      const done = await this.endWhatWasBegun();
      const newest = Math.max(...entries.map(({ at }) => at.getTime()));
      return {
        tombstones,
        persons,
        held,
        rewrapped: before.rewrapped + done.rewrapped,
        erased: before.erased + done.erased,
        destroyedKek: done.destroyedKek,
        transportForgetsAt: new Date(newest + data.transportDays * DAY_MS),
      };
    });
  }

  /** At start, when the log can be appended to: nothing where nothing was begun. */
  resume(): Promise<Pick<ErasureRunReport, 'erased' | 'rewrapped' | 'destroyedKek'>> {
    return this.erasing.do(() => this.endWhatWasBegun());
  }

  /** Approved and not yet erased, with their entries; apart those that a hold covers, and how many rest on a class unaccepted. */
  private async approved(): Promise<{ free: Approved[]; held: Sha256[]; unaccepted: number }> {
    const { store } = this.options;
    const waiting = (await store.erasures()).filter(
      ({ approvalHash, erasedAt, tombstone }) => approvalHash !== null && erasedAt === null && tombstone === null,
    );
    const holds = await store.holds({ standing: true });
    const free: Approved[] = [];
    const held: Sha256[] = [];
    let unaccepted = 0;
    for (const erasure of waiting) {
      const entries = await this.erasures.candidatesOf(erasure);
      if (holdsOver<StoredHold>(holds, entries).length > 0) held.push(erasure.proposalHash);
      else if (this.erasures.unacceptedAmong(erasure, entries).length > 0) unaccepted += 1;
      else free.push({ erasure, entries });
    }
    return { free, held, unaccepted };
  }

  /** Floors are judged by the data of today. */
  private async refuseWhatIsKept(entries: readonly CandidateEntry[]): Promise<void> {
    const { kept } = await this.erasures.choose(entries);
    if (kept > 0) throw new AppError('ENTRY_KEPT');
  }

  /** Entries about nobody group nobody. */
  private refuseFewPersons(persons: number, free: readonly Approved[]): void {
    const { clock, data } = this.options;
    const { leastPersons, waitDays } = data.batch;
    const oldest = Math.min(...free.map(({ erasure }) => erasure.approvedAt?.getTime() ?? Infinity));
    const waited = clock.now().getTime() - oldest >= waitDays * DAY_MS;
    if (persons > 0 && persons < leastPersons && !waited) throw new AppError('TOO_FEW_PERSONS');
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

  private async endWhatWasBegun(): Promise<Pick<ErasureRunReport, 'erased' | 'rewrapped' | 'destroyedKek'>> {
    const tombstones = await this.options.store.tombstones();
    const erased = await eraseWhatTombstonesName(this.options.store, tombstones);
    await this.eraseOutrunPlaces(tombstones);
    const { rewrapped, destroyedKek } = await this.leaveCondemnedKey(tombstones);
    await this.logDestroyedKeys(tombstones);
    const open = new Set(
      (await this.options.store.erasures())
        .filter(({ erasedAt }) => erasedAt === null)
        .flatMap(({ approvalHash }) => approvalHash ?? []),
    );
    for (const { leafIndex, tombstone } of tombstones)
      if (tombstone.approvals.some((approval) => open.has(approval)))
        await this.options.store.finish(tombstone.approvals, leafIndex, this.options.clock.now());
    await this.finishOvertaken(tombstones);
    return { erased, rewrapped, destroyedKek };
  }

  /** Where later approvals took every entry of one that could not be run, nothing is left to do by it: its signed proposal goes. */
  private async finishOvertaken(tombstones: readonly LoggedTombstone[]): Promise<void> {
    const { store, clock } = this.options;
    for (const erasure of await store.erasures()) {
      const { approvalHash, erasedAt, indices } = erasure;
      if (approvalHash === null || erasedAt !== null || (await this.erasures.candidatesOf(erasure)).length > 0)
        continue;
      const last = tombstones.findLast(({ tombstone }) => overlap(tombstone.indices, indices));
      if (last) await store.finish([approvalHash], last.leafIndex, clock.now());
    }
  }

  private async eraseOutrunPlaces(tombstones: readonly LoggedTombstone[]): Promise<void> {
    const { store } = this.options;
    while (tombstones.length > 0) {
      const outrun = await store.outrunPlaces(batchRows);
      const owners = tombstones.map(({ leafIndex, tombstone }) => ({
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
  ): Promise<Pick<ErasureRunReport, 'rewrapped' | 'destroyedKek'>> {
    const { kek, logger, appender } = this.options;
    const condemned = new Set(tombstones.map(({ tombstone }) => tombstone.kek));
    if (kek.formerId === undefined && !condemned.has(kek.id)) return { rewrapped: 0, destroyedKek: undefined };
    await kek.beginLeaving();
    const former = kek.formerId;
    if (former === undefined) return { rewrapped: 0, destroyedKek: undefined };
    // What was on its way to a commit under the former key is committed then; what comes later is wrapped anew.
    await appender.append(plainProposal([]));
    const rewrapped = await this.rewrapAll(former);
    await kek.destroyFormer();
    logger.info({ former, present: kek.id, rewrapped }, 'the former entry key is destroyed');
    return { rewrapped, destroyedKek: former };
  }

  /** In the order of the log, the database reading the next and writing the last ones while these are wrapped. */
  private async rewrapAll(former: string): Promise<number> {
    const { store, kek } = this.options;
    let rewrapped = 0;
    let reading = awaitedLater(store.secretsUnder(former, 0, batchRows));
    let writing = awaitedLater(Promise.resolve(0));
    for (;;) {
      const secrets = await reading;
      const last = secrets.at(-1);
      if (!last) return rewrapped + (await writing);
      reading = awaitedLater(store.secretsUnder(former, last.leafIndex + 1, batchRows));
      const anew = await this.wrapAnew(secrets, former);
      rewrapped += await writing;
      writing = awaitedLater(store.rewrap(anew, { former, present: kek.id }));
    }
  }

  private async wrapAnew(secrets: readonly WrappedSecret[], former: string): Promise<WrappedSecret[]> {
    const { kek, logger } = this.options;
    const anew: WrappedSecret[] = [];
    for (const [at, { leafIndex, wrapped }] of secrets.entries()) {
      if (at > 0 && at % secretsPerTurn === 0) await nextTurn();
      const again = kek.rewrap(wrapped, former);
      if (again.ok) anew.push({ leafIndex, wrapped: again.value });
      else logger.error({ leafIndex }, 'this secret does not unwrap: its body is lost');
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
): Promise<number> {
  let erased = 0;
  for (const { leafIndex, tombstone } of tombstones) {
    for (;;) {
      const left = await store.leftOf(tombstone.indices, batchRows);
      if (left.length === 0) break;
      erased += await store.erase(left, leafIndex);
    }
  }
  return erased;
}
