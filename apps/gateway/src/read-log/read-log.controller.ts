import { Controller, Get, Header, Inject, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiProperty, ApiResponse } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';
import type { FastifyReply } from 'fastify';
import { Public } from '#platform';
import { AUDIT, type AuditClient } from '../infra/peers.js';
import { OpenRoutes } from '../describe-api/open-api.js';

export class RangeQuery {
  @ApiProperty({ description: 'First index' })
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  from: number;
  @ApiProperty({ description: 'Exclusive' })
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  to: number;
}

export class SizesQuery {
  @ApiProperty() @Type(() => Number) @IsInt() @Min(0) @Max(Number.MAX_SAFE_INTEGER) first: number;
  @ApiProperty() @Type(() => Number) @IsInt() @Min(0) @Max(Number.MAX_SAFE_INTEGER) second: number;
}

export class IndexQuery {
  @ApiProperty() @Type(() => Number) @IsInt() @Min(0) @Max(Number.MAX_SAFE_INTEGER) index: number;
}

export class FirstQuery {
  @ApiProperty({ description: 'Size of the older tree' })
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  first: number;
}

export class LeafQuery {
  @ApiProperty() @Type(() => Number) @IsInt() @Min(0) @Max(Number.MAX_SAFE_INTEGER) index: number;
  @ApiProperty() @Type(() => Number) @IsInt() @Min(1) @Max(Number.MAX_SAFE_INTEGER) size: number;
}

class EntriesDto {
  @ApiProperty({ type: [String], description: 'Base64 of the entries as the tree hashes them, at most 1,024' })
  entries: string[];
}

class ProofDto {
  @ApiProperty({ type: [String], description: 'Base64 SHA-256 hashes (RFC 6962)' }) hashes: string[];
}

class CheckpointDto {
  @ApiProperty({ description: 'C2SP signed checkpoint' }) checkpoint: string;
  @ApiProperty({ description: 'For information: trust the one that you configured by hand' }) verifierKey: string;
}

/** RFC 9052 §2: the object is a COSE_Sign1. */
const COSE_TYPE = 'application/cose; cose-type="cose-sign1"';
const binary = { 'application/cose': { schema: { type: 'string', format: 'binary' } } } as const;

const base64 = (bytes: Buffer): string => Buffer.from(bytes).toString('base64');

/** The log as anybody may see it: opaque leaves show no person, key leaves stand in clear. */
@Public()
@OpenRoutes('log')
@Controller('v1/log')
export class ReadLogController {
  constructor(@Inject(AUDIT) private readonly audit: AuditClient) {}

  @Get('checkpoint')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Newest checkpoint' })
  @ApiResponse({ status: 200, type: CheckpointDto })
  async checkpoint(): Promise<CheckpointDto> {
    return this.audit.getCheckpoint({});
  }

  @Get('entries')
  @ApiOperation({ summary: 'Entries of a range of indices' })
  @ApiResponse({ status: 200, type: EntriesDto })
  async entries(@Query() { from, to }: RangeQuery): Promise<EntriesDto> {
    const { entries } = await this.audit.getEntries({ from: BigInt(from), to: BigInt(to) });
    return { entries: entries.map(base64) };
  }

  @Get('consistency')
  @ApiOperation({ summary: 'Proof that a smaller tree is a prefix of a larger one' })
  @ApiResponse({ status: 200, type: ProofDto })
  async consistency(@Query() { first, second }: SizesQuery): Promise<ProofDto> {
    const { hashes } = await this.audit.getConsistencyProof({ first: BigInt(first), second: BigInt(second) });
    return { hashes: hashes.map(base64) };
  }

  @Get('inclusion')
  @ApiOperation({ summary: 'Proof that an entry is in the tree of a size' })
  @ApiResponse({ status: 200, type: ProofDto })
  async inclusion(@Query() { index, size }: LeafQuery): Promise<ProofDto> {
    const { hashes } = await this.audit.getInclusionProof({ index: BigInt(index), size: BigInt(size) });
    return { hashes: hashes.map(base64) };
  }

  @Get('receipts/inclusion')
  @ApiOperation({ summary: 'COSE receipt (RFC 9942) that an entry is in the newest tree' })
  @ApiProduces('application/cose')
  @ApiResponse({ status: 200, content: binary })
  async inclusionReceipt(@Query() { index }: IndexQuery, @Res() reply: FastifyReply): Promise<void> {
    const { receipt } = await this.audit.getInclusionReceipt({ index: BigInt(index) });
    await reply.type(COSE_TYPE).send(Buffer.from(receipt));
  }

  @Get('receipts/consistency')
  @ApiOperation({ summary: 'COSE receipt (RFC 9942) that the newest tree has grown from an older one' })
  @ApiProduces('application/cose')
  @ApiResponse({ status: 200, content: binary })
  async consistencyReceipt(@Query() { first }: FirstQuery, @Res() reply: FastifyReply): Promise<void> {
    const { receipt } = await this.audit.getConsistencyReceipt({ first: BigInt(first) });
    await reply.type(COSE_TYPE).send(Buffer.from(receipt));
  }
}
