import { Controller, Get, Inject, Param, ParseUUIDPipe, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';
import { whoAsks } from '../audit-entries/who-asks.js';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { AgencyRoutes, ForAuditors, SignedLook } from '../describe-api/open-api.js';
import { AUDIT, type AuditClient } from '../infra/peers.js';

export class TransferQuery {
  @ApiPropertyOptional({ default: 0 }) @Type(() => Number) @IsInt() @Min(0) @Max(Number.MAX_SAFE_INTEGER) from: number =
    0;
}

class StatementDto {
  @ApiProperty({ description: 'Such as manifest, release-request, permit, consent' }) kind: string;
  @ApiProperty({ description: 'Compact JWS' }) token: string;
}

class EvidencedEntryDto {
  @ApiProperty() leafIndex: number;
  @ApiProperty({ description: 'Canonical JSON of the entry’s body' }) body: string;
  @ApiProperty({ description: 'Base64; opens the leaf’s commitment' }) commitmentKey: string;
  @ApiPropertyOptional({ description: 'Base64; what the leaf says of the entry’s places' }) places?: string;
  @ApiProperty({ type: [StatementDto], description: 'Signed statements that the body names by their hashes' })
  evidence: StatementDto[];
}

class TransferDto {
  @ApiProperty({ type: [EvidencedEntryDto] }) entries: EvidencedEntryDto[];
  @ApiPropertyOptional({ description: 'First index of the next page' }) next?: number;
}

@AgencyRoutes('audit')
@ForAuditors()
@Controller('v1/audit/transfers')
export class ShowTransferController {
  constructor(@Inject(AUDIT) private readonly audit: AuditClient) {}

  @Get(':exchangeId')
  @SignedLook()
  @ApiOperation({
    summary:
      'The opened entries of one exchange and of the consents that it names, with the signed statements behind them: for its parties and supervising authorities. The query is logged.',
  })
  @ApiResponse({ status: 200, type: TransferDto })
  async show(
    @AuthenticatedCaller() caller: Caller,
    @Param('exchangeId', ParseUUIDPipe) exchangeId: string,
    @Query() query: TransferQuery,
  ): Promise<TransferDto> {
    const { entries, next } = await this.audit.showTransfer({
      ...whoAsks(caller),
      exchangeId,
      from: BigInt(query.from),
    });
    return {
      entries: entries.flatMap(({ entry, evidence }) =>
        entry === undefined
          ? []
          : [
              {
                leafIndex: Number(entry.leafIndex),
                body: entry.body,
                commitmentKey: Buffer.from(entry.commitmentKey).toString('base64'),
                ...(entry.places.length > 0 && { places: Buffer.from(entry.places).toString('base64') }),
                evidence: evidence.map(({ kind, token }) => ({ kind, token })),
              },
            ],
      ),
      next: next === 0n ? undefined : Number(next),
    };
  }
}
