import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type {
  DiscardParkedRequest,
  DiscardParkedResponse,
  ListParkedRequest,
  ListParkedResponse,
  RetryParkedRequest,
  RetryParkedResponse,
} from '#contracts';
import { unwrap } from '#kernel';
import { ParkedMessages } from '#messaging';

const MAX_LISTED = 500;

/** The operator's side of what could not be processed. */
@Controller()
export class ParkedController {
  constructor(@Inject(ParkedMessages) private readonly parked: ParkedMessages) {}

  @GrpcMethod('ExchangeService', 'listParked')
  async list({ limit }: ListParkedRequest): Promise<ListParkedResponse> {
    const messages = await this.parked.listParked(Math.min(limit || MAX_LISTED, MAX_LISTED));
    return {
      messages: messages.map(({ id, topic, exchangeId, failure, attempts, parkedAt }) => ({
        id,
        topic,
        exchangeId,
        errorCode: failure,
        attempts,
        parkedAt,
      })),
    };
  }

  @GrpcMethod('ExchangeService', 'retryParked')
  async retry({ id }: RetryParkedRequest): Promise<RetryParkedResponse> {
    unwrap(await this.parked.retryParked(id));
    return {};
  }

  @GrpcMethod('ExchangeService', 'discardParked')
  async discard({ id, reason }: DiscardParkedRequest): Promise<DiscardParkedResponse> {
    unwrap(await this.parked.discardParked(id, reason));
    return {};
  }
}
