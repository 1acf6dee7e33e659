import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, RouteOptions } from 'fastify';
import { AuthenticateCaller } from './authenticate-caller.js';
import { type AuthenticatedRequest, callerKey } from './caller.js';

/**
 * Routes that take more than the usual limit take it from authenticated callers only: token, proof and rate are judged when
 * the headers are there, before the first byte of the body is read. To be called before the routes are made.
 *
 * @param limits bytes of a body, by path
 */
export function largeBodiesOfCallers(app: NestFastifyApplication, limits: ReadonlyMap<string, number>): void {
  const authenticate = app.get(AuthenticateCaller);
  const onRequest = async (request: AuthenticatedRequest, reply: FastifyReply): Promise<void> => {
    request[callerKey] = await authenticate.caller(request, reply);
  };
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRoute', (route: RouteOptions) => {
      const limit = route.method === 'POST' ? limits.get(route.url) : undefined;
      if (limit === undefined) return;
      route.bodyLimit = limit;
      route.onRequest = [onRequest, ...[route.onRequest ?? []].flat()];
    });
}
