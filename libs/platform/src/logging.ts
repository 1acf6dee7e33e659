import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Members that could hold a secret or a person, whatever a caller passes: removed before anything is written. */
const REDACTED = [
  'authorization',
  'dpop',
  'token',
  'manifest',
  'capsule',
  'outer',
  'content',
  'subject',
  'subjects',
  'identity',
  'jwk',
  'd',
  'password',
  'passphrase',
  'query',
  'parameters',
];

/**
 * Structured log lines on standard output. Log identifiers of messages, exchanges and agencies, codes and counts; never
 * content, identity codes, pseudonyms, tokens or keys.
 */
export const createLogger = (service: string, level = 'info'): Logger =>
  pino({
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: REDACTED.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), remove: true },
    serializers: { err: describeError, error: describeError },
  });

/** Type, code and stack. Messages of foreign errors may quote values (SQL details do), so only ours are kept. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const ours = error.name === 'AppError';
  const frames = error.stack?.split('\n').filter((line) => line.trimStart().startsWith('at ')) ?? [];
  return {
    type: error.name,
    code,
    message: ours ? error.message : withoutValues(error.message),
    stack: frames.slice(0, 8).join('\n'),
  };
}

/** Quoted and long digit strings are where values stand in error messages of libraries. */
const withoutValues = (message: string): string =>
  message
    .replaceAll(/"[^"]*"|'[^']*'|`[^`]*`/g, '"…"')
    .replaceAll(/\d{6}[-+A-FU-Y]\d{3}\w/g, '…')
    .slice(0, 300);

/** NestJS's own lines through the same logger. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: unknown): void {
    this.logger.debug({ context }, String(message));
  }
  warn(message: unknown, context?: unknown): void {
    this.logger.warn({ context }, String(message));
  }
  error(message: unknown, _stack?: unknown, context?: unknown): void {
    if (message instanceof Error) this.logger.error({ context, err: message }, 'error');
    else this.logger.error({ context }, withoutValues(String(message)));
  }
  debug(message: unknown, context?: unknown): void {
    this.logger.debug({ context }, String(message));
  }
  verbose(message: unknown, context?: unknown): void {
    this.logger.trace({ context }, String(message));
  }
  fatal(message: unknown, context?: unknown): void {
    this.logger.fatal({ context }, withoutValues(String(message)));
  }
}
