import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { OpenedExchangeDto } from '../describe-api/shared.dto.js';
import { ReferDto } from './refer-client.dto.js';
import { ReferClient } from './refer-client.handler.js';

@ApiTags('referrals')
@ApiBearerAuth()
@Controller('v1/referrals')
export class ReferClientController {
  constructor(@Inject(ReferClient) private readonly handler: ReferClient) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({ summary: 'Refer a client to another agency, with what it needs to know' })
  @ApiResponse({ status: 202, type: OpenedExchangeDto })
  async refer(@Caller() { agency }: CallingSystem, @Body() body: ReferDto): Promise<OpenedExchangeDto> {
    return this.handler.refer(agency, body);
  }
}
