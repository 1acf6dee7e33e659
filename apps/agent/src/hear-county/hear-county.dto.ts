import { ApiPropertyOptional } from '@nestjs/swagger';
import type { AgencyId } from '#kernel';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsOptional, Matches, ValidateNested } from 'class-validator';
import { ClientDto, Nested, OfficerDto, OptionalAgency, OptionalDay, Text } from '../describe-api/shared.dto.js';

export class ConsultDto {
  @ApiPropertyOptional({ type: [ClientDto], description: 'Whom it concerns; nobody where it is about an agreement' })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(16)
  @ValidateNested({ each: true })
  @Type(() => ClientDto)
  clients: ClientDto[] = [];

  @Text('What the county is heard about', 1_000)
  necessity: string;

  @Text('Case number at the asking agency', 100)
  caseNumber: string;

  @Nested(OfficerDto, 'Who asks')
  officer: OfficerDto;

  @ApiPropertyOptional({
    description: 'Municipality of the agreement or placement, three digits',
    pattern: '^[0-9]{3}$',
  })
  @IsOptional()
  @Matches(/^[0-9]{3}$/)
  municipality?: string;

  @OptionalAgency('Instead of routing')
  recipient?: AgencyId;

  @OptionalDay('By when the answer is wished; five working days are agreed')
  deadline?: string;
}
