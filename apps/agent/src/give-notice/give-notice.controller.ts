import { Controller, Get, Inject } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { dayInHelsinki } from '#calendar';
import type { Clock } from '#kernel';
import { CLOCK } from '#platform';
import { noticeSummary } from '../ask-for-consent/ask-for-consent.handler.js';
import { NoticesDto } from '../ask-for-consent/proposal.dto.js';
import { Notices } from './notices.js';

@ApiTags('consents')
@ApiBearerAuth()
@Controller('v1/notices')
export class GiveNoticeController {
  constructor(
    @Inject(Notices) private readonly notices: Notices,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Languages in which clients are asked, with the notice in force' })
  @ApiResponse({ status: 200, type: NoticesDto })
  list(): NoticesDto {
    return { notices: this.notices.current(dayInHelsinki(this.clock.now())).map(noticeSummary) };
  }
}
