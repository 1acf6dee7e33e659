import { Controller, Get, HttpCode, Inject, Param, ParseUUIDPipe, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { ExchangeId, MessageId } from '#kernel';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { ExchangeDto, ExchangesDto, ExchangesQuery, InboxDto, InboxItemDto, LooksDto } from './exchange.dto.js';
import { SeeExchanges } from './see-exchanges.handler.js';

const WorkerHeader = () =>
  ApiHeader({
    name: 'Kotovayla-Worker',
    required: false,
    description: 'The case worker at the screen; each look at content is recorded',
  });

@ApiTags('exchanges')
@ApiBearerAuth()
@Controller('v1')
export class SeeExchangesController {
  constructor(@Inject(SeeExchanges) private readonly handler: SeeExchanges) {}

  @Get('exchanges')
  @ApiOperation({ summary: 'Exchanges of this agency, last changed first, without content' })
  @ApiResponse({ status: 200, type: ExchangesDto })
  async list(@Caller() { agency }: CallingSystem, @Query() query: ExchangesQuery): Promise<ExchangesDto> {
    return this.handler.list(agency, query);
  }

  @Get('exchanges/:id')
  @WorkerHeader()
  @ApiOperation({ summary: 'One exchange as this agency sees it, with what was opened. The look is recorded.' })
  @ApiResponse({ status: 200, type: ExchangeDto })
  async show(@Caller() caller: CallingSystem, @Param('id', ParseUUIDPipe) id: ExchangeId): Promise<ExchangeDto> {
    return this.handler.show(caller, id);
  }

  @Get('exchanges/:id/looks')
  @ApiOperation({ summary: 'Who looked at the content of an exchange here, and when' })
  @ApiResponse({ status: 200, type: LooksDto })
  async looks(@Caller() { agency }: CallingSystem, @Param('id', ParseUUIDPipe) id: ExchangeId): Promise<LooksDto> {
    return this.handler.looks(agency, id);
  }

  @Get('inbox')
  @ApiOperation({ summary: 'Mail that waits: unopened, or opened and to be answered. Without content.' })
  @ApiResponse({ status: 200, type: InboxDto })
  async inbox(@Caller() { agency }: CallingSystem): Promise<InboxDto> {
    return this.handler.inbox(agency);
  }

  @Get('inbox/:messageId')
  @WorkerHeader()
  @ApiOperation({ summary: 'One message with its content and draft. The look is recorded.' })
  @ApiResponse({ status: 200, type: InboxItemDto })
  async message(
    @Caller() caller: CallingSystem,
    @Param('messageId', ParseUUIDPipe) messageId: MessageId,
  ): Promise<InboxItemDto> {
    return this.handler.message(caller, messageId);
  }

  @Post('inbox/:messageId/open')
  @HttpCode(202)
  @WorkerHeader()
  @ApiOperation({ summary: 'Open a message: ask for its one-time key, which becomes a log entry first' })
  @ApiResponse({ status: 202, description: 'On its way; see the message' })
  async open(@Caller() caller: CallingSystem, @Param('messageId', ParseUUIDPipe) messageId: MessageId): Promise<void> {
    await this.handler.open(caller, messageId);
  }
}
