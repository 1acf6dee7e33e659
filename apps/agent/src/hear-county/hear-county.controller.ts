import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { AskedDto } from '../ask-for-information/ask.dto.js';
import { AskForInformation } from '../ask-for-information/ask-for-information.handler.js';
import { shownExchange } from '../ask-for-information/show-exchange.js';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { ConsultDto } from './hear-county.dto.js';

/** Information category of placement and consultation (design page 5, table of categories). */
const PLACEMENT = 15;

/** Consultation of the county (hyvinvointialueen kuuleminen): a procedure of its own, no basis; about an agreement it names nobody. */
@ApiTags('asking')
@ApiBearerAuth()
@Controller('v1/consultations')
export class HearCountyController {
  constructor(@Inject(AskForInformation) private readonly handler: AskForInformation) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({
    summary: 'Hear the county, or be the county that hears a municipality, about an agreement or persons',
  })
  @ApiResponse({ status: 202, type: AskedDto })
  async consult(@Caller() { agency }: CallingSystem, @Body() body: ConsultDto): Promise<AskedDto> {
    const opened = await this.handler.ask(agency, {
      ...body,
      categories: [PLACEMENT],
      purpose: 'consultation',
      urgency: 'consultation',
    });
    return { exchanges: opened.map(shownExchange) };
  }
}
