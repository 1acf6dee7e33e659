import {
  type IndexRange,
  countOf,
  indicesOf,
  maxTombstoneRanges,
  parseLogBody,
  rangesOf,
  readStatement,
} from '#envelope';
import { AppError, type Clock, type Sha256, type Thumbprint, canonicalJson, sha256, unwrap } from '#kernel';
import type { Appender } from '../append-entries/appender.js';
import { entryOfWord, eventIdOfLook } from '../append-entries/own-entry.js';
import { prepareOpaque } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { type Caller, isSupervising } from '../domain/caller.js';
import { type CandidateEntry, chooseTargets, personsIn } from '../domain/erasure-targets.js';
import { holdsOver } from '../domain/legal-holds.js';
import {
  type Period,
  type RetentionClass,
  type RetentionData,
  after,
  classOf,
  groundOf,
  unconfirmedAmong,
} from '../domain/retention.js';
import type { AgencyKeys } from '../infra/agency-keys.js';
import type { EntryKek } from '../infra/entry-kek.js';
import { type ErasureStore, type SelectOptions, type StoredErasure, type StoredHold } from '../infra/erasure-store.js';
import type { SignedLook } from '../infra/signed-look.js';
import { signedWord } from '../infra/signed-word.js';

export interface ErasureContext {
  readonly store: ErasureStore;
  readonly keys: AgencyKeys;
  readonly kek: EntryKek;
  readonly appender: Appender;
  readonly clock: Clock;
  readonly data: RetentionData;
}

const DAY_MS = 24 * 60 * 60 * 1_000;

export type ErasureState = 'proposed' | 'approved' | 'lapsed' | 'erasing' | 'erased';

export interface SeenErasure extends StoredErasure {
  readonly state: ErasureState;
  readonly holds: readonly Sha256[];
  readonly accepted: readonly AcceptedClass[];
}

/** A class that nobody compared with the law and that the proposer accepted, by the data of today. */
export interface AcceptedClass {
  readonly id: string;
  readonly floor: Period | null;
  readonly ceiling: Period | null;
  readonly ground: string;
  /** Of it, among what is to be erased. */
  readonly entries: number;
}

const isSame = (some: readonly string[], others: readonly string[]): boolean =>
  some.toSorted().join(' ') === others.toSorted().join(' ');

const acceptedIn = (proposal: string): readonly string[] =>
  unwrap(readStatement('erasure-proposal', proposal)).payload.acceptsUnconfirmed ?? [];

/** By which key it was proposed: two agencies may have one auditor, who is one person all the same. */
const kidOf = ({ proposal }: Pick<StoredErasure, 'proposal'>): Thumbprint | undefined =>
  proposal === null ? undefined : unwrap(readStatement('erasure-proposal', proposal)).kid;

/** Hash of what is to be erased, which proposal and approval name alike. */
export const targetsHash = (ranges: readonly IndexRange[]): Sha256 => sha256(canonicalJson(ranges));

/** Erasures as far as people decide them: what is asked, and that a second person with another key agrees. */
export class Erasures {
  constructor(private readonly context: ErasureContext) {}

  /**
   * Errors: those of a statement, GROUND_UNKNOWN, ENTRY_KEPT (an index was named that must be kept), NOT_FOUND (an index that
   * is not the agency's), NOTHING_TO_ERASE, RETENTION_UNCONFIRMED (the agency has not accepted a class that nobody compared with
   * the law; with `classes`). The same proposal again is the same.
   */
  async propose(token: string): Promise<{ readonly erasure: SeenErasure; readonly kept: number }> {
    const { store, appender, clock, kek, data } = this.context;
    const word = await signedWord('erasure-proposal', token, this.context);
    const { agency, ground, selection, acceptsUnconfirmed = [] } = word.payload;
    const known = await store.erasure(word.hash);
    if (known) return { erasure: await this.seen(known), kept: 0 };
    const now = clock.now();
    if (!groundOf(data, ground, now)) throw new AppError('GROUND_UNKNOWN');
    const options: SelectOptions = {
      ...(!isSupervising(agency) && { agency }),
      ...(selection.by === 'ceiling' && { ofClass: this.dueClass(selection.class, now) }),
    };
    const candidates = await store.select(selection, options);
    if (selection.by === 'indices' && candidates.length < countOf(selection.indices)) throw new AppError('NOT_FOUND');
    const { targets, kept } = await this.choose(candidates);
    if (selection.by === 'indices' && kept > 0) throw new AppError('ENTRY_KEPT');
    const ranges = rangesOf(targets.map(({ leafIndex }) => leafIndex)).slice(0, maxTombstoneRanges);
    if (ranges.length === 0) throw kept > 0 ? new AppError('ENTRY_KEPT') : new AppError('NOTHING_TO_ERASE');
    const chosen = new Set(indicesOf(ranges));
    const erased = targets.filter(({ leafIndex }) => chosen.has(leafIndex));
    const unconfirmed = unconfirmedAmong(data, erased, now);
    this.refuseUnaccepted(unconfirmed, acceptsUnconfirmed);
    await appender.append(
      plainProposal([
        entryOfWord('erasure-proposed', word, { kek, at: now, purpose: ground }, 'erasure-proposal'),
        ...unconfirmed.map((id) =>
          entryOfWord('erasure-class-accepted', word, { kek, at: now, purpose: id, of: id }, 'erasure-proposal'),
        ),
      ]),
    );
    await store.propose({
      proposalHash: word.hash,
      proposal: token,
      ground,
      proposer: agency,
      proposedAt: now,
      indices: ranges,
      targets: targetsHash(ranges),
      entries: chosen.size,
      persons: personsIn(erased),
    });
    return { erasure: await this.find(word.hash), kept };
  }

  /**
   * Errors: those of a statement, NOT_FOUND, SAME_HAND, TARGETS_DIFFER, FORBIDDEN, CONFLICT (lapsed, or approved by another),
   * RETENTION_UNCONFIRMED (it does not name just the classes that the proposal accepts; with `classes`).
   */
  async approve(token: string): Promise<SeenErasure> {
    const { store, appender, clock, kek } = this.context;
    const word = await signedWord('erasure-approval', token, this.context);
    const { agency, proposal, targets, count, acceptsUnconfirmed = [] } = word.payload;
    const erasure = await store.erasure(proposal);
    if (!erasure) throw new AppError('NOT_FOUND');
    if (erasure.approvalHash === word.hash) return this.seen(erasure);
    if (erasure.proposer === agency || kidOf(erasure) === word.kid) throw new AppError('SAME_HAND');
    if (erasure.targets !== targets || erasure.entries !== count) throw new AppError('TARGETS_DIFFER');
    if (erasure.approvalHash !== null || this.lapsed(erasure)) throw new AppError('CONFLICT');
    if (!isSupervising(agency) && (await store.ownAmong(agency, erasure.indices)) < count)
      throw new AppError('FORBIDDEN');
    const accepted = erasure.proposal === null ? [] : acceptedIn(erasure.proposal);
    if (!isSame(accepted, acceptsUnconfirmed))
      throw new AppError('RETENTION_UNCONFIRMED', `The proposal accepts: ${accepted.join(', ') || 'none'}.`, {
        classes: accepted,
      });
    const now = clock.now();
    await appender.append(
      plainProposal([
        entryOfWord('erasure-approved', word, { kek, at: now, purpose: erasure.ground }, 'erasure-approval'),
        ...accepted.map((id) =>
          entryOfWord('erasure-class-accepted', word, { kek, at: now, purpose: id, of: id }, 'erasure-approval'),
        ),
      ]),
    );
    await store.approve({
      proposalHash: proposal,
      approval: token,
      approvalHash: word.hash,
      approver: agency,
      approvedAt: now,
    });
    return this.find(proposal);
  }

  /** All for a supervising authority; for others those that they proposed or approved, or may approve. */
  async list({ agency, supervising }: Caller): Promise<SeenErasure[]> {
    const { store } = this.context;
    const [erasures, holds] = await Promise.all([store.erasures(), store.holds({ standing: true })]);
    const concerned = await Promise.all(
      erasures.map(async ({ proposer, approver, indices, entries }) =>
        supervising || proposer === agency || approver === agency
          ? true
          : approver === null && (await store.ownAmong(agency, indices)) === entries,
      ),
    );
    return Promise.all(erasures.filter((_, at) => concerned[at]).map((one) => this.seen(one, holds)));
  }

  /** Whether anything is approved that is not erased yet. */
  async hasApproved(): Promise<boolean> {
    return (await this.context.store.erasures()).some(
      ({ approver, erasedAt }) => erasedAt === null && approver !== null,
    );
  }

  /**
   * Who may have what is approved erased: a supervising authority, or an agency that proposed or approved some of it. It stands in
   * the log that they asked. Errors: FORBIDDEN.
   */
  async mayRun({ caller, hash, token }: SignedLook): Promise<void> {
    const { agency, supervising, worker } = caller;
    const { store, appender, kek, clock } = this.context;
    const theirs = (await store.erasures()).some(
      ({ proposer, approver, erasedAt }) =>
        erasedAt === null && approver !== null && [proposer, approver].includes(agency),
    );
    if (!supervising && !theirs) throw new AppError('FORBIDDEN');
    const body = {
      v: 1,
      eventId: eventIdOfLook({ hash }),
      type: 'erasure-run-asked',
      at: clock.now().toISOString(),
      actor: { agency, ...(worker !== undefined && { worker }) },
      evidence: { 'audit-look': hash },
      assertedBy: 'agency',
    };
    const entry = prepareOpaque(unwrap(parseLogBody(body)), kek, { tokens: { 'audit-look': token } });
    await appender.append(plainProposal([entry]));
  }

  /** What of these entries may go now. */
  async choose(candidates: readonly CandidateEntry[]): Promise<ReturnType<typeof chooseTargets>> {
    const { store, clock, data } = this.context;
    const consents = [...new Set(candidates.flatMap(({ decidesConsent }) => decidesConsent ?? []))];
    const leaves = candidates.map(({ leafIndex }) => leafIndex);
    const keptConsents = consents.length === 0 ? new Set<string>() : await store.consentsBeyond(consents, leaves);
    return chooseTargets(candidates, { data, now: clock.now(), keptConsents });
  }

  /** By the data of today: a class that was confirmed when it was proposed may be so no more. */
  unacceptedAmong({ proposal }: Pick<StoredErasure, 'proposal'>, entries: readonly CandidateEntry[]): string[] {
    const { clock, data } = this.context;
    const accepted = proposal === null ? [] : acceptedIn(proposal);
    return unconfirmedAmong(data, entries, clock.now()).filter((id) => !accepted.includes(id));
  }

  private refuseUnaccepted(unconfirmed: readonly string[], accepted: readonly string[]): void {
    const missing = unconfirmed.filter((id) => !accepted.includes(id));
    if (missing.length > 0)
      throw new AppError('RETENTION_UNCONFIRMED', `Not confirmed, and not accepted: ${missing.join(', ')}.`, {
        classes: missing,
      });
  }

  /** Entries of an erasure that still have a body. */
  candidatesOf({ indices }: Pick<StoredErasure, 'indices'>): Promise<CandidateEntry[]> {
    return this.context.store.select({ by: 'indices', indices: [...indices] }, {});
  }

  private async find(proposalHash: Sha256): Promise<SeenErasure> {
    const found = await this.context.store.erasure(proposalHash);
    if (!found) throw new AppError('NOT_FOUND');
    return this.seen(found);
  }

  private async seen(erasure: StoredErasure, standing?: readonly StoredHold[]): Promise<SeenErasure> {
    if (erasure.erasedAt !== null) return { ...erasure, state: 'erased', holds: [], accepted: [] };
    const holds = standing ?? (await this.context.store.holds({ standing: true }));
    const accepted = erasure.proposal === null ? [] : acceptedIn(erasure.proposal);
    const entries = holds.length + accepted.length === 0 ? [] : await this.candidatesOf(erasure);
    const over = holdsOver(holds, entries);
    const state =
      erasure.tombstone !== null
        ? 'erasing'
        : erasure.approvalHash !== null
          ? 'approved'
          : this.lapsed(erasure)
            ? 'lapsed'
            : 'proposed';
    return {
      ...erasure,
      state,
      holds: over.map(({ holdHash }) => holdHash),
      accepted: this.acceptedClasses(accepted, entries),
    };
  }

  private acceptedClasses(ids: readonly string[], entries: readonly CandidateEntry[]): AcceptedClass[] {
    const { data, clock } = this.context;
    const counts = new Map<string, number>();
    for (const entry of entries) {
      const id = classOf(data, entry, clock.now())?.id ?? '';
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return ids.map((id) => {
      const { floor = null, ceiling = null, ground = '' } = data.classes.find((one) => one.id === id) ?? {};
      return { id, floor, ceiling, ground, entries: counts.get(id) ?? 0 };
    });
  }

  /** Nobody approved it in time, and nobody may now. */
  lapsed({ proposedAt }: Pick<StoredErasure, 'proposedAt'>): boolean {
    const { clock, data } = this.context;
    return clock.now().getTime() - proposedAt.getTime() > data.proposalDays * DAY_MS;
  }

  /** The class with the instant before which its entries are due. */
  private dueClass(id: string, now: Date): { types: readonly string[]; before: Date } {
    const found = this.context.data.classes.find((one): one is RetentionClass => one.id === id);
    if (!found?.ceiling) throw new AppError('GROUND_UNKNOWN');
    const { unit, count } = found.ceiling;
    return { types: found.types, before: after(now, { unit, count: -count }) };
  }
}
