import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { PUBLIC } from '#platform';
import type { FastifyReply } from 'fastify';
import { AgencyRateLimit } from '../limit-rate/agency-rate-limit.js';
import { RefusalLog } from '../log-refusals/refusal-log.js';
import { AuthenticateCaller, insufficientScope } from './authenticate-caller.js';
import { type AuthenticatedRequest, callerKey, NEEDED_SCOPE, type Scope } from './caller.js';

/** Every route but the public ones knows its caller before its handler, and that it is the client that the route is for. */
@Injectable()
export class CallerGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(AuthenticateCaller) private readonly authenticate: AuthenticateCaller,
    @Inject(AgencyRateLimit) private readonly rate: AgencyRateLimit,
    @Inject(RefusalLog) private readonly refusals: RefusalLog,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC, [context.getHandler(), context.getClass()])) {
      await this.rate.take(`address ${request.ip}`);
      return true;
    }
    // Known already where the route takes large bodies.
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const caller = (request[callerKey] ??= await this.authenticate.caller(request, reply));
    const needed =
      this.reflector.getAllAndOverride<Scope | undefined>(NEEDED_SCOPE, [context.getHandler(), context.getClass()]) ??
      'exchange';
    if (caller.scopes.includes(needed)) return true;
    const refused = insufficientScope(reply, needed);
    await this.refusals.record(caller.agency, [refused]);
    throw refused;
  }
}
