import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiResponse } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { AgencyRoutes } from '../describe-api/open-api.js';
import { CONSENT, type ConsentClient } from '../infra/peers.js';

const MAX_CONTEXT = 16 * 1024;

export class AskBasisDto {
  @ApiProperty({ description: 'JSON of the context that the message would have; it is not signed' })
  @IsString()
  @MaxLength(MAX_CONTEXT)
  context: string;
}

class ReasonDto {
  @ApiProperty() code: string;
  @ApiProperty({ description: 'Rule that gave it: see docs/decision-rules.md' }) rule: string;
}

class BasisAnswerDto {
  @ApiProperty({ description: 'Now; at the release it is decided again' }) allowed: boolean;
  @ApiProperty({ type: [ReasonDto], description: 'All reasons against; none when it would be allowed' })
  reasons: ReasonDto[];
  @ApiProperty({ description: 'A provision lifts the secrecy for which a consent is named: do not ask for it' })
  consentNeedless: boolean;
}

@AgencyRoutes('consents')
@Controller('v1/basis-checks')
export class AskBasisController {
  constructor(@Inject(CONSENT) private readonly consent: ConsentClient) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: 'Would a message of this context be allowed? Asked by its sender or recipient; logged, and limited by day',
  })
  @ApiResponse({ status: 200, type: BasisAnswerDto })
  async ask(@AuthenticatedCaller() caller: Caller, @Body() body: AskBasisDto): Promise<BasisAnswerDto> {
    return this.consent.askBasis({ agency: caller.agency, contextJson: body.context });
  }
}
