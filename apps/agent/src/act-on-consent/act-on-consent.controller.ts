import { Body, Controller, HttpCode, Inject, Param, ParseUUIDPipe, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { ConsentId } from '#kernel';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { ConsentDto } from '../record-consent/consent.dto.js';
import { ActDto, WithdrawDto } from './act.dto.js';
import { ActOnConsent } from './act-on-consent.handler.js';

@ApiTags('consents')
@ApiBearerAuth()
@Controller('v1/consents/:id')
export class ActOnConsentController {
  constructor(@Inject(ActOnConsent) private readonly handler: ActOnConsent) {}

  @Post('withdraw')
  @HttpCode(200)
  @ApiOperation({
    summary: 'The client withdraws, here or by telephone, without a reason; from `effectiveAt` on nothing is released',
  })
  @ApiResponse({ status: 200, type: ConsentDto })
  async withdraw(
    @Caller() { agency }: CallingSystem,
    @Param('id', ParseUUIDPipe) id: ConsentId,
    @Body() body: WithdrawDto,
  ): Promise<ConsentDto> {
    return this.handler.act(agency, id, { ...body, act: 'withdraw', by: body.decider ? 'decider' : 'subject' });
  }

  @Post('acts')
  @HttpCode(200)
  @ApiOperation({
    summary:
      'Suspend or resume, by the client or an authority; revoke, invalidate, end with the plan; verify a mandate again',
  })
  @ApiResponse({ status: 200, type: ConsentDto })
  async act(
    @Caller() { agency }: CallingSystem,
    @Param('id', ParseUUIDPipe) id: ConsentId,
    @Body() body: ActDto,
  ): Promise<ConsentDto> {
    return this.handler.act(agency, id, body);
  }
}
