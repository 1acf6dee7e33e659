import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsString, Max, MaxLength, Min } from 'class-validator';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { AUDIT, type AuditClient } from '../infra/peers.js';
import { AgencyRoutes } from '../describe-api/open-api.js';

const MAX_PAGE = 500;

export class EntriesQuery {
  @ApiPropertyOptional({ default: 0 }) @Type(() => Number) @IsInt() @Min(0) @Max(Number.MAX_SAFE_INTEGER) from: number =
    0;
  @ApiPropertyOptional({ default: 100 }) @Type(() => Number) @IsInt() @Min(1) @Max(MAX_PAGE) limit: number = 100;
}

class OpenedEntryDto {
  @ApiProperty() leafIndex: number;
  @ApiProperty({ description: 'Canonical JSON of the entry’s body' }) body: string;
  @ApiProperty({ description: 'Base64; opens the leaf’s commitment' }) commitmentKey: string;
  @ApiPropertyOptional({ description: 'Base64; what the leaf says of the entry’s places' }) places?: string;
}

class OpenedEntriesDto {
  @ApiProperty({ type: [OpenedEntryDto] }) entries: OpenedEntryDto[];
  @ApiPropertyOptional({ description: 'First index of the next page' }) next?: number;
}

export class MismatchDto {
  @ApiProperty({ description: 'Compact JWS by the recipient' })
  @IsString()
  @MaxLength(4_096)
  mismatch: string;
}

class MismatchReportedDto {
  @ApiProperty() leafIndex: number;
}

@AgencyRoutes('audit')
@Controller('v1')
export class AuditEntriesController {
  constructor(@Inject(AUDIT) private readonly audit: AuditClient) {}

  @Get('audit/entries')
  @ApiOperation({
    summary: 'Opened log entries: one’s own agency’s, or all for a supervising authority. The query is logged.',
  })
  @ApiResponse({ status: 200, type: OpenedEntriesDto })
  async entries(@AuthenticatedCaller() caller: Caller, @Query() query: EntriesQuery): Promise<OpenedEntriesDto> {
    const { entries, next } = await this.audit.searchEntries({
      agency: caller.agency,
      supervising: caller.scopes.includes('supervise'),
      from: BigInt(query.from),
      limit: query.limit,
      worker: '',
      filter: undefined,
      cursor: '',
    });
    return {
      entries: entries.map((entry) => ({
        leafIndex: Number(entry.leafIndex),
        body: entry.body,
        commitmentKey: Buffer.from(entry.commitmentKey).toString('base64'),
        ...(entry.places.length > 0 && { places: Buffer.from(entry.places).toString('base64') }),
      })),
      next: next === 0n ? undefined : Number(next),
    };
  }

  @Post('mismatches')
  @HttpCode(200)
  @ApiOperation({ summary: 'Report that what was sealed inside differs from what was released' })
  @ApiResponse({ status: 200, type: MismatchReportedDto })
  async mismatch(@AuthenticatedCaller() caller: Caller, @Body() body: MismatchDto): Promise<MismatchReportedDto> {
    const { leafIndex } = await this.audit.reportMismatch({ agency: caller.agency, mismatch: body.mismatch });
    return { leafIndex: Number(leafIndex) };
  }
}
