import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { agencyIdPattern, type AgencyId } from '#kernel';

import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsOptional,
  Matches,
  Max,
  Min,
} from 'class-validator';
import {
  Categories,
  ClientDto,
  CodeWord,
  Nested,
  OfficerDto,
  OptionalNested,
  OptionalText,
  OptionalUuid,
  PeriodDto,
} from '../describe-api/shared.dto.js';

const roles = ['self', 'custodian', 'guardian', 'representative', 'mandate'] as const;
const methods = ['oral-once', 'written', 'electronic'] as const;

export class DeciderDto {
  @ApiProperty({ enum: roles })
  @IsIn(roles)
  role: (typeof roles)[number];

  @OptionalNested(ClientDto, 'Who decided for the person')
  person?: ClientDto;

  @OptionalText('Reference of the mandate or order', 128)
  reference?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'When the right to decide was verified' })
  @IsOptional()
  @IsISO8601({ strict: true })
  verifiedAt?: string;
}

export class UsesDto {
  @ApiProperty({ enum: ['once', 'repeated'] })
  @IsIn(['once', 'repeated'])
  kind: 'once' | 'repeated';

  @ApiPropertyOptional({ description: 'With `repeated`: at most so many' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(10_000)
  max?: number;
}

export class RecordConsentDto {
  @Nested(ClientDto, 'Whose information')
  client: ClientDto;

  @OptionalNested(DeciderDto, 'Who decided; without it the person')
  decidedBy?: DeciderDto;

  @ApiPropertyOptional({ type: [String], description: 'Who may ask; without it this agency' })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(64)
  @ArrayUnique()
  @Matches(agencyIdPattern, { each: true })
  requesters?: AgencyId[];

  @ApiProperty({ type: [String], description: 'Who may disclose' })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(64)
  @ArrayUnique()
  @Matches(agencyIdPattern, { each: true })
  disclosers: AgencyId[];

  @Categories('Which information')
  categories: number[];

  @ApiProperty({ type: [String], description: 'For which purposes' })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(32)
  @ArrayUnique()
  @Matches(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, { each: true })
  purposes: string[];

  @OptionalNested(PeriodDto, 'Period of the data')
  dataPeriod?: PeriodDto;

  @OptionalNested(UsesDto, 'Without it any number until it ends')
  uses?: UsesDto;

  @ApiPropertyOptional({ format: 'date-time', description: 'Without it from now on' })
  @IsOptional()
  @IsISO8601({ strict: true })
  validFrom?: string;

  @ApiProperty({ format: 'date-time', description: 'Every consent has an end' })
  @IsISO8601({ strict: true })
  validUntil: string;

  @ApiProperty({ enum: methods })
  @IsIn(methods)
  method: (typeof methods)[number];

  @ApiPropertyOptional({ default: false })
  @IsOptional()
  @IsBoolean()
  interpreter: boolean = false;

  @ApiProperty({ description: 'Language in which it was explained, such as `fi` or `uk`' })
  @Matches(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$/)
  language: string;

  @CodeWord('Version of the notice that the person was given')
  noticeVersion: string;

  @OptionalText('What shows the consent; only a salted hash of it leaves the agency', 32_000)
  evidence?: string;

  @OptionalUuid('Of a consent of which this is the next version')
  consentId?: string;
}

export class WithdrawDto {
  @Nested(OfficerDto, 'Who took the withdrawal')
  officer: OfficerDto;

  @OptionalNested(ClientDto, 'Whose consent; needed for one that another agency collected')
  client?: ClientDto;
}

export class FindConsentsDto {
  @Nested(ClientDto, 'Whose consents. In the body, because addresses are written into logs.')
  client: ClientDto;
}

export class ConsentDto {
  @ApiProperty({ format: 'uuid' }) consentId: string;
  @ApiProperty() version: number;
  @ApiProperty({
    description: 'signed (on its way), recorded, withdrawing, withdrawn, refused; from the hub: active, expired …',
  })
  state: string;
  @ApiPropertyOptional() code?: string;
  @ApiProperty({ type: [Number] }) categories: number[];
  @ApiProperty({ type: [String] }) purposes: string[];
  @ApiProperty({ type: [String] }) requesters: string[];
  @ApiProperty({ type: [String] }) disclosers: string[];
  @ApiProperty({ format: 'date-time' }) validFrom: string;
  @ApiProperty({ format: 'date-time' }) validUntil: string;
  @ApiPropertyOptional({ format: 'date-time', description: 'Nothing is released after this instant' })
  effectiveAt?: string;
}

export class ConsentsDto {
  @ApiProperty({ type: [ConsentDto] }) consents: ConsentDto[];
}
