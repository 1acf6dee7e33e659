import { Controller, Inject, UseGuards } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { GetReconciliationRequest, GetReconciliationResponse } from '#contracts';
import { unwrap } from '#kernel';
import { CalledBy, ServiceCalls } from '#platform';
import { Looks } from '../append-entries/looks.js';
import { callerOf } from '../domain/caller.js';
import { ReconciliationState } from './reconciliation-state.js';

/** How it stands, for every agency; which differences, for supervising authorities. */
@Controller()
@UseGuards(ServiceCalls)
@CalledBy('gateway')
export class ShowReconciliationController {
  constructor(
    @Inject(ReconciliationState) private readonly state: ReconciliationState,
    @Inject(Looks) private readonly looks: Looks,
  ) {}

  /** Errors: MALFORMED, FORBIDDEN, UNAVAILABLE. */
  @GrpcMethod('AuditService', 'getReconciliation')
  async getReconciliation(who: GetReconciliationRequest): Promise<GetReconciliationResponse> {
    const caller = unwrap(callerOf(who));
    const state = await this.state.look();
    const open = caller.supervising ? state.open : [];
    await this.looks.record(caller, { query: { list: 'reconciliation' }, found: open.length });
    return { ...state, open };
  }
}
