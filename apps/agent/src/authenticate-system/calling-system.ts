import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

/** A system of an agency, known by its key: it acts for that agency and no other. */
export interface CallingSystem {
  readonly agency: ServedAgency;
  readonly system: string;
  /** The case worker at the screen, as the system names them; recorded with each look. */
  readonly worker: string | undefined;
}

export const systemOfRequest = Symbol('calling system');
export type AuthenticatedRequest = FastifyRequest & { [systemOfRequest]?: CallingSystem };

export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): CallingSystem => {
  const caller = context.switchToHttp().getRequest<AuthenticatedRequest>()[systemOfRequest];
  if (!caller) throw new Error('a route that needs a system has no guard');
  return caller;
});
