import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type {
  Hold,
  LiftHoldRequest,
  LiftHoldResponse,
  ListHoldsResponse,
  PlaceHoldRequest,
  PlaceHoldResponse,
} from '#contracts';
import type { StoredHold } from '../infra/erasure-store.js';
import { Holds } from './holds.js';

@Controller()
export class HoldEntriesController {
  constructor(@Inject(Holds) private readonly holds: Holds) {}

  @GrpcMethod('AuditService', 'placeHold')
  async placeHold({ hold }: PlaceHoldRequest): Promise<PlaceHoldResponse> {
    return { hold: viewOf(await this.holds.place(hold)) };
  }

  @GrpcMethod('AuditService', 'liftHold')
  async liftHold({ lift }: LiftHoldRequest): Promise<LiftHoldResponse> {
    return { hold: viewOf(await this.holds.lift(lift)) };
  }

  @GrpcMethod('AuditService', 'listHolds')
  async listHolds(): Promise<ListHoldsResponse> {
    return { holds: (await this.holds.list()).map(viewOf) };
  }
}

/** Without the pseudonym of whose entries are held: a list is not for that. */
const viewOf = ({ holdHash, agency, matter, party, indices, placedAt, liftedBy, liftedAt }: StoredHold): Hold => ({
  hold: holdHash,
  agency,
  matter,
  scope: party !== null ? 'agency' : indices !== null ? 'indices' : 'subject',
  placedAt,
  liftedBy: liftedBy ?? '',
  liftedAt: liftedAt ?? undefined,
});
