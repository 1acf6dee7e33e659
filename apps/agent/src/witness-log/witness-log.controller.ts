import { Controller, Get, Inject } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse, ApiTags } from '@nestjs/swagger';
import { AppError } from '#kernel';
import { LogFollower } from '../follow-log/log-follower.js';
import { WitnessStore } from '../infra/witness-store.js';
import { WITNESS_KEY, type WitnessKey } from './witness-key.js';

class WitnessDto {
  @ApiProperty() name: string;
  @ApiProperty({
    description: 'C2SP verifier key for the policy files of others: give it by another way than this network',
  })
  verifierKey: string;
  @ApiPropertyOptional({ description: 'Size of the checkpoint that was cosigned last' }) size?: number;
  @ApiPropertyOptional({ format: 'date-time' }) cosignedAt?: string;
}

@ApiTags('log')
@ApiBearerAuth()
@Controller('v1')
export class WitnessLogController {
  constructor(
    @Inject(WITNESS_KEY) private readonly key: WitnessKey | undefined,
    @Inject(WitnessStore) private readonly store: WitnessStore,
    @Inject(LogFollower) private readonly log: LogFollower,
  ) {}

  @Get('log/witness')
  @ApiOperation({ summary: 'This agent as a witness of the log: its key and what it cosigned last' })
  @ApiResponse({ status: 200, type: WitnessDto })
  async show(): Promise<WitnessDto> {
    if (!this.key) throw new AppError('NOT_FOUND', 'this agent is no witness');
    const latest = await this.store.latest(this.log.origin);
    return {
      name: this.key.name,
      verifierKey: this.key.verifierKey,
      ...(latest && { size: latest.size, cosignedAt: latest.cosignedAt.toISOString() }),
    };
  }
}
