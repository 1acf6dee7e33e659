import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import type { FastifyReply } from 'fastify';
import type { Erasure, ErasureRun } from '#contracts';
import { AppError, isSha256 } from '#kernel';
import { LookQuery, whoAsks, whoCalls } from '../audit-entries/who-asks.js';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { AgencyRoutes, ForAuditors, SignedLook } from '../describe-api/open-api.js';
import { AUDIT, type AuditClient } from '../infra/peers.js';

const DEADLINE_MS = 60_000;

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

class AcceptedClassDto {
  @ApiProperty({ description: 'Retention class' }) id: string;
  @ApiProperty({ description: 'Such as 5 years; empty: for good' }) floor: string;
  @ApiProperty() ceiling: string;
  @ApiProperty({ description: 'Provision' }) ground: string;
  @ApiProperty({ description: 'Of it, among what is to be erased' }) entries: number;
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
  @ApiProperty({
    type: [AcceptedClassDto],
    description:
      'Classes that nobody compared with the law and for which the proposer answers: the approval names the same ones as `acceptsUnconfirmed`',
  })
  accepted: AcceptedClassDto[];
}

class ErasuresDto {
  @ApiProperty({ type: [ErasureDto] }) erasures: ErasureDto[];
}

class ProposedErasureDto {
  @ApiProperty({ type: ErasureDto }) erasure: ErasureDto;
  @ApiProperty({ description: 'Selected, and not erased: they must be kept' }) kept: number;
}

class LeftErasuresDto {
  @ApiProperty({
    enum: ['NOT_APPROVED', 'LEGAL_HOLD', 'RETENTION_UNCONFIRMED', 'ENTRY_KEPT', 'TOO_FEW_PERSONS'],
    description: 'Why they are left, as an error code',
  })
  reason: string;
  @ApiProperty({ type: [String], description: 'Hashes of the proposals' }) proposals: string[];
  @ApiProperty() entries: number;
}

class ErasureRunDto {
  @ApiProperty({ description: 'Hash of the signed question that started it' }) run: string;
  @ApiProperty({
    enum: ['running', 'interrupted', 'waiting', 'done', 'failed'],
    description:
      'interrupted: the service stopped in the middle, and the next start goes on with it; waiting: something broke after its tombstone stood, and it goes on by itself',
  })
  state: string;
  @ApiProperty({ format: 'date-time' }) startedAt: string;
  @ApiProperty({ format: 'date-time', description: 'When something was last seen of it' }) seenAt: string;
  @ApiPropertyOptional({ format: 'date-time' }) endedAt?: string;
  @ApiProperty() interruptions: number;
  @ApiProperty({ description: 'How often something broke after its tombstone stood' }) failures: number;
  @ApiPropertyOptional({ format: 'date-time', description: 'When it goes on, where it waits' }) nextAttemptAt?: string;
  @ApiProperty({ description: 'That it is to erase' }) entries: number;
  @ApiProperty({ description: 'Of them those that are gone' }) erased: number;
  @ApiProperty() persons: number;
  @ApiProperty({ description: 'Secrets of other entries that it is to wrap anew' }) secrets: number;
  @ApiProperty({ description: 'Of them those that are wrapped' }) rewrapped: number;
  @ApiProperty({ type: [Number], description: 'Leaves of the tombstones' }) tombstones: number[];
  @ApiPropertyOptional({ description: 'Id of the key-encryption key that is destroyed' }) destroyedKek?: string;
  @ApiPropertyOptional({ format: 'date-time' }) transportForgetsAt?: string;
  @ApiPropertyOptional({ description: 'Why it failed, or waits' }) code?: string;
  @ApiProperty({
    type: [LeftErasuresDto],
    description:
      'What it leaves, by reason: what the own agency proposed or approved, or all for a supervising authority',
  })
  left: LeftErasuresDto[];
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
  @HttpCode(202)
  @ApiOperation({
    summary:
      'Start erasing what is approved, or attach to the run that goes on: a supervising authority, or an agency that proposed or approved some of it. That it was asked is logged.',
  })
  @ApiResponse({
    status: 202,
    type: ErasureRunDto,
    headers: { Location: { description: 'Where its progress and outcome are read', schema: { type: 'string' } } },
  })
  async run(
    @AuthenticatedCaller() caller: Caller,
    @Query() query: LookQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ErasureRunDto> {
    const run = runOf((await this.audit.runErasure(whoAsks(caller, query), { deadlineMs: DEADLINE_MS })).run);
    void reply.header('location', `/v1/audit/erasures/runs/${run.run}`);
    return run;
  }

  @Get('runs/:run')
  @SignedLook()
  @ApiOperation({ summary: 'How far a run has come, for those who asked for it and supervising authorities' })
  @ApiResponse({ status: 200, type: ErasureRunDto })
  async show(
    @AuthenticatedCaller() caller: Caller,
    @Param('run') run: string,
    @Query() query: LookQuery,
  ): Promise<ErasureRunDto> {
    if (!isSha256(run)) throw new AppError('NOT_FOUND');
    return runOf((await this.audit.showErasureRun({ ...whoAsks(caller, query), run })).run);
  }
}

function runOf(run: ErasureRun | undefined): ErasureRunDto {
  if (!run) throw new AppError('UNAVAILABLE');
  const {
    id,
    startedAt,
    seenAt,
    endedAt,
    nextAttemptAt,
    secrets,
    rewrapped,
    tombstones,
    destroyedKek,
    transportForgetsAt,
    code,
    ...rest
  } = run;
  return {
    run: id,
    ...rest,
    startedAt: startedAt?.toISOString() ?? '',
    seenAt: seenAt?.toISOString() ?? '',
    ...(endedAt && { endedAt: endedAt.toISOString() }),
    ...(nextAttemptAt && { nextAttemptAt: nextAttemptAt.toISOString() }),
    secrets: Number(secrets),
    rewrapped: Number(rewrapped),
    tombstones: tombstones.map(Number),
    ...(destroyedKek !== '' && { destroyedKek }),
    ...(transportForgetsAt && { transportForgetsAt: transportForgetsAt.toISOString() }),
    ...(code !== '' && { code }),
  };
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
