import { Controller, Inject, UseGuards } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  type ApproveErasureRequest,
  type ApproveErasureResponse,
  type Erasure,
  type ErasureRun,
  type ListErasuresRequest,
  type ListErasuresResponse,
  type ProposeErasureRequest,
  type ProposeErasureResponse,
  type RunErasureRequest,
  RunErasureResponse,
  type ShowErasureRunRequest,
  type ShowErasureRunResponse,
} from '#contracts';
import { unwrap } from '#kernel';
import { CalledBy, ServiceCalls } from '#platform';
import { Looks } from '../append-entries/looks.js';
import { type Caller, callerOf } from '../domain/caller.js';
import { leftByReason } from '../domain/left-erasures.js';
import type { Period } from '../domain/retention.js';
import type { StoredErasureRun } from '../infra/erasure-run-store.js';
import { spokenBy } from '../infra/signed-word.js';
import { ErasureRuns } from './erasure-runs.js';
import { Erasures, type SeenErasure } from './erasures.js';

/** Erasure on the word of two agencies, each signed and brought by itself. */
@Controller()
@UseGuards(ServiceCalls)
@CalledBy('gateway')
export class EraseEntriesController {
  constructor(
    @Inject(Erasures) private readonly erasures: Erasures,
    @Inject(ErasureRuns) private readonly erasureRuns: ErasureRuns,
    @Inject(Looks) private readonly looks: Looks,
  ) {}

  @GrpcMethod('AuditService', 'proposeErasure')
  async proposeErasure({ proposal, ...who }: ProposeErasureRequest): Promise<ProposeErasureResponse> {
    spokenBy(unwrap(callerOf(who)), 'erasure-proposal', proposal);
    const { erasure, kept } = await this.erasures.propose(proposal);
    return { erasure: viewOf(erasure), kept };
  }

  @GrpcMethod('AuditService', 'approveErasure')
  async approveErasure({ approval, ...who }: ApproveErasureRequest): Promise<ApproveErasureResponse> {
    spokenBy(unwrap(callerOf(who)), 'erasure-approval', approval);
    return { erasure: viewOf(await this.erasures.approve(approval)) };
  }

  /** Starts a run, or attaches to the one that goes on. Errors: as `ErasureRuns.start`. */
  @GrpcMethod('AuditService', 'runErasure')
  async runErasure(who: RunErasureRequest): Promise<RunErasureResponse> {
    const asked = await this.looks.asked(who, 'POST /v1/audit/erasures/runs');
    return RunErasureResponse.fromPartial({ run: runOf(await this.erasureRuns.start(asked), asked.caller) });
  }

  /** No look at an entry, and asked often while it goes on: it makes no entry. Errors: as `Looks.asked`, NOT_FOUND. */
  @GrpcMethod('AuditService', 'showErasureRun')
  async showErasureRun({ run, ...who }: ShowErasureRunRequest): Promise<ShowErasureRunResponse> {
    const { caller } = await this.looks.asked(who, `GET /v1/audit/erasures/runs/${run}`);
    return { run: runOf(await this.erasureRuns.show(run, caller), caller) };
  }

  @GrpcMethod('AuditService', 'listErasures')
  async listErasures(who: ListErasuresRequest): Promise<ListErasuresResponse> {
    const asked = await this.looks.asked(who, 'GET /v1/audit/erasures');
    const erasures = await this.erasures.list(asked.caller);
    await this.looks.record(asked, { query: { list: 'erasures' }, found: erasures.length });
    return { erasures: erasures.map(viewOf) };
  }
}

const viewOf = (erasure: SeenErasure): Erasure => ({
  proposal: erasure.proposalHash,
  state: erasure.state,
  ground: erasure.ground,
  proposer: erasure.proposer,
  proposedAt: erasure.proposedAt,
  approver: erasure.approver ?? '',
  approvedAt: erasure.approvedAt ?? undefined,
  indices: erasure.indices.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) })),
  targets: erasure.targets,
  entries: erasure.entries,
  persons: erasure.persons,
  tombstone: erasure.tombstone === null ? undefined : BigInt(erasure.tombstone),
  erasedAt: erasure.erasedAt ?? undefined,
  holds: [...erasure.holds],
  accepted: erasure.accepted.map(({ floor, ceiling, ...one }) => ({
    ...one,
    floor: periodOf(floor),
    ceiling: periodOf(ceiling),
  })),
});

const periodOf = (period: Period | null): string => (period ? `${period.count} ${period.unit}` : '');

const runOf = (run: StoredErasureRun, { agency, supervising }: Caller): ErasureRun => {
  const { id, state, startedAt, seenAt, interruptions, failures, entries, erased, persons } = run;
  return {
    ...{ id, state, startedAt, seenAt, interruptions, failures, entries, erased, persons },
    endedAt: run.endedAt ?? undefined,
    nextAttemptAt: run.nextAttemptAt ?? undefined,
    secrets: BigInt(run.secrets),
    rewrapped: BigInt(run.rewrapped),
    tombstones: run.tombstones.map(BigInt),
    destroyedKek: run.destroyedKek ?? '',
    transportForgetsAt: run.transportForgetsAt ?? undefined,
    code: run.code ?? '',
    left: leftByReason(run.left, supervising ? undefined : agency).map(({ proposals, ...one }) => ({
      ...one,
      proposals: [...proposals],
    })),
  };
};
