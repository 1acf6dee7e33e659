import { ApiPropertyOptional } from '@nestjs/swagger';
import type { AgencyId } from '#kernel';
import { IsOptional, Matches } from 'class-validator';
import {
  Categories,
  ClientDto,
  Nested,
  OfficerDto,
  OptionalAgency,
  OptionalNested,
  OptionalText,
  PeriodDto,
  Text,
} from '../describe-api/shared.dto.js';

export class OwnRequestDto {
  @Nested(ClientDto, 'Who asks for their own information')
  client: ClientDto;

  @Categories('What is asked for')
  categories: number[];

  @Text('How the client was identified', 200)
  identifiedBy: string;

  @OptionalText('In the client’s words', 1_000)
  wish?: string;

  @Text('Case number at this agency', 100)
  caseNumber: string;

  @Nested(OfficerDto, 'Who took the request')
  officer: OfficerDto;

  @OptionalNested(PeriodDto, 'Period of the data')
  period?: PeriodDto;

  @ApiPropertyOptional({ description: 'Home municipality of the client, three digits', pattern: '^[0-9]{3}$' })
  @IsOptional()
  @Matches(/^[0-9]{3}$/)
  municipality?: string;

  @OptionalAgency('Instead of routing')
  recipient?: AgencyId;
}
