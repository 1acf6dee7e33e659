import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiResponse } from '@nestjs/swagger';
import { IsString, Matches, MaxLength } from 'class-validator';
import type { Consent, ConsentUse } from '#contracts';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { CONSENT, type ConsentClient } from '../infra/peers.js';
import { AgencyRoutes } from '../describe-api/open-api.js';

const MAX_STATEMENT = 16 * 1024;
const MAX_PROPOSAL = 64 * 1024;

export class RecordConsentDto {
  @ApiProperty({ description: 'Compact JWS of the consent record by the collecting agency' })
  @IsString()
  @MaxLength(MAX_STATEMENT)
  record: string;
}

export class ProposeConsentDto {
  @ApiProperty({ description: 'Compact JWS of the proposal by the collecting agency' })
  @IsString()
  @MaxLength(MAX_PROPOSAL)
  proposal: string;
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

class ProposedConsentDto {
  @ApiProperty() consentId: string;
  @ApiProperty() recordedAt: string;
}

export class ConsentUseDto {
  @ApiProperty() version: number;
  @ApiProperty() exchangeId: string;
  @ApiProperty({ description: 'Empty where names are withheld' }) recipient: string;
  @ApiProperty() usedAt: string;
}

class ConsentActedDto {
  @ApiProperty({ description: 'Holds for every permit after this instant' }) effectiveAt: string;
  @ApiProperty({ description: 'Afterwards' }) state: string;
  @ApiProperty({ type: [ConsentUseDto], description: 'What had been opened on it before: it cannot be recalled' })
  uses: ConsentUseDto[];
}

export class ConsentDto {
  @ApiProperty() consentId: string;
  @ApiProperty({ description: '0 as long as it is only proposed' }) version: number;
  @ApiProperty({ required: false, description: 'The record as signed; left out as long as it is only proposed' })
  record?: string;
  @ApiProperty({ required: false, description: 'The proposal as signed, where there was one' }) proposal?: string;
  @ApiProperty({ description: 'Computed now' }) state: string;
  @ApiProperty({ type: [Number] }) categories: number[];
  @ApiProperty({ description: 'Agencies’ names are withheld: record, proposal and acts are left out' })
  namesWithheld: boolean;
  @ApiProperty() uses: number;
  @ApiProperty({ type: [ConsentUseDto] }) used: ConsentUseDto[];
  @ApiProperty({ type: [String], description: 'Acts as signed, oldest first' }) acts: string[];
  @ApiProperty() changedAt: string;
  @ApiProperty({ required: false, description: 'When it reached its final state' }) endedAt?: string;
}

export class ConsentsDto {
  @ApiProperty({ type: [ConsentDto] }) consents: ConsentDto[];
}

export class ListedConsentsDto extends ConsentsDto {
  @ApiProperty({
    type: [String],
    description:
      'Compact JWS of each link by which these are about the subject under another pseudonym, by the agency that told it',
  })
  links: string[];
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
    summary:
      'Withdraw a consent or refuse a proposal, or another act about it; answered after commit, holds for every later permit',
  })
  @ApiResponse({ status: 200, type: ConsentActedDto })
  async act(@AuthenticatedCaller() caller: Caller, @Body() body: ConsentActDto): Promise<ConsentActedDto> {
    const { effectiveAt, state, uses } = await this.consent.actOnConsent({ agency: caller.agency, act: body.act });
    return { effectiveAt: instant(effectiveAt), state, uses: uses.map(useDto) };
  }

  @Post('proposals')
  @ApiOperation({ summary: 'Propose a consent: what a client is asked to agree to; a basis for nothing' })
  @ApiResponse({ status: 201, type: ProposedConsentDto })
  async propose(@AuthenticatedCaller() caller: Caller, @Body() body: ProposeConsentDto): Promise<ProposedConsentDto> {
    const { consentId, recordedAt } = await this.consent.proposeConsent({
      agency: caller.agency,
      proposal: body.proposal,
    });
    return { consentId, recordedAt: instant(recordedAt) };
  }

  @Get()
  @ApiOperation({ summary: 'Consents and proposals about a subject in which the calling agency is a party' })
  @ApiResponse({ status: 200, type: ListedConsentsDto })
  async list(@AuthenticatedCaller() caller: Caller, @Query() query: ConsentsQuery): Promise<ListedConsentsDto> {
    const { consents, links } = await this.consent.listConsents({ agency: caller.agency, subject: query.subject });
    return { consents: consents.map(consentDto), links };
  }
}

export const consentDto = (consent: Consent): ConsentDto => ({
  consentId: consent.consentId,
  version: consent.version,
  ...(consent.record !== '' && { record: consent.record }),
  ...(consent.proposal !== '' && { proposal: consent.proposal }),
  state: consent.state,
  categories: consent.categories,
  namesWithheld: consent.namesWithheld,
  uses: consent.uses,
  used: consent.used.map(useDto),
  acts: consent.acts,
  changedAt: instant(consent.changedAt),
  ...(consent.endedAt && { endedAt: instant(consent.endedAt) }),
});

const useDto = ({ version, exchangeId, recipient, usedAt }: ConsentUse): ConsentUseDto => ({
  version,
  exchangeId,
  recipient,
  usedAt: instant(usedAt),
});

function instant(at: Date | undefined): string {
  if (!at) throw new Error('consent answered without its time');
  return at.toISOString();
}
