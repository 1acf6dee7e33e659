import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import { AppError } from '#kernel';
import { catchError, type Observable } from 'rxjs';
import { type AuthenticatedRequest, callerKey } from '../authenticate-caller/caller.js';
import { RefusalLog } from './refusal-log.js';

/** Logs what an authenticated caller was refused, whichever route, shape or rule it was about. */
@Injectable()
export class RefusalInterceptor implements NestInterceptor {
  constructor(@Inject(RefusalLog) private readonly refusals: RefusalLog) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const caller = context.switchToHttp().getRequest<AuthenticatedRequest>()[callerKey];
    if (!caller) return next.handle();
    return next.handle().pipe(
      catchError(async (error: unknown): Promise<never> => {
        if (error instanceof AppError && isRefusal(error)) await this.refusals.record(caller.agency, [error]);
        throw error;
      }),
    );
  }
}

/** The caller's fault. That it came too often says nothing about what it wanted. */
const isRefusal = ({ status, code }: AppError): boolean => status < 500 && code !== 'RATE_LIMITED';
