import { Controller, Inject, UseGuards } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { ActOnAlertRequest, ActOnAlertResponse, Alert, ListAlertsRequest, ListAlertsResponse } from '#contracts';
import { unwrap } from '#kernel';
import { CalledBy, ServiceCalls } from '#platform';
import { Looks } from '../append-entries/looks.js';
import { callerOf } from '../domain/caller.js';
import type { StoredAlert } from '../infra/alert-store.js';
import { spokenBy } from '../infra/signed-word.js';
import { Alerts } from './alerts.js';

/** An agency sees and ends the alerts about itself, a supervising authority all. */
@Controller()
@UseGuards(ServiceCalls)
@CalledBy('gateway')
export class RaiseAlertsController {
  constructor(
    @Inject(Alerts) private readonly alerts: Alerts,
    @Inject(Looks) private readonly looks: Looks,
  ) {}

  /** Errors: as `Looks.asked`, UNAVAILABLE. */
  @GrpcMethod('AuditService', 'listAlerts')
  async listAlerts({ closed, ...who }: ListAlertsRequest): Promise<ListAlertsResponse> {
    const asked = await this.looks.asked(who, 'GET /v1/audit/alerts', { closed: String(closed) });
    const alerts = await this.alerts.list(asked.caller, { closed });
    await this.looks.record(asked, { query: { list: 'alerts', closed: String(closed) }, found: alerts.length });
    return { alerts: alerts.map((one) => this.viewOf(one)) };
  }

  /** Errors: as `spokenBy` and `Alerts.act`. */
  @GrpcMethod('AuditService', 'actOnAlert')
  async actOnAlert({ act, ...who }: ActOnAlertRequest): Promise<ActOnAlertResponse> {
    spokenBy(unwrap(callerOf(who)), 'alert-act', act);
    return { alert: this.viewOf(await this.alerts.act(act)) };
  }

  private viewOf({ agency, worker, actedBy, actedAt, reason, mendedAt, ...alert }: StoredAlert): Alert {
    const rule = this.alerts.ruleOf(alert);
    return {
      ...alert,
      names: rule?.names,
      end: rule?.end ?? 'act',
      agency: agency ?? '',
      worker: worker ?? '',
      actedBy: actedBy ?? '',
      actedAt: actedAt ?? undefined,
      reason: reason ?? '',
      mendedAt: mendedAt ?? undefined,
    };
  }
}
