import type Provider from 'oidc-provider';
import type { AppError } from '#kernel';
import { asAppError, type Logger } from '#platform';

const RETRY_AFTER_S = 2;

/**
 * oidc-provider answers everything that it did not expect with 500 and tells nobody. Here it is logged, and what passes by
 * itself (a database or directory that does not answer) is 503 with Retry-After, so that an agent comes again.
 */
export function answerFailures(provider: Provider, logger: Logger): void {
  const failures = new WeakMap<object, AppError>();
  provider.on('server_error', (ctx, error) => {
    const failure = asAppError(error);
    failures.set(ctx, failure);
    if (failure.code === 'INTERNAL') logger.error({ err: error }, 'request failed');
    else logger.warn({ err: error }, 'request put off');
  });
  provider.use(async (ctx, next) => {
    await next();
    const failure = failures.get(ctx);
    if (failure?.status !== 503) return;
    ctx.status = failure.status;
    ctx.set('retry-after', String(RETRY_AFTER_S));
    ctx.body = { error: 'temporarily_unavailable', error_description: failure.detail };
  });
}
