import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { PUBLIC } from '#platform';
import type { FastifyReply } from 'fastify';
import { AgencyRateLimit } from '../limit-rate/agency-rate-limit.js';
import { AuthenticateCaller } from './authenticate-caller.js';
import { type AuthenticatedRequest, callerKey } from './caller.js';

/** Every route but the public ones knows its caller before its handler. */
@Injectable()
export class CallerGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(AuthenticateCaller) private readonly authenticate: AuthenticateCaller,
    @Inject(AgencyRateLimit) private readonly rate: AgencyRateLimit,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC, [context.getHandler(), context.getClass()])) {
      await this.rate.take(`address ${request.ip}`);
      return true;
    }
    // Known already where the route takes large bodies.
    request[callerKey] ??= await this.authenticate.caller(request, context.switchToHttp().getResponse<FastifyReply>());
    return true;
  }
}
