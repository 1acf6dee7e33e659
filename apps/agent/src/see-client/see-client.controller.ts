import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { Page } from '../print-page/print-page.controller.js';
import { ClientViewDto, SeeClientDto } from './client-view.dto.js';
import { SeeClient } from './see-client.handler.js';

@ApiTags('clients')
@ApiBearerAuth()
@ApiHeader({
  name: 'Kotovayla-Worker',
  required: false,
  description: 'The case worker at the screen; each look is recorded',
})
@Controller('v1/clients/view')
export class SeeClientController {
  constructor(@Inject(SeeClient) private readonly handler: SeeClient) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary:
      'For a client whom this agency has identified: consents, uses, who asked, who got what and when, as far as it concerns this agency',
  })
  @ApiResponse({ status: 200, type: ClientViewDto })
  view(@Caller() caller: CallingSystem, @Body() body: SeeClientDto): Promise<ClientViewDto> {
    return this.handler.view(caller, body);
  }

  @Post('page')
  @HttpCode(200)
  @Page()
  @ApiOperation({ summary: 'The same as one page in the client’s language, to be printed' })
  @ApiResponse({ status: 200, type: String })
  page(@Caller() caller: CallingSystem, @Body() body: SeeClientDto): Promise<string> {
    return this.handler.page(caller, body);
  }
}
