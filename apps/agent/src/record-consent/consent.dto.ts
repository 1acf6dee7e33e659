import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { type DeciderRole, deciderRoles, frequencyPeriods, type SubjectStanding, subjectStandings } from '#envelope';
import { agencyIdPattern, type AgencyId } from '#kernel';
import { Type } from 'class-transformer';
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
  ValidateNested,
} from 'class-validator';
import {
  all,
  Categories,
  ClientDto,
  CodeWord,
  Nested,
  OfficerDto,
  OptionalInstant,
  OptionalNested,
  OptionalText,
  OptionalUuid,
  PeriodDto,
} from '../describe-api/shared.dto.js';

/** It travels inside a sealed request, which holds 32 KiB. */
export const MAX_EVIDENCE = 8_000;

export const methods = ['oral-once', 'written', 'electronic'] as const;

export class DeciderDto {
  @ApiProperty({ enum: deciderRoles })
  @IsIn(deciderRoles)
  role: DeciderRole;

  @OptionalNested(ClientDto, 'Who decided for the person')
  person?: ClientDto;

  @OptionalText('Reference of the mandate or order', 128)
  reference?: string;

  @OptionalInstant('When the right to decide was verified; needed for everybody but the person')
  verifiedAt?: string;

  @OptionalInstant('From when the order or mandate no longer holds')
  validUntil?: string;

  @ApiPropertyOptional({ default: false, description: 'Agencies’ names are withheld in this decider’s views' })
  @IsOptional()
  @IsBoolean()
  namesWithheld?: boolean;
}

export class FrequencyDto {
  @ApiProperty()
  @IsInt()
  @Min(1)
  @Max(1_000)
  count: number;

  @ApiProperty({ enum: frequencyPeriods })
  @IsIn(frequencyPeriods)
  per: (typeof frequencyPeriods)[number];
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

  @OptionalNested(FrequencyDto, 'With `repeated`: at most so often in each period of time')
  frequency?: FrequencyDto;
}

export const Standing = (): PropertyDecorator =>
  all(
    ApiPropertyOptional({
      enum: subjectStandings,
      description: 'Computed from a henkilötunnus; stated where there is none',
    }),
    IsOptional(),
    IsIn(subjectStandings),
  );

export const Custody = (): PropertyDecorator =>
  all(
    ApiPropertyOptional({ enum: ['sole', 'joint'], description: 'Where custodians decide: one, or two together' }),
    IsOptional(),
    IsIn(['sole', 'joint']),
  );

export const Deciders = (description: string): PropertyDecorator =>
  all(
    ApiPropertyOptional({ type: [DeciderDto], description }),
    IsOptional(),
    IsArray(),
    ArrayMinSize(1),
    ArrayMaxSize(4),
    ValidateNested({ each: true }),
    Type(() => DeciderDto),
  );

export class RecordConsentDto {
  @Nested(ClientDto, 'Whose information')
  client: ClientDto;

  @Standing()
  standing?: SubjectStanding;

  @Deciders('Who decided; without it the person')
  deciders?: DeciderDto[];

  @Custody()
  custody?: 'sole' | 'joint';

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

  @OptionalText(
    'What shows the consent. The hub gets a salted hash of it, the discloser the whole, sealed.',
    MAX_EVIDENCE,
  )
  evidence?: string;

  @OptionalNested(OfficerDto, 'Who took it; whom the client calls')
  officer?: OfficerDto;

  @OptionalUuid('Of a consent of which this is the next version')
  consentId?: string;
}

export class FindConsentsDto {
  @Nested(ClientDto, 'Whose consents. In the body, because addresses are written into logs.')
  client: ClientDto;
}

export class GrantDto {
  @ApiProperty() category: number;
  @ApiProperty({ type: [String] }) disclosers: AgencyId[];
  @ApiProperty({ type: [String] }) recipients: AgencyId[];
}

export class WarningDto {
  @ApiProperty() category: number;
  @ApiProperty() discloser: AgencyId;
  @ApiProperty() recipient: AgencyId;
  @ApiProperty({ description: 'Gives the right without a consent: do not ask for what the law already gives' })
  provision: string;
  @ApiProperty({ description: 'False while nobody has compared the provision with the text of the law' })
  confirmed: boolean;
}

export class OpenedUseDto {
  @ApiProperty({ format: 'uuid' }) exchangeId: string;
  @ApiProperty() recipient: string;
  @ApiProperty({ format: 'date-time' }) usedAt: string;
}

export class ConsentDto {
  @ApiProperty({ format: 'uuid' }) consentId: string;
  @ApiProperty() version: number;
  @ApiProperty({
    description:
      'signed (on its way), recorded, withdrawing, refused; from the hub: active, suspended, withdrawn, revoked, expired …',
  })
  state: string;
  @ApiPropertyOptional() code?: string;
  @ApiProperty({ type: [Number] }) categories: number[];
  @ApiProperty({ type: [GrantDto], description: 'What the client said yes to' }) grants: GrantDto[];
  @ApiProperty({ type: [String] }) purposes: string[];
  @ApiProperty({ type: [String] }) requesters: string[];
  @ApiProperty({ type: [String] }) disclosers: string[];
  @ApiProperty({ format: 'date-time' }) validFrom: string;
  @ApiProperty({ format: 'date-time' }) validUntil: string;
  @ApiPropertyOptional({ format: 'date-time', description: 'Nothing is released after this instant' })
  effectiveAt?: string;
  @ApiPropertyOptional({
    type: [WarningDto],
    description: 'Of a record: what the law gives anyway',
  })
  warnings?: WarningDto[];
  @ApiPropertyOptional({
    type: [OpenedUseDto],
    description: 'Of a withdrawal: what had been opened on it, which cannot be recalled. Tell it to the client.',
  })
  opened?: OpenedUseDto[];
}

export class ConsentsDto {
  @ApiProperty({ type: [ConsentDto] }) consents: ConsentDto[];
}
