import { Controller, Get, Inject, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import type { MailboxItem } from '#contracts';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { AuthenticatedCaller, type Caller } from '../authenticate-caller/caller.js';
import { type ExchangeClient, EXCHANGE } from '../infra/peers.js';
import { MailboxHeads } from '../infra/mailbox-heads.js';
import { MAX_BATCH } from '../submit-messages/submit-messages.dto.js';
import { whenGone } from './when-gone.js';
import type { FastifyReply } from 'fastify';
import { AgencyRoutes } from '../describe-api/open-api.js';

export class MailboxQuery {
  @ApiPropertyOptional({
    description: 'Last position that the agency has stored; acknowledges everything up to it',
    default: 0,
  })
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  after: number = 0;

  @ApiPropertyOptional({ description: 'Seconds to wait for new mail', default: 0, maximum: 25 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(25)
  wait: number = 0;
}

class MailboxMessageDto {
  @ApiProperty() manifest: string;
  @ApiProperty() outer: string;
}

class MailboxItemDto {
  @ApiProperty({ description: 'Position in the mailbox' }) number: number;
  @ApiPropertyOptional({ type: MailboxMessageDto }) message?: MailboxMessageDto;
  @ApiPropertyOptional({ description: 'Compact JWS by the outcome key' }) notice?: string;
}

class MailboxDto {
  @ApiProperty({ type: [MailboxItemDto] }) items: MailboxItemDto[];
  @ApiProperty({ description: 'Last position of the mailbox' }) head: number;
}

@AgencyRoutes('mailbox')
@Controller('v1/mailbox')
export class ReadMailboxController {
  constructor(
    @Inject(EXCHANGE) private readonly exchange: ExchangeClient,
    @Inject(MailboxHeads) private readonly heads: MailboxHeads,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Long poll: up to 64 sealed messages and notices after a position' })
  @ApiResponse({ status: 200, type: MailboxDto })
  async read(
    @AuthenticatedCaller() caller: Caller,
    @Query() query: MailboxQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MailboxDto> {
    const after = BigInt(query.after);
    let box = await this.exchange.readMailbox({ agency: caller.agency, after, limit: MAX_BATCH });
    if (box.items.length === 0 && query.wait > 0) {
      await this.heads.beyond(caller.agency, after, query.wait * 1000, whenGone(reply.raw));
      box = await this.exchange.readMailbox({ agency: caller.agency, after, limit: MAX_BATCH });
    }
    return { items: box.items.map(itemOf), head: Number(box.head) };
  }
}

function itemOf({ number, item }: MailboxItem): MailboxItemDto {
  const position = Number(number);
  switch (item?.$case) {
    case 'message':
      return { number: position, message: item.value };
    case 'notice':
      return { number: position, notice: item.value };
    case undefined:
      throw new Error('a mailbox item is neither message nor notice');
  }
}
