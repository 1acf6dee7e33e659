import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { type IdentifierType, identifierTypes } from '#envelope';
import { agencyIdPattern } from '#kernel';
import { type ClassConstructor, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsNotEmpty,
  IsOptional,
  IsString,
  IsUUID,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';

const LONGEST_NAME = 200;
const LONGEST_TEXT = 4_000;

/** A required text of at most so many characters. */
export const Text = (description: string, max: number = LONGEST_TEXT): PropertyDecorator =>
  all(ApiProperty({ description, maxLength: max }), IsString(), IsNotEmpty(), MaxLength(max));

export const OptionalText = (description: string, max: number = LONGEST_TEXT): PropertyDecorator =>
  all(ApiPropertyOptional({ description, maxLength: max }), IsOptional(), IsString(), IsNotEmpty(), MaxLength(max));

export const Nested = (of: ClassConstructor<object>, description: string): PropertyDecorator =>
  all(
    ApiProperty({ description, type: of }),
    IsNotEmpty(),
    ValidateNested(),
    Type(() => of),
  );

export const OptionalNested = (of: ClassConstructor<object>, description: string): PropertyDecorator =>
  all(
    ApiPropertyOptional({ description, type: of }),
    IsOptional(),
    ValidateNested(),
    Type(() => of),
  );

export const Categories = (description: string): PropertyDecorator =>
  all(
    ApiProperty({ description, type: [Number] }),
    IsArray(),
    ArrayMinSize(1),
    ArrayMaxSize(64),
    ArrayUnique(),
    IsInt({ each: true }),
    Min(1, { each: true }),
    Max(999, { each: true }),
  );

export const Agency = (description: string): PropertyDecorator =>
  all(ApiProperty({ description, pattern: agencyIdPattern.source }), Matches(agencyIdPattern));

export const OptionalAgency = (description: string): PropertyDecorator =>
  all(ApiPropertyOptional({ description, pattern: agencyIdPattern.source }), IsOptional(), Matches(agencyIdPattern));

export const OptionalUuid = (description: string): PropertyDecorator =>
  all(ApiPropertyOptional({ description, format: 'uuid' }), IsOptional(), IsUUID());

export const Day = (description: string): PropertyDecorator =>
  all(ApiProperty({ description, format: 'date' }), Matches(/^\d{4}-\d\d-\d\d$/), IsISO8601({ strict: true }));

export const OptionalDay = (description: string): PropertyDecorator =>
  all(
    ApiPropertyOptional({ description, format: 'date' }),
    IsOptional(),
    Matches(/^\d{4}-\d\d-\d\d$/),
    IsISO8601({ strict: true }),
  );

export const OptionalInstant = (description: string): PropertyDecorator =>
  all(ApiPropertyOptional({ description, format: 'date-time' }), IsOptional(), IsISO8601({ strict: true }));

export const Instant = (description: string): PropertyDecorator =>
  all(ApiProperty({ description, format: 'date-time' }), IsISO8601({ strict: true }));

export const CodeWord = (description: string): PropertyDecorator =>
  all(ApiProperty({ description }), Matches(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/));

export const OptionalCodeWord = (description: string): PropertyDecorator =>
  all(ApiPropertyOptional({ description }), IsOptional(), Matches(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/));

export function all(...decorators: PropertyDecorator[]): PropertyDecorator {
  return (target, property) => {
    for (const decorate of decorators) decorate(target, property);
  };
}

export class ClientDto {
  @ApiProperty({ enum: identifierTypes })
  @IsIn(identifierTypes)
  type: IdentifierType;

  @Text('The identifier: a henkilötunnus, Migri’s customer number …', 64)
  value: string;

  @OptionalText('Told to the other agency beside the identifier', LONGEST_NAME)
  name?: string;

  @ApiPropertyOptional({ description: 'Has a turvakielto: told inside the sealed part, and narrows what is answered' })
  @IsOptional()
  @IsBoolean()
  protected?: boolean;
}

export class OfficerDto {
  @Text('Name of the official', LONGEST_NAME)
  name: string;

  @Text('Title', LONGEST_NAME)
  title: string;

  @Text('Unit', LONGEST_NAME)
  unit: string;

  @OptionalText('Telephone, told to the other agency', 40)
  telephone?: string;
}

export class PeriodDto {
  @Day('First day of the data asked for')
  from: string;

  @Day('Last day')
  to: string;
}

export class BasisDto {
  @ApiProperty({ type: [Number] }) categories: number[];
  @ApiProperty({ description: 'Provisions on which each side processes' }) processing: {
    sender: string;
    recipient: string;
  };
  @ApiProperty({ description: 'statute {id, version} or consent {id, version}' }) secrecyLift: object;
}

export class OpenedExchangeDto {
  @ApiProperty({ format: 'uuid' }) exchangeId: string;
  @ApiProperty({ format: 'uuid' }) messageId: string;
  @ApiProperty() recipient: string;
  @ApiProperty({ type: [Number] }) categories: number[];
  @ApiProperty({ type: [BasisDto], description: 'Chosen by the agent: a statute first, else a consent' })
  basis: BasisDto[];
}
