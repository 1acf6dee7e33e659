import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import type { Hold } from '#contracts';
import { AppError } from '#kernel';
import { LookQuery, whoAsks, whoCalls } from '../audit-entries/who-asks.js';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { AgencyRoutes, ForAuditors, SignedLook } from '../describe-api/open-api.js';
import { AUDIT, type AuditClient } from '../infra/peers.js';

export class PlaceHoldDto {
  @ApiProperty({
    description: 'Compact JWS by the calling agency: which entries are needed as evidence, in which matter',
  })
  @IsString()
  @MaxLength(128 * 1024)
  hold: string;
}

export class LiftHoldDto {
  @ApiProperty({ description: 'Compact JWS by the calling agency: which hold is lifted' })
  @IsString()
  @MaxLength(4_096)
  lift: string;
}

class HoldDto {
  @ApiProperty({ description: 'Hash of the signed hold' }) hold: string;
  @ApiProperty() agency: string;
  @ApiProperty() matter: string;
  @ApiProperty({ enum: ['subject', 'agency', 'indices'] }) scope: string;
  @ApiProperty({ format: 'date-time' }) placedAt: string;
  @ApiPropertyOptional() liftedBy?: string;
  @ApiPropertyOptional({ format: 'date-time' }) liftedAt?: string;
}

class HoldsDto {
  @ApiProperty({ type: [HoldDto] }) holds: HoldDto[];
}

@AgencyRoutes('audit')
@ForAuditors()
@Controller('v1/audit/holds')
export class HoldsController {
  constructor(@Inject(AUDIT) private readonly audit: AuditClient) {}

  @Get()
  @SignedLook()
  @ApiOperation({
    summary:
      'Legal holds, lifted ones too: those that one’s own agency placed or that hold its entries, or all for a supervising authority. The look is logged.',
  })
  @ApiResponse({ status: 200, type: HoldsDto })
  async list(@AuthenticatedCaller() caller: Caller, @Query() query: LookQuery): Promise<HoldsDto> {
    const { holds } = await this.audit.listHolds(whoAsks(caller, query));
    return { holds: holds.map(holdOf) };
  }

  @Post()
  @ApiOperation({ summary: 'Keep entries from erasure' })
  @ApiResponse({ status: 201, type: HoldDto })
  async place(@AuthenticatedCaller() caller: Caller, @Body() { hold }: PlaceHoldDto): Promise<HoldDto> {
    return holdOf((await this.audit.placeHold({ hold, ...whoCalls(caller) })).hold);
  }

  @Post('lifts')
  @HttpCode(200)
  @ApiOperation({ summary: 'Lift a hold: who placed it, or a supervising authority' })
  @ApiResponse({ status: 200, type: HoldDto })
  async lift(@AuthenticatedCaller() caller: Caller, @Body() { lift }: LiftHoldDto): Promise<HoldDto> {
    return holdOf((await this.audit.liftHold({ lift, ...whoCalls(caller) })).hold);
  }
}

function holdOf(hold: Hold | undefined): HoldDto {
  if (!hold) throw new AppError('UNAVAILABLE');
  const { placedAt, liftedBy, liftedAt, ...rest } = hold;
  return {
    ...rest,
    placedAt: placedAt?.toISOString() ?? '',
    ...(liftedBy !== '' && { liftedBy }),
    ...(liftedAt && { liftedAt: liftedAt.toISOString() }),
  };
}
