import { applyDecorators, Controller, Get, Header, Inject, Param, ParseUUIDPipe, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiProduces, ApiPropertyOptional, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { ConsentId } from '#kernel';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { PrintPage } from './print-page.handler.js';

export class PageQuery {
  @ApiPropertyOptional({
    description:
      'Which of the deciders reads it, from 0. Without it agencies are named only if every decider may see them.',
  })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(3)
  decider?: number;
}

/** A page of HTML that runs nothing and loads nothing. @param forms where its forms may lead, as CSP's form-action has it */
export const Page = (forms: "'none'" | "'self'" = "'none'"): MethodDecorator =>
  applyDecorators(
    Header('content-type', 'text/html; charset=utf-8'),
    Header(
      'content-security-policy',
      `default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action ${forms}; frame-ancestors 'none'`,
    ),
    Header('cache-control', 'no-store'),
    ApiProduces('text/html'),
  );

@ApiTags('consents')
@ApiBearerAuth()
@Controller('v1/consents')
export class PrintPageController {
  constructor(@Inject(PrintPage) private readonly handler: PrintPage) {}

  @Get('proposals/:id/page')
  @Page()
  @ApiOperation({ summary: 'The proposal as one page in the client’s language, to be answered on paper' })
  @ApiResponse({ status: 200, type: String })
  proposal(
    @Caller() { agency }: CallingSystem,
    @Param('id', ParseUUIDPipe) id: ConsentId,
    @Query() { decider }: PageQuery,
  ): Promise<string> {
    return this.handler.proposal(agency, id, decider);
  }

  @Get(':id/page')
  @Page()
  @ApiOperation({ summary: 'What was agreed to as one page in the client’s language, with whom to call to withdraw' })
  @ApiResponse({ status: 200, type: String })
  agreed(
    @Caller() { agency }: CallingSystem,
    @Param('id', ParseUUIDPipe) id: ConsentId,
    @Query() { decider }: PageQuery,
  ): Promise<string> {
    return this.handler.agreed(agency, id, decider);
  }
}
