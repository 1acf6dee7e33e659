import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { ActOnAlertRequest, ActOnAlertResponse, Alert, ListAlertsRequest, ListAlertsResponse } from '#contracts';
import type { StoredAlert } from '../infra/alert-store.js';
import { Alerts } from './alerts.js';

@Controller()
export class RaiseAlertsController {
  constructor(@Inject(Alerts) private readonly alerts: Alerts) {}

  @GrpcMethod('AuditService', 'listAlerts')
  async listAlerts({ closed }: ListAlertsRequest): Promise<ListAlertsResponse> {
    return { alerts: (await this.alerts.list({ closed })).map(viewOf) };
  }

  @GrpcMethod('AuditService', 'actOnAlert')
  async actOnAlert({ act }: ActOnAlertRequest): Promise<ActOnAlertResponse> {
    return { alert: viewOf(await this.alerts.act(act)) };
  }
}

const viewOf = ({ worker, actedBy, actedAt, reason, ...alert }: StoredAlert): Alert => ({
  ...alert,
  worker: worker ?? '',
  actedBy: actedBy ?? '',
  actedAt: actedAt ?? undefined,
  reason: reason ?? '',
});
