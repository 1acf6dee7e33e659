import { ApiProperty } from '@nestjs/swagger';
import type { AgencyId, ConsentId } from '#kernel';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsInt, IsObject, ValidateNested } from 'class-validator';
import {
  Agency,
  ClientDto,
  CodeWord,
  Nested,
  OfficerDto,
  OptionalDay,
  OptionalText,
  OptionalUuid,
  Text,
} from '../describe-api/shared.dto.js';

export class ReferralItemDto {
  @ApiProperty()
  @IsInt()
  category: number;

  @ApiProperty({ type: Object, description: 'Fits the category’s JSON Schema' })
  @IsObject()
  content: Record<string, unknown>;

  @OptionalDay('As of when; today without it')
  asOf?: string;

  @OptionalText('Register that it comes from', 120)
  source?: string;
}

export class ReferDto {
  @Nested(ClientDto, 'Who is referred')
  client: ClientDto;

  @Agency('To whom')
  recipient: AgencyId;

  @CodeWord('Purpose of the catalogue, such as `guidance`')
  purpose: string;

  @Text('Why the client is referred', 2_000)
  reason: string;

  @Text('Case number at this agency', 100)
  caseNumber: string;

  @Nested(OfficerDto, 'Who refers')
  officer: OfficerDto;

  @ApiProperty({ type: [ReferralItemDto], description: 'What goes along' })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(16)
  @ValidateNested({ each: true })
  @Type(() => ReferralItemDto)
  items: ReferralItemDto[];

  @OptionalUuid('Consent to rest on where no statute gives the right')
  consentId?: ConsentId;
}
