import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import type { BreakGlass } from '#contracts';
import { AppError } from '#kernel';
import { OpenedEntryDto, openedEntryOf } from '../audit-entries/audit-entries.controller.js';
import { LookQuery, WORKER, whoAsks, whoCalls } from '../audit-entries/who-asks.js';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { AgencyRoutes, ForAuditors, SignedLook } from '../describe-api/open-api.js';
import { AUDIT, type AuditClient } from '../infra/peers.js';

const MAX_PAGE = 100;

export class BreakGlassQuery {
  @ApiProperty({ description: 'Who looks, by the agency’s pseudonym: the one who opened it' })
  @Matches(WORKER)
  askedBy: string;
  @ApiPropertyOptional({ default: 0 }) @Type(() => Number) @IsInt() @Min(0) @Max(Number.MAX_SAFE_INTEGER) from: number =
    0;
  @ApiPropertyOptional({ default: MAX_PAGE }) @Type(() => Number) @IsInt() @Min(1) @Max(MAX_PAGE) limit: number =
    MAX_PAGE;
}

export class OpenBreakGlassDto {
  @ApiProperty({ description: 'Compact JWS by the calling agency: whose entries, why, in which matter, for how long' })
  @IsString()
  @MaxLength(4_096)
  opening: string;
}

export class ReviewBreakGlassDto {
  @ApiProperty({ description: 'Compact JWS by a supervising authority: which access, whether it was justified' })
  @IsString()
  @MaxLength(4_096)
  review: string;
}

class BreakGlassDto {
  @ApiProperty({ description: 'Hash of the signed opening' }) grant: string;
  @ApiProperty() agency: string;
  @ApiProperty({ description: 'Case worker’s pseudonym at the agency' }) worker: string;
  @ApiProperty({ enum: ['agency', 'subject'] }) scope: string;
  @ApiPropertyOptional({ description: 'The agency whose entries were opened' }) concerned?: string;
  @ApiProperty() reason: string;
  @ApiProperty() matter: string;
  @ApiProperty({ format: 'date-time' }) openedAt: string;
  @ApiProperty({ format: 'date-time' }) endsAt: string;
  @ApiProperty() mostEntries: number;
  @ApiProperty() shown: number;
  @ApiProperty({ enum: ['open', 'ended', 'reviewed'] }) state: string;
  @ApiProperty({ description: 'Id of the alert, open until the review' }) alert: string;
  @ApiPropertyOptional() reviewedBy?: string;
  @ApiPropertyOptional({ format: 'date-time' }) reviewedAt?: string;
  @ApiPropertyOptional({ enum: ['justified', 'unjustified'] }) finding?: string;
}

class BreakGlassListDto {
  @ApiProperty({ type: [BreakGlassDto] }) grants: BreakGlassDto[];
}

class BreakGlassLookDto {
  @ApiProperty({ type: BreakGlassDto }) grant: BreakGlassDto;
  @ApiProperty({ type: [OpenedEntryDto] }) entries: OpenedEntryDto[];
  @ApiPropertyOptional({ description: 'First index of the next page' }) next?: number;
  @ApiProperty({ description: 'The entry of this look itself' }) lookLeaf: number;
}

@AgencyRoutes('audit')
@ForAuditors()
@Controller('v1/audit/break-glass')
export class BreakGlassController {
  constructor(@Inject(AUDIT) private readonly audit: AuditClient) {}

  @Get()
  @SignedLook()
  @ApiOperation({
    summary:
      'Accesses to the log in an emergency: one’s own agency’s and those to its entries, or all for a supervising authority. The look is logged.',
  })
  @ApiResponse({ status: 200, type: BreakGlassListDto })
  async list(@AuthenticatedCaller() caller: Caller, @Query() query: LookQuery): Promise<BreakGlassListDto> {
    const { grants } = await this.audit.listBreakGlass(whoAsks(caller, query));
    return { grants: grants.map(accessOf) };
  }

  @Post()
  @ApiOperation({
    summary:
      'Open entries of the log in which one’s own agency is no party: in an emergency, with a reason, for a short time. An alert tells the supervising authorities at once.',
  })
  @ApiResponse({ status: 201, type: BreakGlassDto })
  async open(@AuthenticatedCaller() caller: Caller, @Body() { opening }: OpenBreakGlassDto): Promise<BreakGlassDto> {
    return accessOf((await this.audit.openBreakGlass({ opening, ...whoCalls(caller) })).grant);
  }

  @Get(':grant/entries')
  @SignedLook()
  @ApiOperation({
    summary:
      'Entries by such an access, while it lasts. Each look is logged with its reason, where the agencies concerned find it.',
  })
  @ApiResponse({ status: 200, type: BreakGlassLookDto })
  async look(
    @AuthenticatedCaller() caller: Caller,
    @Param('grant') grant: string,
    @Query() query: BreakGlassQuery,
  ): Promise<BreakGlassLookDto> {
    const page = { grant, from: BigInt(query.from), limit: query.limit };
    const found = await this.audit.lookBreakGlass({ ...page, ...whoAsks(caller, query) });
    return {
      grant: accessOf(found.grant),
      entries: found.entries.map(openedEntryOf),
      ...(found.next !== 0n && { next: Number(found.next) }),
      lookLeaf: Number(found.lookLeaf),
    };
  }

  @Post('reviews')
  @HttpCode(200)
  @ApiOperation({ summary: 'A supervising authority reviews an access, which ends it and its alert' })
  @ApiResponse({ status: 200, type: BreakGlassDto })
  async review(@AuthenticatedCaller() caller: Caller, @Body() { review }: ReviewBreakGlassDto): Promise<BreakGlassDto> {
    return accessOf((await this.audit.reviewBreakGlass({ review, ...whoCalls(caller) })).grant);
  }
}

function accessOf(access: BreakGlass | undefined): BreakGlassDto {
  if (!access) throw new AppError('UNAVAILABLE');
  const { concerned, openedAt, endsAt, reviewedBy, reviewedAt, finding, ...rest } = access;
  return {
    ...rest,
    ...(concerned !== '' && { concerned }),
    openedAt: openedAt?.toISOString() ?? '',
    endsAt: endsAt?.toISOString() ?? '',
    ...(reviewedBy !== '' && { reviewedBy }),
    ...(reviewedAt && { reviewedAt: reviewedAt.toISOString() }),
    ...(finding !== '' && { finding }),
  };
}
