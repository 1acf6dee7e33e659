import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean, IsString, MaxLength } from 'class-validator';
import type { Alert } from '#contracts';
import { AppError } from '#kernel';
import { LookQuery, whoAsks, whoCalls } from '../audit-entries/who-asks.js';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { AgencyRoutes, ForAuditors, SignedLook } from '../describe-api/open-api.js';
import { AUDIT, type AuditClient } from '../infra/peers.js';

export class AlertsQuery extends LookQuery {
  @ApiPropertyOptional({ default: false, description: 'Closed ones too' })
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  closed: boolean = false;
}

export class AlertActDto {
  @ApiProperty({ description: 'Compact JWS by the calling agency: the alert, whether taken up or ended, and why' })
  @IsString()
  @MaxLength(4_096)
  act: string;
}

class RuleNamesDto {
  @ApiProperty() fi: string;
  @ApiProperty() sv: string;
  @ApiProperty() en: string;
}

class AlertDto {
  @ApiProperty() id: string;
  @ApiProperty({ description: 'Such as volume or break-glass' }) rule: string;
  @ApiPropertyOptional({ type: RuleNamesDto, description: 'Of the rule, as long as there is such a rule' })
  names?: RuleNamesDto;
  @ApiProperty({ enum: ['agency', 'supervising'], description: 'Who ends it' }) owner: string;
  @ApiProperty({ enum: ['act', 'review'], description: 'By what it ends' }) end: string;
  @ApiProperty() agency: string;
  @ApiPropertyOptional({ description: 'Case worker’s pseudonym at the agency' }) worker?: string;
  @ApiProperty({ format: 'date-time' }) windowFrom: string;
  @ApiProperty({ format: 'date-time' }) windowTo: string;
  @ApiProperty() measured: number;
  @ApiProperty() threshold: number;
  @ApiProperty({ format: 'date-time' }) raisedAt: string;
  @ApiProperty({ enum: ['raised', 'acknowledged', 'closed'] }) state: string;
  @ApiPropertyOptional() actedBy?: string;
  @ApiPropertyOptional({ format: 'date-time' }) actedAt?: string;
  @ApiPropertyOptional() reason?: string;
  @ApiPropertyOptional({
    format: 'date-time',
    description: 'Since when the log and the records that differed do so no more: its owner ends it all the same',
  })
  mendedAt?: string;
}

class AlertsDto {
  @ApiProperty({ type: [AlertDto] }) alerts: AlertDto[];
}

@AgencyRoutes('audit')
@ForAuditors()
@Controller('v1/audit/alerts')
export class AlertsController {
  constructor(@Inject(AUDIT) private readonly audit: AuditClient) {}

  @Get()
  @SignedLook()
  @ApiOperation({
    summary:
      'Alerts on unusual access: about one’s own agency, or all for a supervising authority. The look is logged.',
  })
  @ApiResponse({ status: 200, type: AlertsDto })
  async list(@AuthenticatedCaller() caller: Caller, @Query() query: AlertsQuery): Promise<AlertsDto> {
    const { alerts } = await this.audit.listAlerts({ closed: query.closed, ...whoAsks(caller, query) });
    return { alerts: alerts.map(alertOf) };
  }

  @Post('acts')
  @HttpCode(200)
  @ApiOperation({ summary: 'Take an alert up, or end it with a reason: its owner, or a supervising authority' })
  @ApiResponse({ status: 200, type: AlertDto })
  async act(@AuthenticatedCaller() caller: Caller, @Body() { act }: AlertActDto): Promise<AlertDto> {
    const { alert } = await this.audit.actOnAlert({ act, ...whoCalls(caller) });
    if (!alert) throw new AppError('UNAVAILABLE');
    return alertOf(alert);
  }
}

const alertOf = ({
  names,
  worker,
  windowFrom,
  windowTo,
  raisedAt,
  actedBy,
  actedAt,
  reason,
  mendedAt,
  ...alert
}: Alert): AlertDto => ({
  ...alert,
  ...(names && { names }),
  ...(worker !== '' && { worker }),
  windowFrom: windowFrom?.toISOString() ?? '',
  windowTo: windowTo?.toISOString() ?? '',
  raisedAt: raisedAt?.toISOString() ?? '',
  ...(actedBy !== '' && { actedBy }),
  ...(actedAt && { actedAt: actedAt.toISOString() }),
  ...(reason !== '' && { reason }),
  ...(mendedAt && { mendedAt: mendedAt.toISOString() }),
});
