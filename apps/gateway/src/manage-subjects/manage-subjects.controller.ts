import { Body, Controller, Inject, Post } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiResponse } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { AgencyRoutes } from '../describe-api/open-api.js';
import { CONSENT, type ConsentClient } from '../infra/peers.js';

const MAX_STATEMENT = 4 * 1024;

export class LinkSubjectDto {
  @ApiProperty({ description: 'Compact JWS of the subject link by the calling agency' })
  @IsString()
  @MaxLength(MAX_STATEMENT)
  link: string;
}

export class ExcludeDeciderDto {
  @ApiProperty({ description: 'Compact JWS of the exclusion by the calling agency' })
  @IsString()
  @MaxLength(MAX_STATEMENT)
  exclusion: string;
}

class KeptStatementDto {
  @ApiProperty() recordedAt: string;
}

@AgencyRoutes('subjects')
@Controller('v1/subjects')
export class ManageSubjectsController {
  constructor(@Inject(CONSENT) private readonly consent: ConsentClient) {}

  @Post('links')
  @ApiOperation({ summary: 'Join a later pseudonym of a person to an earlier one' })
  @ApiResponse({ status: 201, type: KeptStatementDto })
  async link(@AuthenticatedCaller() caller: Caller, @Body() body: LinkSubjectDto): Promise<KeptStatementDto> {
    return kept(await this.consent.linkSubject({ agency: caller.agency, link: body.link }));
  }

  @Post('exclusions')
  @ApiOperation({ summary: 'Say that somebody may not decide for a person, because their interests conflict' })
  @ApiResponse({ status: 201, type: KeptStatementDto })
  async exclude(@AuthenticatedCaller() caller: Caller, @Body() body: ExcludeDeciderDto): Promise<KeptStatementDto> {
    return kept(await this.consent.excludeDecider({ agency: caller.agency, exclusion: body.exclusion }));
  }
}

function kept({ recordedAt }: { readonly recordedAt?: Date | undefined }): KeptStatementDto {
  if (!recordedAt) throw new Error('consent answered without its time');
  return { recordedAt: recordedAt.toISOString() };
}
