import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type {
  ApproveErasureRequest,
  ApproveErasureResponse,
  Erasure,
  ListErasuresResponse,
  ProposeErasureRequest,
  ProposeErasureResponse,
  RunErasureResponse,
} from '#contracts';
import { ErasureRun } from './erasure-run.js';
import { Erasures, type SeenErasure } from './erasures.js';

/** Erasure on the word of two agencies, each signed. Who calls matters not: the statements prove themselves. */
@Controller()
export class EraseEntriesController {
  constructor(
    @Inject(Erasures) private readonly erasures: Erasures,
    @Inject(ErasureRun) private readonly erasureRun: ErasureRun,
  ) {}

  @GrpcMethod('AuditService', 'proposeErasure')
  async proposeErasure({ proposal }: ProposeErasureRequest): Promise<ProposeErasureResponse> {
    const { erasure, kept } = await this.erasures.propose(proposal);
    return { erasure: viewOf(erasure), kept };
  }

  @GrpcMethod('AuditService', 'approveErasure')
  async approveErasure({ approval }: ApproveErasureRequest): Promise<ApproveErasureResponse> {
    return { erasure: viewOf(await this.erasures.approve(approval)) };
  }

  /** As long as it takes: the caller gives it minutes. */
  @GrpcMethod('AuditService', 'runErasure')
  async runErasure(): Promise<RunErasureResponse> {
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
  async listErasures(): Promise<ListErasuresResponse> {
    return { erasures: (await this.erasures.list()).map(viewOf) };
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
