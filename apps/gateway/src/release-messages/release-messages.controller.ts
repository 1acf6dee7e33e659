import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import type { Receipt, ReleaseResult } from '#contracts';
import { AppError, isErrorCode, problemOf } from '#kernel';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsInt,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { EXCHANGE, type ExchangeClient } from '../infra/peers.js';
import { ProblemDto } from '../describe-api/problem.dto.js';
import { MAX_BATCH } from '../submit-messages/submit-messages.dto.js';
import { AgencyRoutes } from '../describe-api/open-api.js';

/** A batch waits for permits, the log's commit and up to 64 openings. */
const RELEASE_DEADLINE_MS = 8_000;

const MAX_REQUEST_CHARACTERS = 4_096;
/** One item of a post, its members' names included. */
export const MAX_RELEASE_BYTES = MAX_REQUEST_CHARACTERS + 128;

class ReleaseItemDto {
  @ApiProperty({ description: 'Compact JWS by the recipient, at most 60 s old' })
  @IsString()
  @MaxLength(MAX_REQUEST_CHARACTERS)
  releaseRequest: string;

  @ApiProperty({ description: 'Size of the last checkpoint that the recipient has verified' })
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  seenSize: number;
}

export class ReleaseMessagesDto {
  @ApiProperty({ type: [ReleaseItemDto], minItems: 1, maxItems: MAX_BATCH })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_BATCH)
  @ValidateNested({ each: true })
  @Type(() => ReleaseItemDto)
  releases: ReleaseItemDto[];
}

class ReceiptDto {
  @ApiProperty() leafIndex: number;
  @ApiProperty({ type: [String], description: 'Base64, from the leaf’s sibling upwards' }) inclusionProof: string[];
  @ApiProperty({ description: 'C2SP signed checkpoint' }) checkpoint: string;
  @ApiPropertyOptional({ description: 'Base64url; what the leaf says of the entry’s places, to recompute the leaf' })
  places?: string;
  @ApiProperty({ description: 'Compact JWE to the recipient: body, commitment key, content key' }) opening: string;
}

class ReleasedDto {
  @ApiProperty({ type: ReceiptDto }) receipt: ReceiptDto;
  @ApiProperty({ type: [String], description: 'Base64, from seenSize to the checkpoint' }) consistencyProof: string[];
}

class ReleaseResultDto {
  @ApiPropertyOptional({ type: ReleasedDto }) released?: ReleasedDto;
  @ApiPropertyOptional({ type: ProblemDto, description: 'With `final`: whether it can never be released again' })
  refused?: ProblemDto;
}

class ReleaseResultsDto {
  @ApiProperty({ type: [ReleaseResultDto], description: 'In the order of the request' }) results: ReleaseResultDto[];
}

@AgencyRoutes('releases')
@Controller('v1/releases')
export class ReleaseMessagesController {
  constructor(@Inject(EXCHANGE) private readonly exchange: ExchangeClient) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Ask for the one-time keys of 1 to 64 delivered messages; each becomes a log entry first.' })
  @ApiResponse({ status: 200, type: ReleaseResultsDto })
  async release(@AuthenticatedCaller() caller: Caller, @Body() body: ReleaseMessagesDto): Promise<ReleaseResultsDto> {
    const items = body.releases.map(({ releaseRequest, seenSize }) => ({ releaseRequest, seenSize: BigInt(seenSize) }));
    const { results } = await this.exchange.release(
      { agency: caller.agency, items },
      { deadlineMs: RELEASE_DEADLINE_MS },
    );
    return { results: results.map(resultOf) };
  }
}

function resultOf({ result }: ReleaseResult): ReleaseResultDto {
  switch (result?.$case) {
    case 'released': {
      const { receipt, consistencyProof } = result.value;
      if (!receipt) throw new Error('a release without a receipt');
      return { released: { receipt: receiptOf(receipt), consistencyProof: consistencyProof.map(base64) } };
    }
    case 'refused': {
      const { code, detail, final } = result.value;
      const error = new AppError(isErrorCode(code) ? code : 'INTERNAL', detail === '' ? undefined : detail, { final });
      return { refused: problemOf(error) };
    }
    case undefined:
      throw new Error('a release result is neither released nor refused');
  }
}

const base64 = (bytes: Buffer): string => Buffer.from(bytes).toString('base64');

const receiptOf = (receipt: Receipt): ReceiptDto => ({
  leafIndex: Number(receipt.leafIndex),
  inclusionProof: receipt.inclusionProof.map(base64),
  checkpoint: receipt.checkpoint,
  ...(receipt.places.length > 0 && { places: Buffer.from(receipt.places).toString('base64url') }),
  opening: receipt.opening,
});
