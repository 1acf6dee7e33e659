import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import type { OpenDifference } from '#contracts';
import { LookQuery, whoAsks } from '../audit-entries/who-asks.js';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { AgencyRoutes, ForAuditors, SignedLook } from '../describe-api/open-api.js';
import { AUDIT, type AuditClient } from '../infra/peers.js';

class ProducerDto {
  @ApiProperty({ description: 'Topic by which its events come, such as exchange.events.v1' }) producer: string;
  @ApiProperty({ description: 'Every leaf before it was compared' }) upTo: number;
  @ApiProperty({ description: 'Entries, some of them more than once' }) compared: number;
  @ApiProperty({ description: 'Events that have waited too long for a leaf' }) overdue: number;
  @ApiProperty({ description: 'Events that audit refuses: they are sent again once a day' }) setAside: number;
  @ApiPropertyOptional({ format: 'date-time' }) reportedAt?: string;
  @ApiProperty({ description: 'It has not reported for too long' }) silent: boolean;
}

class DifferenceDto {
  @ApiProperty() producer: string;
  @ApiProperty({ description: 'Such as event-without-leaf or leaf-without-event' }) kind: string;
  @ApiPropertyOptional() eventId?: string;
  @ApiPropertyOptional() leafIndex?: number;
  @ApiPropertyOptional({ description: 'Of the entry that is or should be there' }) type?: string;
  @ApiPropertyOptional() manifestHash?: string;
  @ApiProperty({ format: 'date-time' }) foundAt: string;
  @ApiProperty({ description: 'Id of its alert' }) alert: string;
}

class ReconciliationDto {
  @ApiProperty({ description: 'Entries of the log' }) size: number;
  @ApiProperty({ type: [ProducerDto] }) producers: ProducerDto[];
  @ApiProperty() openCount: number;
  @ApiProperty({ type: [DifferenceDto], description: 'For a supervising authority' }) differences: DifferenceDto[];
}

@AgencyRoutes('audit')
@ForAuditors()
@Controller('v1/audit/reconciliation')
export class ReconciliationController {
  constructor(@Inject(AUDIT) private readonly audit: AuditClient) {}

  @Get()
  @SignedLook()
  @ApiOperation({
    summary:
      'Whether every event of the hub’s services has its leaf and every leaf its event, and how far that is known. The look is logged.',
  })
  @ApiResponse({ status: 200, type: ReconciliationDto })
  async look(@AuthenticatedCaller() caller: Caller, @Query() query: LookQuery): Promise<ReconciliationDto> {
    const { producers, open, openCount, size } = await this.audit.getReconciliation(whoAsks(caller, query));
    return {
      size: Number(size),
      producers: producers.map(({ topic, next, compared, overdue, setAside, reportedAt, silent }) => ({
        producer: topic,
        upTo: Number(next),
        compared: Number(compared),
        overdue,
        setAside,
        ...(reportedAt && { reportedAt: reportedAt.toISOString() }),
        silent,
      })),
      openCount,
      differences: open.map(differenceOf),
    };
  }
}

function differenceOf({ topic, difference, foundAt, alert }: OpenDifference): DifferenceDto {
  const { kind = '', eventId = '', leafIndex, type = '', manifestHash = '' } = difference ?? {};
  return {
    producer: topic,
    kind,
    ...(eventId !== '' && { eventId }),
    ...(leafIndex !== undefined && { leafIndex: Number(leafIndex) }),
    ...(type !== '' && { type }),
    ...(manifestHash !== '' && { manifestHash }),
    foundAt: foundAt?.toISOString() ?? '',
    alert,
  };
}
