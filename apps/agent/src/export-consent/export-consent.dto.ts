import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsObject, IsOptional, IsString, MaxLength } from 'class-validator';

const formats = ['jws', 'json-ld'] as const;
const LONGEST = 16 * 1024;

export class ExportQuery {
  @ApiPropertyOptional({
    enum: formats,
    default: 'json-ld',
    description: 'JSON-LD has the terms of DPV and the record as signed',
  })
  @IsOptional()
  @IsIn(formats)
  format: (typeof formats)[number] = 'json-ld';
}

export class ExportedConsentDto {
  @ApiPropertyOptional({ description: 'Compact JWS of the record' }) token?: string;
  @ApiPropertyOptional({ type: Object, description: 'JSON-LD with `kv:signedRecord`' }) document?: object;
}

export class ImportConsentDto {
  @ApiPropertyOptional({ description: 'Compact JWS of the record; this or `document`' })
  @IsOptional()
  @IsString()
  @MaxLength(LONGEST)
  token?: string;

  @ApiPropertyOptional({ type: Object, description: 'JSON-LD as exported' })
  @IsOptional()
  @IsObject()
  document?: Record<string, unknown>;
}

export class ImportedConsentDto {
  @ApiProperty({ format: 'uuid' }) consentId: string;
  @ApiProperty() version: number;
  @ApiProperty({ description: 'Whose signature it bears, by a key of the log' }) collectingAgency: string;
  @ApiProperty({
    description: 'Kept here, because this agency is a party. Whether it is in force is the hub’s to say.',
  })
  kept: boolean;
}
