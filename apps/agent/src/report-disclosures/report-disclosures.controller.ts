import { Body, Controller, Header, HttpCode, Inject, Post, StreamableFile } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import {
  DisclosureReportDto,
  RefuseReportDto,
  ReportDisclosuresDto,
  ReportRefusedDto,
} from './report-disclosures.dto.js';
import { ReportDisclosures } from './report-disclosures.handler.js';

@ApiTags('clients')
@ApiBearerAuth()
@ApiHeader({ name: 'Kotovayla-Worker', required: false, description: 'Who gives the report; stands in the log' })
@Controller('v1/clients/disclosure-report')
export class ReportDisclosuresController {
  constructor(@Inject(ReportDisclosures) private readonly handler: ReportDisclosures) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary:
      'For a client whom this agency has identified: who processed, to whom it was disclosed, on what basis, when. That it was given is logged.',
  })
  @ApiResponse({ status: 200, type: DisclosureReportDto })
  report(@Caller() caller: CallingSystem, @Body() body: ReportDisclosuresDto): Promise<DisclosureReportDto> {
    return this.handler.report(caller, body);
  }

  @Post('pdf')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiProduces('application/pdf')
  @ApiOperation({ summary: 'The same as a tagged PDF in the client’s language' })
  @ApiResponse({ status: 200, schema: { type: 'string', format: 'binary' } })
  async pdf(@Caller() caller: CallingSystem, @Body() body: ReportDisclosuresDto): Promise<StreamableFile> {
    return new StreamableFile(await this.handler.pdf(caller, body), {
      type: 'application/pdf',
      disposition: 'attachment; filename="disclosure-report.pdf"',
    });
  }

  @Post('refusal')
  @HttpCode(200)
  @ApiOperation({ summary: 'Refuse a client’s report on a ground of the law; the ground stands in the log' })
  @ApiResponse({ status: 200, type: ReportRefusedDto })
  refuse(@Caller() caller: CallingSystem, @Body() body: RefuseReportDto): Promise<ReportRefusedDto> {
    return this.handler.refuse(caller, body);
  }
}
