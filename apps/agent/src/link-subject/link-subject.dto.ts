import { ApiProperty } from '@nestjs/swagger';
import { ClientDto, Nested, OfficerDto } from '../describe-api/shared.dto.js';

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
