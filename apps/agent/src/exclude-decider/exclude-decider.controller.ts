import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { ClientDto, Nested, OfficerDto } from '../describe-api/shared.dto.js';
import { ToldDto } from '../link-subject/link-subject.controller.js';
import { ExcludeDecider } from './exclude-decider.handler.js';

export class ExcludeDeciderDto {
  @Nested(ClientDto, 'For whom somebody else would decide')
  client: ClientDto;

  @Nested(ClientDto, 'Who may not, because of a conflict of interest')
  decider: ClientDto;

  @Nested(OfficerDto, 'Who found the conflict')
  officer: OfficerDto;
}

@ApiTags('clients')
@ApiBearerAuth()
@Controller('v1/clients/exclusions')
export class ExcludeDeciderController {
  constructor(@Inject(ExcludeDecider) private readonly handler: ExcludeDecider) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Somebody may not decide for a client: refused here at once, and everywhere by the hub' })
  @ApiResponse({ status: 200, type: ToldDto })
  async exclude(@Caller() { agency }: CallingSystem, @Body() body: ExcludeDeciderDto): Promise<ToldDto> {
    return this.handler.exclude(agency, body);
  }
}
