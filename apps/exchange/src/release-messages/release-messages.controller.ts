import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { ReleaseRequest, ReleaseResponse } from '#contracts';
import { AppError, isAgencyId } from '#kernel';
import { Backpressure } from '../infra/backpressure.js';
import { ReleaseMessages } from './release-messages.handler.js';

const MAX_ITEMS = 64;

@Controller()
export class ReleaseMessagesController {
  constructor(
    @Inject(ReleaseMessages) private readonly messages: ReleaseMessages,
    @Inject(Backpressure) private readonly backpressure: Backpressure,
  ) {}

  @GrpcMethod('ExchangeService', 'release')
  async release({ agency, items }: ReleaseRequest): Promise<ReleaseResponse> {
    if (!isAgencyId(agency)) throw new AppError('MALFORMED', undefined, { members: ['agency'] });
    if (items.length > MAX_ITEMS) throw new AppError('MALFORMED', `at most ${MAX_ITEMS} at once`);
    await this.backpressure.check();
    return { results: await this.messages.release(agency, items) };
  }
}
