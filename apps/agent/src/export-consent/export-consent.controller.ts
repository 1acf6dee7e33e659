import { Body, Controller, Get, HttpCode, Inject, Param, ParseUUIDPipe, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { ConsentId } from '#kernel';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { ExportedConsentDto, ExportQuery, ImportConsentDto, ImportedConsentDto } from './export-consent.dto.js';
import { ExportConsent } from './export-consent.handler.js';

@ApiTags('consents')
@ApiBearerAuth()
@Controller('v1/consents')
export class ExportConsentController {
  constructor(@Inject(ExportConsent) private readonly handler: ExportConsent) {}

  @Get(':id/export')
  @ApiOperation({ summary: 'A consent as its collector signed it, for a client file or an auditor' })
  @ApiResponse({ status: 200, type: ExportedConsentDto })
  export(
    @Caller() { agency }: CallingSystem,
    @Param('id', ParseUUIDPipe) id: ConsentId,
    @Query() query: ExportQuery,
  ): Promise<ExportedConsentDto> {
    return this.handler.export(agency, id, query);
  }

  @Post('import')
  @HttpCode(200)
  @ApiOperation({ summary: 'Take an exported consent, verified by its collector’s key in the log' })
  @ApiResponse({ status: 200, type: ImportedConsentDto })
  import(@Caller() { agency }: CallingSystem, @Body() body: ImportConsentDto): Promise<ImportedConsentDto> {
    return this.handler.import(agency, body);
  }
}
