import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsISO8601, IsInt, IsOptional, IsString, IsUUID, Matches, Max, MaxLength, Min } from 'class-validator';
import type { BoundaryEntry, EntryFilter, OpenedEntry, PlaceOpening } from '#contracts';
import { agencyIdPattern } from '#kernel';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { AUDIT, type AuditClient } from '../infra/peers.js';
import { AgencyRoutes, ForAuditors, SignedLook } from '../describe-api/open-api.js';
import { LookQuery, WORKER, whoAsks } from './who-asks.js';

const MAX_PAGE = 500;

const optionalText = (pattern: RegExp) => (target: object, property: string) => {
  ApiPropertyOptional({ pattern: pattern.source })(target, property);
  IsOptional()(target, property);
  Matches(pattern)(target, property);
};

export class EntriesQuery extends LookQuery {
  @ApiPropertyOptional({ default: 0 }) @Type(() => Number) @IsInt() @Min(0) @Max(Number.MAX_SAFE_INTEGER) from: number =
    0;
  @ApiPropertyOptional({ default: 100 }) @Type(() => Number) @IsInt() @Min(1) @Max(MAX_PAGE) limit: number = 100;
  @ApiPropertyOptional({ description: 'Of the page before, with the same question' })
  @IsOptional()
  @Matches(/^[A-Za-z0-9_-]{1,512}$/)
  cursor?: string;
  /** A party. */
  @optionalText(agencyIdPattern) agency?: string;
  @optionalText(WORKER) worker?: string;
  @optionalText(/^p[1-9][0-9]{0,3}\.[A-Za-z0-9_-]{43}$/) subject?: string;
  @ApiPropertyOptional() @IsOptional() @Type(() => Number) @IsInt() @Min(1) @Max(999) category?: number;
  @optionalText(/^[\p{L}\p{N}][\p{L}\p{N}./:§_-]{0,63}$/u) basis?: string;
  @optionalText(/^[a-z][a-z-]{0,63}$/) type?: string;
  @optionalText(/^[A-Z][A-Z0-9_]{0,63}$/) code?: string;
  @ApiPropertyOptional({ format: 'date-time', description: 'Logged from then on' })
  @IsOptional()
  @IsISO8601({ strict: true })
  loggedFrom?: string;
  @ApiPropertyOptional({ format: 'date-time', description: 'Logged before then' })
  @IsOptional()
  @IsISO8601({ strict: true })
  loggedUntil?: string;
  @ApiPropertyOptional({ format: 'uuid' }) @IsOptional() @IsUUID() exchangeId?: string;
  @ApiPropertyOptional({ format: 'uuid' }) @IsOptional() @IsUUID() messageId?: string;
}

class PlaceDto {
  @ApiProperty({ description: 'An agency, or a subject’s pseudonym' }) chain: string;
  @ApiProperty({ description: 'From 1 without gaps' }) number: number;
  @ApiPropertyOptional({ description: 'Leaf of the chain’s entry before it' }) previous?: number;
  @ApiProperty({ description: 'Base64url' }) link: string;
  @ApiProperty({ format: 'date-time' }) loggedAt: string;
  @ApiProperty({ description: 'Base64url' }) salt: string;
  @ApiProperty({ type: [String], description: 'Base64url; commitments of the entry’s other places' }) others: string[];
}

export class OpenedEntryDto {
  @ApiProperty() leafIndex: number;
  @ApiProperty({ description: 'Canonical JSON of the entry’s body' }) body: string;
  @ApiProperty({ description: 'Base64; opens the leaf’s commitment' }) commitmentKey: string;
  @ApiPropertyOptional({ description: 'Base64; what the leaf says of the entry’s places' }) places?: string;
  @ApiPropertyOptional({ type: PlaceDto, description: 'Its place in the answer’s chain' }) place?: PlaceDto;
}

class BoundaryEntryDto {
  @ApiProperty() leafIndex: number;
  @ApiProperty({ description: 'Base64; as the tree hashes it' }) entry: string;
  @ApiProperty({ type: PlaceDto }) place: PlaceDto;
}

class ErasedEntryDto {
  @ApiProperty() leafIndex: number;
  @ApiProperty() number: number;
}

class OpenedEntriesDto {
  @ApiProperty({ type: [OpenedEntryDto] }) entries: OpenedEntryDto[];
  @ApiPropertyOptional({ description: 'First index of the next page' }) next?: number;
  @ApiPropertyOptional({
    description: 'For the next page, which sees the log as the first one did. A page may be short and yet have a next.',
  })
  cursor?: string;
  @ApiProperty({ description: 'The entry of this search itself' }) searchLeaf: number;
  @ApiPropertyOptional({
    description:
      'The chain of which all entries of the time are asked for: what is needed to check that none was left out is here',
  })
  chain?: string;
  @ApiPropertyOptional({ type: BoundaryEntryDto, description: 'The chain’s entry before the first page' })
  before?: BoundaryEntryDto;
  @ApiPropertyOptional({ type: BoundaryEntryDto, description: 'The chain’s entry after the last page' })
  after?: BoundaryEntryDto;
  @ApiProperty({ type: [ErasedEntryDto], description: 'The chain’s entries whose bodies were erased' })
  erased: ErasedEntryDto[];
}

export class MismatchDto {
  @ApiProperty({ description: 'Compact JWS by the recipient' })
  @IsString()
  @MaxLength(4_096)
  mismatch: string;
}

class MismatchReportedDto {
  @ApiProperty() leafIndex: number;
}

@AgencyRoutes('audit')
@Controller('v1')
export class AuditEntriesController {
  constructor(@Inject(AUDIT) private readonly audit: AuditClient) {}

  @Get('audit/entries')
  @ForAuditors()
  @SignedLook()
  @ApiOperation({
    summary: 'Opened log entries: one’s own agency’s, or all for a supervising authority. The query is logged.',
  })
  @ApiResponse({ status: 200, type: OpenedEntriesDto })
  async entries(@AuthenticatedCaller() caller: Caller, @Query() query: EntriesQuery): Promise<OpenedEntriesDto> {
    const found = await this.audit.searchEntries({
      ...whoAsks(caller, query),
      from: BigInt(query.from),
      limit: query.limit,
      cursor: query.cursor ?? '',
      filter: filterOf(query),
    });
    return {
      entries: found.entries.map(openedEntryOf),
      ...(found.next !== 0n && { next: Number(found.next) }),
      ...(found.cursor !== '' && { cursor: found.cursor }),
      searchLeaf: Number(found.searchLeaf),
      ...(found.chain !== '' && { chain: found.chain }),
      ...boundary('before', found.before),
      ...boundary('after', found.after),
      erased: found.erased.map(({ leafIndex, number }) => ({ leafIndex: Number(leafIndex), number: Number(number) })),
    };
  }

  @Post('mismatches')
  @HttpCode(200)
  @ApiOperation({ summary: 'Report that what was sealed inside differs from what was released' })
  @ApiResponse({ status: 200, type: MismatchReportedDto })
  async mismatch(@AuthenticatedCaller() caller: Caller, @Body() body: MismatchDto): Promise<MismatchReportedDto> {
    const { leafIndex } = await this.audit.reportMismatch({ agency: caller.agency, mismatch: body.mismatch });
    return { leafIndex: Number(leafIndex) };
  }
}

const filterOf = (query: EntriesQuery): EntryFilter => ({
  agency: query.agency ?? '',
  worker: query.worker ?? '',
  subject: query.subject ?? '',
  category: query.category ?? 0,
  basis: query.basis ?? '',
  type: query.type ?? '',
  code: query.code ?? '',
  loggedFrom: query.loggedFrom === undefined ? undefined : new Date(query.loggedFrom),
  loggedUntil: query.loggedUntil === undefined ? undefined : new Date(query.loggedUntil),
  exchangeId: query.exchangeId ?? '',
  messageId: query.messageId ?? '',
});

export const openedEntryOf = ({ leafIndex, body, commitmentKey, places, place }: OpenedEntry): OpenedEntryDto => ({
  leafIndex: Number(leafIndex),
  body,
  commitmentKey: Buffer.from(commitmentKey).toString('base64'),
  ...(places.length > 0 && { places: Buffer.from(places).toString('base64') }),
  ...(place && { place: placeOf(place) }),
});

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

const placeOf = ({ chain, number, previous, link, loggedAt, salt, others }: PlaceOpening): PlaceDto => ({
  chain,
  number: Number(number),
  ...(previous !== undefined && { previous: Number(previous) }),
  link: base64url(link),
  loggedAt: loggedAt?.toISOString() ?? '',
  salt: base64url(salt),
  others: others.map(base64url),
});

const boundary = <K extends string>(name: K, bound: BoundaryEntry | undefined): { [key in K]?: BoundaryEntryDto } =>
  bound?.place
    ? ({
        [name]: {
          leafIndex: Number(bound.leafIndex),
          entry: Buffer.from(bound.entry).toString('base64'),
          place: placeOf(bound.place),
        },
      } as { [key in K]?: BoundaryEntryDto })
    : {};
