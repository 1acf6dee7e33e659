import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { SubmissionsDto, SubmitMessagesDto } from './submit-messages.dto.js';
import { SubmitMessages } from './submit-messages.handler.js';
import { AgencyRoutes } from '../describe-api/open-api.js';

@AgencyRoutes('messages')
@Controller('v1/messages')
export class SubmitMessagesController {
  constructor(@Inject(SubmitMessages) private readonly handler: SubmitMessages) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({ summary: 'Post 1 to 64 sealed messages. Posting the same message again is harmless.' })
  @ApiResponse({ status: 202, type: SubmissionsDto })
  async submit(@AuthenticatedCaller() caller: Caller, @Body() body: SubmitMessagesDto): Promise<SubmissionsDto> {
    return { messages: await this.handler.submit(caller.agency, body.messages) };
  }
}
