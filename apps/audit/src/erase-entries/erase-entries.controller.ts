import { Controller, Inject, UseGuards } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type {
  ApproveErasureRequest,
  ApproveErasureResponse,
  Erasure,
  ListErasuresRequest,
  ListErasuresResponse,
  ProposeErasureRequest,
  ProposeErasureResponse,
  RunErasureRequest,
  RunErasureResponse,
} from '#contracts';
import { unwrap } from '#kernel';
import { CalledBy, ServiceCalls } from '#platform';
import { Looks } from '../append-entries/looks.js';
import { callerOf } from '../domain/caller.js';
import { spokenBy } from '../infra/signed-word.js';
import { ErasureRun } from './erasure-run.js';
import { Erasures, type SeenErasure } from './erasures.js';

/** Erasure on the word of two agencies, each signed and brought by itself. */
@Controller()
@UseGuards(ServiceCalls)
@CalledBy('gateway')
export class EraseEntriesController {
  constructor(
    @Inject(Erasures) private readonly erasures: Erasures,
    @Inject(ErasureRun) private readonly erasureRun: ErasureRun,
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

  /** As long as it takes: the caller gives it minutes, and it goes on without. Errors: as `mayRun` and `ErasureRun.run`. */
  @GrpcMethod('AuditService', 'runErasure')
  async runErasure(who: RunErasureRequest): Promise<RunErasureResponse> {
    await this.erasures.mayRun(await this.looks.asked(who, 'POST /v1/audit/erasures/runs'));
    const { tombstones, erased, persons, rewrapped, destroyedKek, transportForgetsAt, held } =
      await this.erasureRun.run();
    return {
      tombstones: tombstones.map(BigInt),
      erased,
      persons,
      rewrapped: BigInt(rewrapped),
      destroyedKek: destroyedKek ?? '',
      transportForgetsAt,
      held: [...held],
    };
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
});
