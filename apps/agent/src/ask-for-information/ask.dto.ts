import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { AgencyId, ConsentId } from '#kernel';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsIn,
  IsISO8601,
  IsOptional,
  Matches,
  ValidateNested,
} from 'class-validator';
import {
  BasisDto,
  Categories,
  ClientDto,
  CodeWord,
  Nested,
  OfficerDto,
  OpenedExchangeDto,
  OptionalAgency,
  OptionalCodeWord,
  OptionalDay,
  OptionalNested,
  OptionalText,
  OptionalUuid,
  PeriodDto,
  Text,
} from '../describe-api/shared.dto.js';

const urgencies = ['urgent', 'normal', 'consultation'] as const;
const openings = ['on-arrival', 'by-hand'] as const;

export class AskDto {
  @OptionalNested(ClientDto, 'About whom; this or `clients`')
  client?: ClientDto;

  @ApiPropertyOptional({ type: [ClientDto], description: 'A family in one message; each needs a basis of their own' })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(16)
  @ValidateNested({ each: true })
  @Type(() => ClientDto)
  clients?: ClientDto[];

  @Categories('Numbers of the information categories')
  categories: number[];

  @CodeWord('Purpose of the catalogue, such as `plan`')
  purpose: string;

  @Text('Why each of it is necessary', 1_000)
  necessity: string;

  @Text('Case number at the asking agency', 100)
  caseNumber: string;

  @Nested(OfficerDto, 'Who asks')
  officer: OfficerDto;

  @ApiPropertyOptional({ enum: urgencies, default: 'normal', description: '`consultation` hears the county' })
  @IsOptional()
  @IsIn(urgencies)
  urgency?: (typeof urgencies)[number];

  @OptionalDay('By when the answer is wished; the hub decides the real deadline')
  deadline?: string;

  @OptionalNested(PeriodDto, 'Period of the data')
  period?: PeriodDto;

  @ApiPropertyOptional({ description: 'Home municipality of the client, three digits', pattern: '^[0-9]{3}$' })
  @IsOptional()
  @Matches(/^[0-9]{3}$/)
  municipality?: string;

  @OptionalCodeWord('Duty by which to route; without it each category’s own')
  duty?: string;

  @OptionalCodeWord('Client group by which to route')
  clientGroup?: string;

  @OptionalAgency('Instead of routing')
  recipient?: AgencyId;

  @OptionalUuid('Consent to rest on where no statute gives the right')
  consentId?: ConsentId;

  @ApiPropertyOptional({
    enum: openings,
    description: '`by-hand` keeps answers sealed until they are opened by a call',
  })
  @IsOptional()
  @IsIn(openings)
  opening?: (typeof openings)[number];

  @ApiPropertyOptional({ format: 'date-time', description: 'Nothing may be opened after this instant' })
  @IsOptional()
  @IsISO8601({ strict: true })
  expiresAt?: string;
}

class LookFirstDto {
  @ApiProperty() category: number;
  @ApiProperty({ description: 'Koto-AJ, Kelmu, VTJ' }) system: string;
}

class ReasonDto {
  @ApiProperty({ description: 'Stable error code' }) code: string;
  @ApiPropertyOptional({ description: 'Rule that gave it' }) rule?: string;
  @ApiPropertyOptional() detail?: string;
  @ApiPropertyOptional() category?: number;
}

class CheckedExchangeDto {
  @ApiProperty() recipient: string;
  @ApiProperty({ type: [Number] }) categories: number[];
  @ApiProperty({ description: 'False: it would be refused, so do not send it' }) allowed: boolean;
  @ApiProperty({ type: [ReasonDto], description: 'All reasons' }) reasons: ReasonDto[];
  @ApiProperty({ type: [BasisDto], description: 'On what it would rest' }) basis: BasisDto[];
  @ApiProperty({ description: 'It rests on a consent that the law makes needless' }) consentNeedless: boolean;
  @ApiProperty({ type: [LookFirstDto], description: 'Where to look before asking' }) firstLook: LookFirstDto[];
}

export class CheckedDto {
  @ApiProperty({ type: [CheckedExchangeDto], description: 'One a recipient' }) exchanges: CheckedExchangeDto[];
}

export class AskedDto {
  @ApiProperty({ type: [OpenedExchangeDto], description: 'One a recipient' })
  exchanges: OpenedExchangeDto[];
}

export class ClarifyReplyDto {
  @Text('What was asked back, made clear')
  clarification: string;

  @OptionalText('In place of the earlier one', 1_000)
  necessity?: string;

  @OptionalNested(OfficerDto, 'In place of the earlier one')
  officer?: OfficerDto;

  @OptionalNested(PeriodDto, 'In place of the earlier one')
  period?: PeriodDto;
}

export class ForwardDto {
  @OptionalAgency('Another than the one that was named')
  recipient?: AgencyId;
}
