import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { AgencyId } from '#kernel';
import type { FastifyRequest } from 'fastify';

/** Who calls: the agency of a verified, DPoP-bound access token. */
export interface Caller {
  readonly agency: AgencyId;
  /** `exchange` for every agency, `supervise` for a supervising authority. */
  readonly scopes: readonly string[];
}

export const callerKey = Symbol('caller');

export type AuthenticatedRequest = FastifyRequest & { [callerKey]?: Caller };

export const AuthenticatedCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const caller = context.switchToHttp().getRequest<AuthenticatedRequest>()[callerKey];
  if (!caller) throw new Error('a route that needs a caller has no guard');
  return caller;
});
