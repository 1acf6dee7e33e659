import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { dayInHelsinki, deadlineFor } from '#calendar';
import { findDeadline } from '#catalogue';
import type { Clock } from '#kernel';
import { CLOCK } from '#platform';
import { AskedDto } from '../ask-for-information/ask.dto.js';
import { AskForInformation } from '../ask-for-information/ask-for-information.handler.js';
import { shownExchange } from '../ask-for-information/show-exchange.js';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { Directory } from '../look-up-directory/directory.js';
import { OwnRequestDto } from './own-request.dto.js';

/** The client's own request (GDPR article 15), brought by an agency: rests on the client's right and uses up no consent. */
@ApiTags('asking')
@ApiBearerAuth()
@Controller('v1/own-requests')
export class OwnRequestController {
  constructor(
    @Inject(AskForInformation) private readonly handler: AskForInformation,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({ summary: 'Bring a client’s request for their own information; to be answered within a month' })
  @ApiResponse({ status: 202, type: AskedDto })
  async request(@Caller() { agency }: CallingSystem, @Body() body: OwnRequestDto): Promise<AskedDto> {
    const { client, wish, identifiedBy, ...rest } = body;
    const { catalogue } = await this.directory.catalogue();
    const now = this.clock.now();
    const limit = findDeadline(catalogue.deadlines, 'data-subject-request', dayInHelsinki(now));
    if (!limit.ok) throw limit.error;
    const opened = await this.handler.ask(agency, {
      ...rest,
      clients: [client],
      purpose: 'own-request',
      necessity: [wish ?? 'Asiakkaan oma pyyntö / Kundens egen begäran', identifiedBy].join('. '),
      deadline: dayInHelsinki(deadlineFor(limit.value, now)),
    });
    return { exchanges: opened.map(shownExchange) };
  }
}
