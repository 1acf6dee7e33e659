import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { ToldDto } from '../link-subject/link-subject.dto.js';
import { ExcludeDeciderDto } from './exclude-decider.dto.js';
import { ExcludeDecider } from './exclude-decider.handler.js';

@ApiTags('clients')
@ApiBearerAuth()
@Controller('v1/clients/exclusions')
export class ExcludeDeciderController {
  constructor(@Inject(ExcludeDecider) private readonly handler: ExcludeDecider) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Somebody may not decide for a client: refused here at once, and everywhere by the hub' })
  @ApiResponse({ status: 200, type: ToldDto })
  async exclude(@Caller() { agency }: CallingSystem, @Body() body: ExcludeDeciderDto): Promise<ToldDto> {
    return this.handler.exclude(agency, body);
  }
}
