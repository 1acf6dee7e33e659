import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { ReadMailboxRequest, ReadMailboxResponse, WatchMailboxesResponse } from '#contracts';
import { AppError, isAgencyId } from '#kernel';
import { type Observable, map } from 'rxjs';
import { MailboxHeads } from './mailbox-heads.js';
import { ReadMailbox } from './read-mailbox.handler.js';

@Controller()
export class MailboxController {
  constructor(
    @Inject(ReadMailbox) private readonly mailbox: ReadMailbox,
    @Inject(MailboxHeads) private readonly heads: MailboxHeads,
  ) {}

  @GrpcMethod('ExchangeService', 'readMailbox')
  async read({ agency, after, limit }: ReadMailboxRequest): Promise<ReadMailboxResponse> {
    if (!isAgencyId(agency)) throw new AppError('MALFORMED', undefined, { members: ['agency'] });
    return this.mailbox.read(agency, after, limit);
  }

  @GrpcMethod('ExchangeService', 'watchMailboxes')
  watch(): Observable<WatchMailboxesResponse> {
    return this.heads.watch().pipe(map((heads) => ({ heads })));
  }
}
