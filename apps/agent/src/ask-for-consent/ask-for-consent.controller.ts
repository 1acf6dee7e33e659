import { Body, Controller, Get, HttpCode, Inject, Param, ParseUUIDPipe, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { ConsentId } from '#kernel';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { AskForConsent } from './ask-for-consent.handler.js';
import {
  AnsweredProposalDto,
  AnswerProposalDto,
  CancelProposalDto,
  ProposalDto,
  ProposalsDto,
  ProposeConsentDto,
} from './proposal.dto.js';

@ApiTags('consents')
@ApiBearerAuth()
@Controller('v1/consents/proposals')
export class AskForConsentController {
  constructor(@Inject(AskForConsent) private readonly handler: AskForConsent) {}

  @Post()
  @ApiOperation({
    summary: 'Ask a client to agree. Warns of what the law already gives, and refuses where it gives everything.',
  })
  @ApiResponse({ status: 201, type: ProposalDto })
  async propose(@Caller() { agency }: CallingSystem, @Body() body: ProposeConsentDto): Promise<ProposalDto> {
    return this.handler.propose(agency, body);
  }

  @Get()
  @ApiOperation({ summary: 'What this agency asked clients to agree to, newest first' })
  @ApiResponse({ status: 200, type: ProposalsDto })
  async list(@Caller() { agency }: CallingSystem): Promise<ProposalsDto> {
    return this.handler.list(agency);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One proposal' })
  @ApiResponse({ status: 200, type: ProposalDto })
  async show(@Caller() { agency }: CallingSystem, @Param('id', ParseUUIDPipe) id: ConsentId): Promise<ProposalDto> {
    return this.handler.show(agency, id);
  }

  @Post(':id/answer')
  @HttpCode(200)
  @ApiOperation({
    summary: 'The client’s answer: yes or no for each category and recipient. All no is a denial, else a consent.',
  })
  @ApiResponse({ status: 200, type: AnsweredProposalDto })
  async answer(
    @Caller() { agency }: CallingSystem,
    @Param('id', ParseUUIDPipe) id: ConsentId,
    @Body() body: AnswerProposalDto,
  ): Promise<AnsweredProposalDto> {
    return this.handler.answer(agency, id, body);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Take the question back before it is answered' })
  @ApiResponse({ status: 200, type: ProposalDto })
  async cancel(
    @Caller() { agency }: CallingSystem,
    @Param('id', ParseUUIDPipe) id: ConsentId,
    @Body() body: CancelProposalDto,
  ): Promise<ProposalDto> {
    return this.handler.cancel(agency, id, body);
  }
}
