import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import type { MessageState } from '#contracts';
import { AppError, isExchangeId } from '#kernel';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { EXCHANGE, type ExchangeClient } from '../infra/peers.js';
import { AgencyRoutes } from '../describe-api/open-api.js';

class MessageStateDto {
  @ApiProperty() messageId: string;
  @ApiProperty() manifestHash: string;
  @ApiProperty() kind: string;
  @ApiProperty() sender: string;
  @ApiProperty() recipient: string;
  @ApiProperty() state: string;
  @ApiPropertyOptional() code?: string;
  @ApiPropertyOptional() at?: string;
  @ApiPropertyOptional() leafIndex?: number;
}

class ExchangeDto {
  @ApiProperty() exchangeId: string;
  @ApiProperty({ enum: ['open', 'answered', 'refused', 'expired', 'withdrawn', 'cancelled'] }) state: string;
  @ApiProperty() asker: string;
  @ApiProperty() holder: string;
  @ApiPropertyOptional() deadline?: string;
  @ApiPropertyOptional() openedAt?: string;
  @ApiProperty({ type: [MessageStateDto] }) messages: MessageStateDto[];
}

@AgencyRoutes('exchanges')
@Controller('v1/exchanges')
export class ReadExchangeController {
  constructor(@Inject(EXCHANGE) private readonly exchange: ExchangeClient) {}

  @Get(':id')
  @ApiOperation({ summary: 'State of an exchange in which the calling agency is a party' })
  @ApiResponse({ status: 200, type: ExchangeDto })
  async read(@AuthenticatedCaller() caller: Caller, @Param('id') id: string): Promise<ExchangeDto> {
    if (!isExchangeId(id)) throw new AppError('NOT_FOUND');
    const found = await this.exchange.getExchange({ agency: caller.agency, exchangeId: id });
    return {
      exchangeId: found.exchangeId,
      state: found.state,
      asker: found.asker,
      holder: found.holder,
      deadline: found.deadline?.toISOString(),
      openedAt: found.openedAt?.toISOString(),
      messages: found.messages.map(messageOf),
    };
  }
}

const messageOf = (message: MessageState): MessageStateDto => ({
  ...message,
  code: message.code === '' ? undefined : message.code,
  at: message.at?.toISOString(),
  leafIndex: message.leafIndex === undefined ? undefined : Number(message.leafIndex),
});
