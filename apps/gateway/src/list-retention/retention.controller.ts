import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean } from 'class-validator';
import { LookQuery, whoAsks } from '../audit-entries/who-asks.js';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { AgencyRoutes, ForAuditors, SignedLook } from '../describe-api/open-api.js';
import { AUDIT, type AuditClient } from '../infra/peers.js';

/** Reads the whole index. */
const COUNT_DEADLINE_MS = 60_000;

export class RetentionQuery extends LookQuery {
  @ApiPropertyOptional({ default: false, description: 'Counts entries too, and is logged then' })
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  count: boolean = false;
}

class RetentionCountDto {
  @ApiProperty() class: string;
  @ApiProperty({ description: 'Their floor is not reached, or they stay for good' }) kept: number;
  @ApiProperty() erasable: number;
  @ApiProperty({ description: 'Their ceiling is reached' }) due: number;
}

class RetentionDto {
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'Classes with floor and ceiling, grounds' })
  data: Record<string, unknown>;
  @ApiProperty({ type: [RetentionCountDto] }) counts: RetentionCountDto[];
}

@AgencyRoutes('audit')
@ForAuditors()
@Controller('v1/audit/retention')
export class RetentionController {
  constructor(@Inject(AUDIT) private readonly audit: AuditClient) {}

  @Get()
  @SignedLook()
  @ApiOperation({
    summary:
      'How long the log keeps what, and how many entries of each class are kept or due: one’s own agency’s, or all for a supervising authority',
  })
  @ApiResponse({ status: 200, type: RetentionDto })
  async list(@AuthenticatedCaller() caller: Caller, @Query() query: RetentionQuery): Promise<RetentionDto> {
    const request = { count: query.count, ...whoAsks(caller, query) };
    const options = query.count ? { deadlineMs: COUNT_DEADLINE_MS } : {};
    const { dataJson, counts } = await this.audit.listRetention(request, options);
    return {
      data: JSON.parse(dataJson) as Record<string, unknown>,
      counts: counts.map(({ classId, kept, erasable, due }) => ({
        class: classId,
        kept: Number(kept),
        erasable: Number(erasable),
        due: Number(due),
      })),
    };
  }
}
