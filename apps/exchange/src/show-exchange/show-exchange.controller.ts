import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { GetExchangeRequest, GetExchangeResponse } from '#contracts';
import { AppError, isAgencyId, isExchangeId } from '#kernel';
import { ShowExchange } from './show-exchange.query.js';

@Controller()
export class ShowExchangeController {
  constructor(@Inject(ShowExchange) private readonly exchanges: ShowExchange) {}

  @GrpcMethod('ExchangeService', 'getExchange')
  async get({ agency, exchangeId }: GetExchangeRequest): Promise<GetExchangeResponse> {
    if (!isAgencyId(agency) || !isExchangeId(exchangeId)) throw new AppError('MALFORMED');
    const found = await this.exchanges.show(agency, exchangeId);
    if (!found) throw new AppError('NOT_FOUND');
    return found;
  }
}
