import { Controller, Inject, UseGuards } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type {
  BreakGlass as GivenAccess,
  ListBreakGlassRequest,
  ListBreakGlassResponse,
  LookBreakGlassRequest,
  LookBreakGlassResponse,
  OpenBreakGlassRequest,
  OpenBreakGlassResponse,
  ReviewBreakGlassRequest,
  ReviewBreakGlassResponse,
} from '#contracts';
import { AppError, type Clock, unwrap } from '#kernel';
import { CLOCK, CalledBy, ServiceCalls } from '#platform';
import { Looks } from '../append-entries/looks.js';
import { type BreakGlassAccess, stateOf } from '../domain/break-glass.js';
import { callerOf } from '../domain/caller.js';
import { spokenBy } from '../infra/signed-word.js';
import { BreakGlass } from './break-glass.js';

@Controller()
@UseGuards(ServiceCalls)
@CalledBy('gateway')
export class BreakGlassController {
  constructor(
    @Inject(BreakGlass) private readonly breakGlass: BreakGlass,
    @Inject(Looks) private readonly looks: Looks,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @GrpcMethod('AuditService', 'openBreakGlass')
  async openBreakGlass({ opening, ...who }: OpenBreakGlassRequest): Promise<OpenBreakGlassResponse> {
    spokenBy(unwrap(callerOf(who)), 'break-glass', opening);
    return { grant: this.viewOf(await this.breakGlass.open(opening)) };
  }

  @GrpcMethod('AuditService', 'lookBreakGlass')
  async lookBreakGlass({ grant, limit, ...request }: LookBreakGlassRequest): Promise<LookBreakGlassResponse> {
    const from = Number(request.from);
    if (!Number.isSafeInteger(from)) throw new AppError('MALFORMED', undefined, { field: 'from' });
    const call = `GET /v1/audit/break-glass/${grant}/entries`;
    const asked = await this.looks.asked(request, call, { from: String(from), limit: String(limit) });
    const { access, entries, next, lookLeaf } = await this.breakGlass.look(asked, { grant, from, limit });
    return {
      entries: entries.map(({ leafIndex, ...opening }) => ({
        leafIndex: BigInt(leafIndex),
        ...opening,
        place: undefined,
      })),
      next: BigInt(next ?? 0),
      lookLeaf: BigInt(lookLeaf),
      grant: this.viewOf(access),
    };
  }

  @GrpcMethod('AuditService', 'reviewBreakGlass')
  async reviewBreakGlass({ review, ...who }: ReviewBreakGlassRequest): Promise<ReviewBreakGlassResponse> {
    spokenBy(unwrap(callerOf(who)), 'break-glass-review', review);
    return { grant: this.viewOf(await this.breakGlass.review(review)) };
  }

  @GrpcMethod('AuditService', 'listBreakGlass')
  async listBreakGlass(who: ListBreakGlassRequest): Promise<ListBreakGlassResponse> {
    const asked = await this.looks.asked(who, 'GET /v1/audit/break-glass');
    const grants = await this.breakGlass.list(asked.caller);
    await this.looks.record(asked, { query: { list: 'break-glass' }, found: grants.length });
    return { grants: grants.map((access) => this.viewOf(access)) };
  }

  /** Without the pseudonym of whose entries were opened. */
  private viewOf(access: BreakGlassAccess): GivenAccess {
    const { grant, agency, worker, concerned, reason, matter, openedAt, endsAt, mostEntries, shown, alert } = access;
    return {
      grant,
      agency,
      worker,
      scope: concerned === null ? 'subject' : 'agency',
      concerned: concerned ?? '',
      reason,
      matter,
      openedAt,
      endsAt,
      mostEntries,
      shown,
      state: stateOf(access, this.clock.now()),
      alert,
      reviewedBy: access.reviewedBy ?? '',
      reviewedAt: access.reviewedAt ?? undefined,
      finding: access.finding ?? '',
    };
  }
}
