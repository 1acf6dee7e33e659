import { Body, Controller, Get, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { ConsentDto, ConsentsDto, FindConsentsDto, RecordConsentDto } from './consent.dto.js';
import { RecordConsent } from './record-consent.handler.js';

@ApiTags('consents')
@ApiBearerAuth()
@Controller('v1/consents')
export class RecordConsentController {
  constructor(@Inject(RecordConsent) private readonly handler: RecordConsent) {}

  @Post()
  @ApiOperation({ summary: 'Record a consent: the agent signs it and brings it to the hub' })
  @ApiResponse({ status: 201, type: ConsentDto })
  async record(@Caller() { agency }: CallingSystem, @Body() body: RecordConsentDto): Promise<ConsentDto> {
    return this.handler.record(agency, body);
  }

  @Get()
  @ApiOperation({ summary: 'Consents that this agency collected, newest first' })
  @ApiResponse({ status: 200, type: ConsentsDto })
  async list(@Caller() { agency }: CallingSystem): Promise<ConsentsDto> {
    return this.handler.list(agency);
  }

  @Post('search')
  @HttpCode(200)
  @ApiOperation({ summary: 'Consents about one person of which this agency is a party' })
  @ApiResponse({ status: 200, type: ConsentsDto })
  async find(@Caller() { agency }: CallingSystem, @Body() body: FindConsentsDto): Promise<ConsentsDto> {
    return this.handler.find(agency, body.client);
  }
}
