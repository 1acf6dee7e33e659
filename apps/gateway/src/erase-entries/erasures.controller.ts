import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import type { Erasure } from '#contracts';
import { AppError } from '#kernel';
import { LookQuery, whoAsks, whoCalls } from '../audit-entries/who-asks.js';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { AgencyRoutes, ForAuditors, SignedLook } from '../describe-api/open-api.js';
import { AUDIT, type AuditClient } from '../infra/peers.js';

const DEADLINE_MS = 60_000;
/** Wrapping a million secrets anew takes about a minute. What takes longer goes on, and is seen in the list. */
const RUN_DEADLINE_MS = 4 * 60_000;

export class ProposeErasureDto {
  @ApiProperty({ description: 'Compact JWS by the calling agency: which entries, on which legal ground' })
  @IsString()
  @MaxLength(128 * 1024)
  proposal: string;
}

export class ApproveErasureDto {
  @ApiProperty({
    description: 'Compact JWS by the calling agency, which is not the one that proposed: exactly which entries',
  })
  @IsString()
  @MaxLength(4_096)
  approval: string;
}

class ErasedRangeDto {
  @ApiProperty() first: number;
  @ApiProperty({ description: 'Included' }) last: number;
}

class ErasureDto {
  @ApiProperty({ description: 'Hash of the signed proposal' }) proposal: string;
  @ApiProperty({ enum: ['proposed', 'approved', 'lapsed', 'erasing', 'erased'] }) state: string;
  @ApiProperty() ground: string;
  @ApiProperty() proposer: string;
  @ApiProperty({ format: 'date-time' }) proposedAt: string;
  @ApiPropertyOptional() approver?: string;
  @ApiPropertyOptional({ format: 'date-time' }) approvedAt?: string;
  @ApiProperty({ type: [ErasedRangeDto] }) indices: ErasedRangeDto[];
  @ApiProperty({ description: 'Hash of the canonical list of ranges, for the approval' }) targets: string;
  @ApiProperty() entries: number;
  @ApiProperty() persons: number;
  @ApiPropertyOptional({ description: 'Index of the tombstone’s leaf' }) tombstone?: number;
  @ApiPropertyOptional({ format: 'date-time' }) erasedAt?: string;
  @ApiProperty({ type: [String], description: 'Hashes of the holds that block it' }) holds: string[];
}

class ErasuresDto {
  @ApiProperty({ type: [ErasureDto] }) erasures: ErasureDto[];
}

class ProposedErasureDto {
  @ApiProperty({ type: ErasureDto }) erasure: ErasureDto;
  @ApiProperty({ description: 'Selected, and not erased: they must be kept' }) kept: number;
}

class ErasureRunDto {
  @ApiProperty({ type: [Number], description: 'Leaves of the tombstones' }) tombstones: number[];
  @ApiProperty() erased: number;
  @ApiProperty() persons: number;
  @ApiProperty({ description: 'Secrets of other entries that were wrapped anew' }) rewrapped: number;
  @ApiPropertyOptional({ description: 'Id of the key-encryption key that is destroyed' }) destroyedKek?: string;
  @ApiPropertyOptional({ format: 'date-time' }) transportForgetsAt?: string;
  @ApiProperty({ type: [String], description: 'Proposals that a hold blocks' }) held: string[];
}

@AgencyRoutes('audit')
@ForAuditors()
@Controller('v1/audit/erasures')
export class ErasuresController {
  constructor(@Inject(AUDIT) private readonly audit: AuditClient) {}

  @Get()
  @SignedLook()
  @ApiOperation({
    summary:
      'Erasures that one’s own agency proposed, approved or may approve, or all for a supervising authority. The look is logged.',
  })
  @ApiResponse({ status: 200, type: ErasuresDto })
  async list(@AuthenticatedCaller() caller: Caller, @Query() query: LookQuery): Promise<ErasuresDto> {
    const { erasures } = await this.audit.listErasures(whoAsks(caller, query), { deadlineMs: DEADLINE_MS });
    return { erasures: erasures.map(erasureOf) };
  }

  @Post()
  @ApiOperation({ summary: 'Ask for the erasure of entries' })
  @ApiResponse({ status: 201, type: ProposedErasureDto })
  async propose(
    @AuthenticatedCaller() caller: Caller,
    @Body() { proposal }: ProposeErasureDto,
  ): Promise<ProposedErasureDto> {
    const request = { proposal, ...whoCalls(caller) };
    const { erasure, kept } = await this.audit.proposeErasure(request, { deadlineMs: DEADLINE_MS });
    return { erasure: erasureOf(erasure), kept };
  }

  @Post('approvals')
  @HttpCode(200)
  @ApiOperation({ summary: 'Agree to an erasure as another agency than the one that proposed it' })
  @ApiResponse({ status: 200, type: ErasureDto })
  async approve(@AuthenticatedCaller() caller: Caller, @Body() { approval }: ApproveErasureDto): Promise<ErasureDto> {
    const request = { approval, ...whoCalls(caller) };
    return erasureOf((await this.audit.approveErasure(request, { deadlineMs: DEADLINE_MS })).erasure);
  }

  @Post('runs')
  @SignedLook()
  @HttpCode(200)
  @ApiOperation({
    summary:
      'Erase what is approved: a supervising authority, or an agency that proposed or approved some of it. That it was asked is logged. After a TIMEOUT it goes on.',
  })
  @ApiResponse({ status: 200, type: ErasureRunDto })
  async run(@AuthenticatedCaller() caller: Caller, @Query() query: LookQuery): Promise<ErasureRunDto> {
    const done = await this.audit.runErasure(whoAsks(caller, query), { deadlineMs: RUN_DEADLINE_MS });
    const { tombstones, rewrapped, destroyedKek, transportForgetsAt, ...counts } = done;
    return {
      ...counts,
      tombstones: tombstones.map(Number),
      rewrapped: Number(rewrapped),
      ...(destroyedKek !== '' && { destroyedKek }),
      ...(transportForgetsAt && { transportForgetsAt: transportForgetsAt.toISOString() }),
    };
  }
}

function erasureOf(erasure: Erasure | undefined): ErasureDto {
  if (!erasure) throw new AppError('UNAVAILABLE');
  const { proposedAt, approver, approvedAt, indices, tombstone, erasedAt, ...rest } = erasure;
  return {
    ...rest,
    proposedAt: proposedAt?.toISOString() ?? '',
    ...(approver !== '' && { approver }),
    ...(approvedAt && { approvedAt: approvedAt.toISOString() }),
    indices: indices.map(({ first, last }) => ({ first: Number(first), last: Number(last) })),
    ...(tombstone !== undefined && { tombstone: Number(tombstone) }),
    ...(erasedAt && { erasedAt: erasedAt.toISOString() }),
  };
}
