import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiResponse } from '@nestjs/swagger';
import { IsString, Matches, MaxLength } from 'class-validator';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { AgencyRoutes } from '../describe-api/open-api.js';
import { CONSENT, type ConsentClient } from '../infra/peers.js';
import { consentDto, ListedConsentsDto } from '../manage-consents/manage-consents.controller.js';

const MAX_STATEMENT = 4 * 1024;

export class ShowAccountDto {
  @ApiProperty({ description: 'Pseudonym of the subject' })
  @Matches(/^p[1-9][0-9]{0,3}\.[A-Za-z0-9_-]{43}$/)
  subject: string;

  @ApiProperty({ description: 'Compact JWS by the calling agency: who was identified, how strongly and when' })
  @IsString()
  @MaxLength(MAX_STATEMENT)
  identification: string;
}

@AgencyRoutes('accounts')
@Controller('v1/accounts')
export class ShowAccountController {
  constructor(@Inject(CONSENT) private readonly consent: ConsentClient) {}

  /** A look, not a thing that comes to be; a POST, because what identifies a person belongs into no URL. */
  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: 'Every consent about a client who was strongly identified, every act and every use; each look is logged',
  })
  @ApiResponse({ status: 200, type: ListedConsentsDto })
  async show(@AuthenticatedCaller() caller: Caller, @Body() body: ShowAccountDto): Promise<ListedConsentsDto> {
    const { consents, links } = await this.consent.showAccount({ agency: caller.agency, ...body });
    return { consents: consents.map(consentDto), links };
  }
}
