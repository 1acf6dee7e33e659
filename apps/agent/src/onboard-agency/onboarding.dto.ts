import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { AgencyId } from '#kernel';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { Agency } from '../describe-api/shared.dto.js';

export const keyUses = ['signing', 'receiving', 'client-auth', 'recovery'] as const;
export type KeyUse = (typeof keyUses)[number];

export class KeyDto {
  @ApiProperty({ enum: [...keyUses, 'pseudonym'] }) use: string;
  @ApiPropertyOptional({ description: 'RFC 7638 thumbprint' }) thumbprint?: string;
  @ApiPropertyOptional({ description: 'Of a pseudonym key' }) version?: number;
  @ApiProperty({ description: 'The newest of its use' }) current: boolean;
  @ApiProperty({ format: 'date-time' }) addedAt: string;
  @ApiPropertyOptional({ description: 'Where the log shows it in clear; without it nobody may rely on it' })
  leafIndex?: number;
  @ApiPropertyOptional({ format: 'date-time' }) usableFrom?: string;
  @ApiPropertyOptional({
    format: 'date-time',
    description: 'As the log says now: a newer key may have ended it earlier',
  })
  usableUntil?: string;
  @ApiPropertyOptional({ format: 'date-time' }) revokedAt?: string;
}

export class KeysDto {
  @ApiProperty() agency: string;
  @ApiPropertyOptional({
    description: 'Thumbprint of the first signing key, to be compared out of band with what the operator enters',
  })
  firstKeyThumbprint?: string;
  @ApiProperty({ type: [KeyDto] }) keys: KeyDto[];
}

export class ShareDto {
  @Agency('Agency that has been onboarded')
  agency: AgencyId;
}

export class SharedDto {
  @ApiProperty({ format: 'uuid' }) exchangeId: string;
  @ApiProperty({ format: 'uuid' }) messageId: string;
}

export class RotatePseudonymKeyDto {
  @ApiPropertyOptional({
    default: 86_400,
    description: 'After so many seconds all use it: time for every agency to be reached',
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(30 * 86_400)
  useAfterSeconds: number = 86_400;
}

export class RotatedPseudonymKeyDto {
  @ApiProperty() version: number;
  @ApiProperty({ format: 'date-time' }) useFrom: string;
  @ApiProperty({ type: [String], description: 'Agencies to which it is on its way' }) sharedWith: string[];
}
