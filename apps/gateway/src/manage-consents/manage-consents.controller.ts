import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiResponse } from '@nestjs/swagger';
import { IsString, Matches, MaxLength } from 'class-validator';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { CONSENT, type ConsentClient } from '../infra/peers.js';
import { AgencyRoutes } from '../describe-api/open-api.js';

const MAX_STATEMENT = 16 * 1024;

export class RecordConsentDto {
  @ApiProperty({ description: 'Compact JWS of the consent record by the collecting agency' })
  @IsString()
  @MaxLength(MAX_STATEMENT)
  record: string;
}

export class ConsentActDto {
  @ApiProperty({ description: 'Compact JWS of the act by an agency that is a party' })
  @IsString()
  @MaxLength(MAX_STATEMENT)
  act: string;
}

export class ConsentsQuery {
  @ApiProperty({ description: 'Pseudonym of the subject' })
  @Matches(/^p[1-9][0-9]{0,3}\.[A-Za-z0-9_-]{43}$/)
  subject: string;
}

class RecordedConsentDto {
  @ApiProperty() consentId: string;
  @ApiProperty() version: number;
  @ApiProperty() recordedAt: string;
}

class ConsentActedDto {
  @ApiProperty({ description: 'Holds for every permit after this instant' }) effectiveAt: string;
  @ApiProperty({ description: 'Afterwards' }) state: string;
}

class ConsentDto {
  @ApiProperty({ description: 'The record as signed' }) record: string;
  @ApiProperty({ description: 'Computed now' }) state: string;
  @ApiProperty() uses: number;
}

class ConsentsDto {
  @ApiProperty({ type: [ConsentDto] }) consents: ConsentDto[];
}

@AgencyRoutes('consents')
@Controller('v1/consents')
export class ManageConsentsController {
  constructor(@Inject(CONSENT) private readonly consent: ConsentClient) {}

  @Post()
  @ApiOperation({ summary: 'Record a consent, first or next version' })
  @ApiResponse({ status: 201, type: RecordedConsentDto })
  async record(@AuthenticatedCaller() caller: Caller, @Body() body: RecordConsentDto): Promise<RecordedConsentDto> {
    const { consentId, version, recordedAt } = await this.consent.recordConsent({
      agency: caller.agency,
      record: body.record,
    });
    return { consentId, version, recordedAt: instant(recordedAt) };
  }

  @Post('acts')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Withdraw a consent, or another act about it; answered after commit, holds for every later permit',
  })
  @ApiResponse({ status: 200, type: ConsentActedDto })
  async act(@AuthenticatedCaller() caller: Caller, @Body() body: ConsentActDto): Promise<ConsentActedDto> {
    const { effectiveAt, state } = await this.consent.actOnConsent({ agency: caller.agency, act: body.act });
    return { effectiveAt: instant(effectiveAt), state };
  }

  @Get()
  @ApiOperation({ summary: 'Consents about a subject in which the calling agency is a party' })
  @ApiResponse({ status: 200, type: ConsentsDto })
  async list(@AuthenticatedCaller() caller: Caller, @Query() query: ConsentsQuery): Promise<ConsentsDto> {
    const { consents } = await this.consent.listConsents({ agency: caller.agency, subject: query.subject });
    return { consents: consents.map(({ record, state, uses }) => ({ record, state, uses })) };
  }
}

function instant(at: Date | undefined): string {
  if (!at) throw new Error('consent answered without its time');
  return at.toISOString();
}
