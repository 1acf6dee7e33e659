import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { ConsentNoticeStore } from '../infra/consent-notice-store.js';

export class ConsentNoticesQuery {
  @ApiProperty({ required: false, default: 100 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(500)
  limit = 100;
}

class ConsentNoticeDto {
  @ApiProperty({ description: 'Type of the log’s entry, such as `consent-withdrawn` or `consent-ending`' })
  type: string;
  @ApiProperty() consentId: string;
  @ApiProperty({ description: '0 of a proposal' }) version: number;
  @ApiProperty({ description: 'Afterwards' }) state: string;
  @ApiProperty({ description: 'Pseudonym of the person' }) subject: string;
  @ApiProperty({ required: false, description: 'The agency that told it; none where the hub noticed it by itself' })
  by?: string;
  @ApiProperty() at: string;
}

class ConsentNoticesDto {
  @ApiProperty({ type: [ConsentNoticeDto] }) notices: ConsentNoticeDto[];
}

@ApiTags('consents')
@ApiBearerAuth()
@Controller('v1/consent-notices')
export class SeeConsentNoticesController {
  constructor(@Inject(ConsentNoticeStore) private readonly store: ConsentNoticeStore) {}

  @Get()
  @ApiOperation({ summary: 'What happened to consents of which this agency is a party, newest first' })
  @ApiResponse({ status: 200, type: ConsentNoticesDto })
  async list(@Caller() { agency }: CallingSystem, @Query() query: ConsentNoticesQuery): Promise<ConsentNoticesDto> {
    const notices = await this.store.list(agency.id, query.limit);
    return { notices: notices.map(({ v: _v, eventId: _event, ...notice }) => notice) };
  }
}
