import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiResponse } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsString, MaxLength } from 'class-validator';
import { Public } from '#platform';
import { DIRECTORY, type DirectoryClient } from '../infra/peers.js';
import { OpenRoutes } from '../describe-api/open-api.js';

const MAX_RECORD = 4_096;

export class PublishKeysDto {
  @ApiProperty({
    type: [String],
    description: 'Compact JWS key records, the signing key first',
    minItems: 1,
    maxItems: 16,
  })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(16)
  @IsString({ each: true })
  @MaxLength(MAX_RECORD, { each: true })
  records: string[];
}

export class RevokeKeyDto {
  @ApiProperty({ description: 'Compact JWS revocation by the signing or the recovery key' })
  @IsString()
  @MaxLength(MAX_RECORD)
  revocation: string;
}

class PublishedKeysDto {
  @ApiProperty({ type: [String] }) kids: string[];
}

class RevokedKeyDto {
  @ApiProperty() revokedAt: string;
}

/** Records prove themselves by their signatures: a first key by the thumbprint that the operator compared out of band. */
@Public()
@OpenRoutes('keys')
@Controller('v1')
export class OnboardAgencyController {
  constructor(@Inject(DIRECTORY) private readonly directory: DirectoryClient) {}

  @Post('onboarding/keys')
  @ApiOperation({ summary: 'Publish key records of an agency; each becomes a leaf of the log in clear' })
  @ApiResponse({ status: 201, type: PublishedKeysDto })
  async publish(@Body() body: PublishKeysDto): Promise<PublishedKeysDto> {
    return this.directory.publishKeys({ records: body.records });
  }

  @Post('keys/revocations')
  @HttpCode(200)
  @ApiOperation({ summary: 'Revoke a key at once' })
  @ApiResponse({ status: 200, type: RevokedKeyDto })
  async revoke(@Body() body: RevokeKeyDto): Promise<RevokedKeyDto> {
    const { revokedAt } = await this.directory.revokeKey({ revocation: body.revocation });
    if (!revokedAt) throw new Error('the directory answered without a time');
    return { revokedAt: revokedAt.toISOString() };
  }
}
