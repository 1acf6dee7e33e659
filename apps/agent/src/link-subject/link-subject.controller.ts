import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { ClientDto, Nested, OfficerDto } from '../describe-api/shared.dto.js';
import { LinkSubject } from './link-subject.handler.js';

export class LinkSubjectDto {
  @Nested(ClientDto, 'The client by the identifier that holds now, as a rule a henkilötunnus')
  client: ClientDto;

  @Nested(ClientDto, 'The same person by the earlier one, such as Migri’s customer number')
  earlier: ClientDto;

  @Nested(OfficerDto, 'Who established that both name one person')
  officer: OfficerDto;
}

export class ToldDto {
  @ApiProperty({ enum: ['told', 'signed'], description: '`signed`: the hub is away, it is told later' }) state: string;
}

@ApiTags('clients')
@ApiBearerAuth()
@Controller('v1/clients/links')
export class LinkSubjectController {
  constructor(@Inject(LinkSubject) private readonly handler: LinkSubject) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'A later identity code joins an earlier number: consents under it hold for both' })
  @ApiResponse({ status: 200, type: ToldDto })
  async link(@Caller() { agency }: CallingSystem, @Body() body: LinkSubjectDto): Promise<ToldDto> {
    return this.handler.link(agency, body);
  }
}
