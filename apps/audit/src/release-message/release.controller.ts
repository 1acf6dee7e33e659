import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { AuditServiceReleaseRequest, AuditServiceReleaseResponse } from '#contracts';
import { AppError } from '#kernel';
import { ReleaseHandler } from './release.handler.js';

const maxItems = 64;

@Controller()
export class ReleaseController {
  constructor(@Inject(ReleaseHandler) private readonly handler: ReleaseHandler) {}

  @GrpcMethod('AuditService', 'release')
  async release({ items }: AuditServiceReleaseRequest): Promise<AuditServiceReleaseResponse> {
    if (items.length > maxItems) throw new AppError('MALFORMED', `at most ${maxItems} releases at once`);
    return { results: await this.handler.release(items) };
  }
}
