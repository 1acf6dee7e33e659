import { Body, Controller, Get, HttpCode, Inject, Param, ParseIntPipe, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse, ApiTags } from '@nestjs/swagger';
import { AppError, type Clock } from '#kernel';
import { CLOCK } from '#platform';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { Nested, OfficerDto, OptionalText } from '../describe-api/shared.dto.js';
import { LogFollower } from '../follow-log/log-follower.js';
import { type Acknowledgement, LogStore, type RaisedAlarm } from '../infra/log-store.js';
import { WitnessedLog } from './witnessed-log.js';

class AcknowledgedDto {
  @ApiProperty() name: string;
  @ApiProperty() title: string;
  @ApiProperty() unit: string;
  @ApiPropertyOptional() note?: string;
  @ApiProperty({ format: 'date-time' }) at: string;
}

class AlarmDto {
  @ApiProperty() id: number;
  @ApiPropertyOptional({ description: 'Absent where it concerns the log as a whole' }) agency?: string;
  @ApiProperty({ description: 'Stable code' }) code: string;
  @ApiProperty() detail: string;
  @ApiPropertyOptional() leafIndex?: number;
  @ApiProperty({ format: 'date-time' }) raisedAt: string;
  @ApiPropertyOptional({ type: AcknowledgedDto, description: 'Absent until somebody has looked at it' })
  acknowledged?: AcknowledgedDto;
}

export class AcknowledgeDto {
  @Nested(OfficerDto, 'Who has looked at it')
  person: OfficerDto;

  @OptionalText('What it was and what was done', 2_000)
  note?: string;
}

class AlarmsDto {
  @ApiProperty({ type: [AlarmDto] }) alarms: AlarmDto[];
}

class WitnessedDto {
  @ApiProperty({ description: 'Size of the largest checkpoint that enough operators cosigned' }) size: number;
  @ApiProperty({ format: 'date-time' }) seenAt: string;
  @ApiProperty({ description: 'With its cosignatures, a signed note' }) checkpoint: string;
}

class LogDto extends AlarmsDto {
  @ApiProperty({ description: 'Entries that this agent has fetched and recomputed' }) size: number;
  @ApiProperty({ description: 'Root of that tree, base64' }) root: string;
  @ApiPropertyOptional({ format: 'date-time', description: 'When it was last the signed one' }) checkedAt?: string;
  @ApiProperty({ description: 'False once a fork was seen: then nothing is released or opened' }) consistent: boolean;
  @ApiPropertyOptional({ type: WitnessedDto, description: 'Absent without a witness policy, and before the first one' })
  witnessed?: WitnessedDto;
}

@ApiTags('log')
@ApiBearerAuth()
@Controller('v1')
export class WatchLogController {
  constructor(
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(LogStore) private readonly store: LogStore,
    @Inject(WitnessedLog) private readonly witnessed: WitnessedLog,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get('log')
  @ApiOperation({ summary: 'The log as this agent recomputed it, and what alarms there are' })
  @ApiResponse({ status: 200, type: LogDto })
  async show(@Caller() { agency }: CallingSystem): Promise<LogDto> {
    const { checkedAt, ...state } = this.log.state();
    const alarms = (await this.store.alarms(agency.id)).map(shown);
    const { head } = this.witnessed;
    return {
      ...state,
      ...(checkedAt === undefined ? {} : { checkedAt: checkedAt.toISOString() }),
      ...(head && { witnessed: { size: head.size, seenAt: head.seenAt.toISOString(), checkpoint: head.note } }),
      alarms,
    };
  }

  @Get('alarms')
  @ApiOperation({
    summary:
      'Alarms: keys of this agency that were not made or not revoked here, forks, receipts that prove something else',
  })
  @ApiResponse({ status: 200, type: AlarmsDto })
  async alarms(@Caller() { agency }: CallingSystem): Promise<AlarmsDto> {
    return { alarms: (await this.store.alarms(agency.id)).map(shown) };
  }

  @Post('alarms/:id/acknowledge')
  @HttpCode(200)
  @ApiOperation({ summary: 'A person has looked at an alarm. It stays in the list, with who and when.' })
  @ApiResponse({ status: 200, type: AlarmDto })
  async acknowledge(
    @Caller() { agency, system }: CallingSystem,
    @Param('id', ParseIntPipe) id: number,
    @Body() { person, note }: AcknowledgeDto,
  ): Promise<AlarmDto> {
    const { name, title, unit } = person;
    const seen = { system, person: { name, title, unit }, note: note ?? null, at: this.clock.now() };
    const taken = await this.store.acknowledge(agency.id, id, seen);
    const alarm = (await this.store.alarms(agency.id)).find((one) => one.id === id);
    if (!alarm) throw new AppError('NOT_FOUND', 'there is no such alarm');
    if (!taken) throw new AppError('CONFLICT', 'somebody has looked at it already');
    return shown(alarm);
  }
}

const shown = ({ raisedAt, acknowledged, ...alarm }: RaisedAlarm): AlarmDto => ({
  ...alarm,
  raisedAt: raisedAt.toISOString(),
  ...(acknowledged === undefined ? {} : { acknowledged: acknowledgedOf(acknowledged) }),
});

const acknowledgedOf = ({ person, note, at }: Acknowledgement): AcknowledgedDto => ({
  ...person,
  ...(note === null ? {} : { note }),
  at: at.toISOString(),
});
