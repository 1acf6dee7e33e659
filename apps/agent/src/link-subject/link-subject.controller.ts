import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { LinkSubjectDto, ToldDto } from './link-subject.dto.js';
import { LinkSubject } from './link-subject.handler.js';

@ApiTags('clients')
@ApiBearerAuth()
@Controller('v1/clients/links')
export class LinkSubjectController {
  constructor(@Inject(LinkSubject) private readonly handler: LinkSubject) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'A later identity code joins an earlier number: consents under it hold for both' })
  @ApiResponse({ status: 200, type: ToldDto })
  async link(@Caller() { agency }: CallingSystem, @Body() body: LinkSubjectDto): Promise<ToldDto> {
    return this.handler.link(agency, body);
  }
}
