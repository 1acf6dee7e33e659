import {
  type ArgumentsHost,
  BadRequestException,
  Catch,
  type ExceptionFilter,
  HttpException,
  ValidationPipe,
} from '@nestjs/common';
import { AppError, type ErrorCode, problemOf } from '#kernel';
import type { ValidationError } from 'class-validator';
import type { FastifyReply } from 'fastify';
import { asAppError } from './grpc.js';
import type { Logger } from './logging.js';

/** Seconds after which a caller may try again when a part is down. */
const RETRY_AFTER_S = 2;

/** Every error at an HTTP edge as problem+json (RFC 9457) with a stable code and without the value that was refused. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const error = toAppError(exception);
    if (error.code === 'INTERNAL') this.logger.error({ err: exception }, 'request failed');
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (error.status === 503 || error.status === 429) {
      const seconds = error.details['retryAfter'] ?? RETRY_AFTER_S;
      void reply.header('retry-after', String(seconds));
    }
    void reply.status(error.status).header('content-type', 'application/problem+json').send(problemOf(error));
  }
}

function toAppError(exception: unknown): AppError {
  if (exception instanceof AppError) return exception;
  if (exception instanceof HttpException) return new AppError(codeOfStatus(exception.getStatus()));
  // Fastify's own refusals: body too large, unsupported media type, malformed JSON.
  if (exception instanceof Error && 'statusCode' in exception && typeof exception.statusCode === 'number')
    return new AppError(codeOfStatus(exception.statusCode));
  return asAppError(exception);
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return 'UNAUTHENTICATED';
  if (status === 403) return 'FORBIDDEN';
  if (status === 404 || status === 405) return 'NOT_FOUND';
  if (status === 413) return 'CONTENT_TOO_LARGE';
  if (status === 429) return 'RATE_LIMITED';
  if (status === 503) return 'UNAVAILABLE';
  return status < 500 ? 'MALFORMED' : 'INTERNAL';
}

/** class-validator at an HTTP edge: unknown members are refused, the names of the wrong ones are told, values never. */
export const requestValidation = (): ValidationPipe =>
  new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    transform: true,
    validationError: { target: false, value: false },
    exceptionFactory: (errors: ValidationError[]) =>
      errors.length === 0
        ? new BadRequestException()
        : new AppError('MALFORMED', undefined, { members: errors.flatMap((e) => paths(e)) }),
  });

const paths = (error: ValidationError, above = ''): string[] => {
  const path = above === '' ? error.property : `${above}.${error.property}`;
  return error.children?.length ? error.children.flatMap((child) => paths(child, path)) : [path];
};
