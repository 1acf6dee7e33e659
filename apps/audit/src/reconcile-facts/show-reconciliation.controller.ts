import { Controller, Inject, UseGuards } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { GetReconciliationRequest, GetReconciliationResponse } from '#contracts';
import { CalledBy, ServiceCalls } from '#platform';
import { Looks } from '../append-entries/looks.js';
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

  /** Errors: as `Looks.asked`, UNAVAILABLE. */
  @GrpcMethod('AuditService', 'getReconciliation')
  async getReconciliation(who: GetReconciliationRequest): Promise<GetReconciliationResponse> {
    const asked = await this.looks.asked(who, 'GET /v1/audit/reconciliation');
    const state = await this.state.look();
    const open = asked.caller.supervising ? state.open : [];
    await this.looks.record(asked, { query: { list: 'reconciliation' }, found: open.length });
    return { ...state, open };
  }
}
