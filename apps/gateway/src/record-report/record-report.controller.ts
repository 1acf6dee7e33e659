import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiResponse } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { AgencyRoutes } from '../describe-api/open-api.js';
import { AUDIT, type AuditClient } from '../infra/peers.js';

export class ReportDecisionDto {
  @ApiProperty({ description: 'Compact JWS by the calling agency: to whom the account was given or refused, and why' })
  @IsString()
  @MaxLength(4_096)
  decision: string;
}

class EmergencyLookDto {
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiProperty({ description: 'Who looked' }) agency: string;
  @ApiProperty({ description: 'Of the entry that says so' }) type: string;
  @ApiProperty() leafIndex: number;
}

class ReportRecordedDto {
  @ApiProperty() leafIndex: number;
  @ApiProperty({
    type: [EmergencyLookDto],
    description:
      'Of an account that is given: looks in an emergency at entries about the client that are the agency’s too',
  })
  emergencyLooks: EmergencyLookDto[];
}

@AgencyRoutes('audit')
@Controller('v1/audit/reports')
export class RecordReportController {
  constructor(@Inject(AUDIT) private readonly audit: AuditClient) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Log that a client’s account of disclosures was given or refused' })
  @ApiResponse({ status: 200, type: ReportRecordedDto })
  async record(@AuthenticatedCaller() caller: Caller, @Body() body: ReportDecisionDto): Promise<ReportRecordedDto> {
    const answer = await this.audit.recordReport({ agency: caller.agency, decision: body.decision });
    return {
      leafIndex: Number(answer.leafIndex),
      emergencyLooks: answer.emergencyLooks.map(({ at, agency, type, leafIndex }) => ({
        at: at?.toISOString() ?? '',
        agency,
        type,
        leafIndex: Number(leafIndex),
      })),
    };
  }
}
