import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { LogFollower } from '../follow-log/log-follower.js';
import { member } from '../hub-client/hub-http.js';
import { LogStore, type RaisedAlarm } from '../infra/log-store.js';

class AlarmDto {
  @ApiProperty() id: number;
  @ApiPropertyOptional({ description: 'Absent where it concerns the log as a whole' }) agency?: string;
  @ApiProperty({ description: 'Stable code' }) code: string;
  @ApiProperty() detail: string;
  @ApiPropertyOptional() leafIndex?: number;
  @ApiProperty({ format: 'date-time' }) raisedAt: string;
}

class AlarmsDto {
  @ApiProperty({ type: [AlarmDto] }) alarms: AlarmDto[];
}

class LogDto extends AlarmsDto {
  @ApiProperty({ description: 'Entries that this agent has fetched and recomputed' }) size: number;
  @ApiProperty({ description: 'Root of that tree, base64' }) root: string;
  @ApiPropertyOptional({ format: 'date-time', description: 'When it was last the signed one' }) checkedAt?: string;
  @ApiProperty({ description: 'False once a fork was seen: then nothing is released or opened' }) consistent: boolean;
}

export class EntriesQuery {
  @ApiPropertyOptional({ default: 0 })
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  from: number = 0;

  @ApiPropertyOptional({ default: 100, maximum: 500 })
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(500)
  limit: number = 100;
}

class EntryDto {
  @ApiProperty() leafIndex: number;
  @ApiProperty({ description: 'Canonical JSON of the entry’s body' }) body: string;
  @ApiProperty({ description: 'Base64; opens the leaf’s commitment' }) commitmentKey: string;
}

class EntriesDto {
  @ApiProperty({ type: [EntryDto] }) entries: EntryDto[];
  @ApiPropertyOptional({ description: 'First index of the next page' }) next?: number;
}

@ApiTags('log')
@ApiBearerAuth()
@Controller('v1')
export class WatchLogController {
  constructor(
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(LogStore) private readonly store: LogStore,
  ) {}

  @Get('log')
  @ApiOperation({ summary: 'The log as this agent recomputed it, and what alarms there are' })
  @ApiResponse({ status: 200, type: LogDto })
  async show(@Caller() { agency }: CallingSystem): Promise<LogDto> {
    const { checkedAt, ...state } = this.log.state();
    const alarms = (await this.store.alarms(agency.id)).map(shown);
    return { ...state, ...(checkedAt === undefined ? {} : { checkedAt: checkedAt.toISOString() }), alarms };
  }

  @Get('alarms')
  @ApiOperation({
    summary: 'Alarms: keys of this agency that were not made here, forks, receipts that prove something else',
  })
  @ApiResponse({ status: 200, type: AlarmsDto })
  async alarms(@Caller() { agency }: CallingSystem): Promise<AlarmsDto> {
    return { alarms: (await this.store.alarms(agency.id)).map(shown) };
  }

  @Get('log/entries')
  @ApiOperation({ summary: 'Log entries in which this agency is a party, opened. The query itself is logged.' })
  @ApiResponse({ status: 200, type: EntriesDto })
  async entries(@Caller() { agency }: CallingSystem, @Query() { from, limit }: EntriesQuery): Promise<EntriesDto> {
    const answer = await agency.hub.auditEntries(from, limit);
    const entries = member(answer, 'entries');
    const next = member(answer, 'next');
    return {
      entries: (Array.isArray(entries) ? (entries as unknown[]) : []).map((entry) => ({
        leafIndex: Number(member(entry, 'leafIndex')),
        body: String(member(entry, 'body')),
        commitmentKey: String(member(entry, 'commitmentKey')),
      })),
      ...(typeof next === 'number' ? { next } : {}),
    };
  }
}

const shown = ({ raisedAt, ...alarm }: RaisedAlarm): AlarmDto => ({ ...alarm, raisedAt: raisedAt.toISOString() });
