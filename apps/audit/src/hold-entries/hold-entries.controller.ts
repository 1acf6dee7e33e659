import { Controller, Inject, UseGuards } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type {
  Hold,
  LiftHoldRequest,
  LiftHoldResponse,
  ListHoldsRequest,
  ListHoldsResponse,
  PlaceHoldRequest,
  PlaceHoldResponse,
} from '#contracts';
import { unwrap } from '#kernel';
import { CalledBy, ServiceCalls } from '#platform';
import { Looks } from '../append-entries/looks.js';
import { callerOf } from '../domain/caller.js';
import type { StoredHold } from '../infra/erasure-store.js';
import { spokenBy } from '../infra/signed-word.js';
import { Holds } from './holds.js';

@Controller()
@UseGuards(ServiceCalls)
@CalledBy('gateway')
export class HoldEntriesController {
  constructor(
    @Inject(Holds) private readonly holds: Holds,
    @Inject(Looks) private readonly looks: Looks,
  ) {}

  @GrpcMethod('AuditService', 'placeHold')
  async placeHold({ hold, ...who }: PlaceHoldRequest): Promise<PlaceHoldResponse> {
    spokenBy(unwrap(callerOf(who)), 'legal-hold', hold);
    return { hold: viewOf(await this.holds.place(hold)) };
  }

  @GrpcMethod('AuditService', 'liftHold')
  async liftHold({ lift, ...who }: LiftHoldRequest): Promise<LiftHoldResponse> {
    spokenBy(unwrap(callerOf(who)), 'legal-hold-lift', lift);
    return { hold: viewOf(await this.holds.lift(lift)) };
  }

  @GrpcMethod('AuditService', 'listHolds')
  async listHolds(who: ListHoldsRequest): Promise<ListHoldsResponse> {
    const asked = await this.looks.asked(who, 'GET /v1/audit/holds');
    const holds = await this.holds.list(asked.caller);
    await this.looks.record(asked, { query: { list: 'holds' }, found: holds.length });
    return { holds: holds.map(viewOf) };
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
