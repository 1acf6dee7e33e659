import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { AgencyId } from '#kernel';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import {
  CodeWord,
  Nested,
  OfficerDto,
  OptionalAgency,
  OptionalDay,
  OptionalText,
  Text,
} from '../describe-api/shared.dto.js';

export class RefusalDto {
  @ApiPropertyOptional({ description: 'Without it: every category that is not decided yet' })
  @IsOptional()
  @IsInt()
  category?: number;

  @CodeWord('Reason of the catalogue, such as `not-disclosed`. Its words are the catalogue’s.')
  reason: string;

  @ApiPropertyOptional({ type: [String], description: 'Provisions, where not the reason’s own' })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(8)
  @IsString({ each: true })
  @MaxLength(64, { each: true })
  provisions?: string[];

  @OptionalAgency('With `not-holder`: who is')
  holder?: AgencyId;
}

class DecisionDto {
  @Nested(OfficerDto, 'Who decides, by name, title and unit')
  person: OfficerDto;

  @OptionalText('Case number at this agency', 100)
  caseNumber?: string;
}

export class ApproveDto extends DecisionDto {
  @ApiPropertyOptional({ type: [Number], description: 'Without it: every category that has a draft' })
  @IsOptional()
  @IsArray()
  @ArrayUnique()
  @IsInt({ each: true })
  categories?: number[];

  @ApiPropertyOptional({ type: [RefusalDto], description: 'Categories that are refused in the same answer' })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(64)
  @ValidateNested({ each: true })
  @Type(() => RefusalDto)
  refusals?: RefusalDto[];
}

export class RefuseDto extends DecisionDto {
  @ApiProperty({ type: [RefusalDto] })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(64)
  @ValidateNested({ each: true })
  @Type(() => RefusalDto)
  refusals: RefusalDto[];
}

const outcomes = ['given', 'no-record'] as const;

export class AnswerItemDto {
  @ApiProperty()
  @IsInt()
  category: number;

  @ApiProperty({ enum: outcomes })
  @IsIn(outcomes)
  outcome: (typeof outcomes)[number];

  @ApiPropertyOptional({ type: Object, description: 'With `given`: fits the category’s JSON Schema' })
  @IsOptional()
  @IsObject()
  content?: Record<string, unknown>;

  @OptionalDay('As of when; today without it')
  asOf?: string;

  @OptionalText('Register that it comes from', 120)
  source?: string;
}

export class AnswerDto extends DecisionDto {
  @ApiProperty({ type: [AnswerItemDto] })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(64)
  @ValidateNested({ each: true })
  @Type(() => AnswerItemDto)
  items: AnswerItemDto[];
}

export class AskBackDto {
  @Nested(OfficerDto, 'Who asks back')
  person: OfficerDto;

  @Text('What has to be made clear; nothing about the person beyond the request', 2_000)
  question: string;
}

export class ReplyStateDto {
  @ApiProperty({ enum: ['due', 'decided', 'sent', 'closed'], description: '`decided`: complete, on its way' })
  reply: string;
  @ApiPropertyOptional({ format: 'date-time', description: 'Refusals that must tell nothing wait for this moment' })
  notBefore?: string;
  @ApiProperty({ type: [Number], description: 'Categories that still wait for a decision' }) undecided: number[];
}
