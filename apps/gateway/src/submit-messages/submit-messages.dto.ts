import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsString, MaxLength, ValidateNested } from 'class-validator';
import { ProblemDto } from '../describe-api/problem.dto.js';

export const MAX_BATCH = 64;
/** Manifest, capsule and outer of one message together (design: Attachments and large bodies). */
export const MAX_MESSAGE_BYTES = 128 * 1024;

export class SealedMessageDto {
  @ApiProperty({ description: 'Compact JWS by the sender: context, hash of outer, hash of capsule' })
  @IsString()
  @MaxLength(MAX_MESSAGE_BYTES)
  manifest: string;

  @ApiProperty({ description: 'Compact JWE to the release key' })
  @IsString()
  @MaxLength(MAX_MESSAGE_BYTES)
  capsule: string;

  @ApiProperty({ description: 'Compact JWE under the content key' })
  @IsString()
  outer: string;
}

export class SubmitMessagesDto {
  @ApiProperty({ type: [SealedMessageDto], minItems: 1, maxItems: MAX_BATCH })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_BATCH)
  @ValidateNested({ each: true })
  @Type(() => SealedMessageDto)
  messages: SealedMessageDto[];
}

export class SubmissionDto {
  @ApiPropertyOptional() messageId?: string;
  @ApiPropertyOptional({ description: 'Name of the message: SHA-256 of the manifest’s signing input' })
  manifestHash?: string;
  @ApiProperty({ enum: ['submitted', 'refused'] }) status: 'submitted' | 'refused';
  @ApiPropertyOptional({ type: ProblemDto }) problem?: ProblemDto;
}

export class SubmissionsDto {
  @ApiProperty({ type: [SubmissionDto], description: 'In the order of the request' }) messages: SubmissionDto[];
}
