import { createParamDecorator, type CustomDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { AgencyId } from '#kernel';
import type { FastifyRequest } from 'fastify';

/** Who calls: the agency of a verified, DPoP-bound access token. */
export interface Caller {
  readonly agency: AgencyId;
  /** `exchange` for an agency's systems, `audit` for its auditors, `supervise` for those of a supervising authority. */
  readonly scopes: readonly string[];
  /** What the auditor signed of this question (header `Audit-Look`), for audit to judge; empty where nothing came. */
  readonly look: string;
}

export type Scope = 'exchange' | 'audit';
export const NEEDED_SCOPE = 'kotovayla:scope';

/** Which of an agency's clients a route is for; without it for the agency's systems. */
export const ForScope = (scope: Scope): CustomDecorator => SetMetadata(NEEDED_SCOPE, scope);

export const callerKey = Symbol('caller');

export type AuthenticatedRequest = FastifyRequest & { [callerKey]?: Caller };

export const AuthenticatedCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const caller = context.switchToHttp().getRequest<AuthenticatedRequest>()[callerKey];
  if (!caller) throw new Error('a route that needs a caller has no guard');
  return caller;
});
