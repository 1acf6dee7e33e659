import { type ArgumentsHost, Catch, type ExceptionFilter, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError, isAgencyId } from '#kernel';
import { LOGGER, type Logger, ProblemFilter } from '#platform';
import { refusedPage } from './account-page.js';
import { ACCOUNT_PATH } from './account-path.js';

/** Whoever sits at a browser gets a page with the code and a way on; everybody else problem+json. */
@Catch()
export class RefusedPageFilter extends ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) logger: Logger) {
    super(logger);
  }

  override catch(exception: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const { agency } = request.params as { agency?: unknown };
    const reply = http.getResponse<FastifyReply>();
    void reply.header('cache-control', 'no-store');
    const wantsPage = request.headers.accept?.includes('text/html') === true;
    if (!wantsPage || !(exception instanceof AppError) || !isAgencyId(agency)) return super.catch(exception, host);
    void reply
      .status(exception.status)
      .header('content-type', 'text/html; charset=utf-8')
      .header(
        'content-security-policy',
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      )
      .send(refusedPage(exception.code, `/${ACCOUNT_PATH}/${agency}/login`));
  }
}
