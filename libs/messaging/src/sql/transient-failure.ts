import { type ErrorCode, AppError } from '#kernel';

/** Thrown by a handler whose work can succeed later unchanged: the batch comes again, nothing is held or parked. */
export class TransientFailure extends Error {
  override readonly name = 'TransientFailure';
}

const TRANSIENT_CODES: ReadonlySet<ErrorCode> = new Set([
  'UNAVAILABLE',
  'TIMEOUT',
  'DIRECTORY_STALE',
  'RATE_LIMITED',
] satisfies ErrorCode[]);

/**
 * SQLSTATEs (PostgreSQL, appendix A): connection exceptions, insufficient resources, shutdown, serialization failure,
 * deadlock, lock not available, idle-in-transaction time-out. Not 57014 (statement time-out): a message whose statement
 * never ends in time would block its partition for ever.
 */
const TRANSIENT_SQLSTATE = /^(08...|53...|57P0.|40001|40P01|55P03|25P03)$/;

const TRANSIENT_SYSTEM_ERRORS: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** gRPC DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED and UNAVAILABLE, of a call made by the handler. */
const TRANSIENT_GRPC: ReadonlySet<number> = new Set([4, 8, 14]);

/** What `pg` says without a code when its connection goes. */
const CONNECTION_LOST =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Query read timeout)/;

/** Whether trying the same again later can succeed, so that the message is not to blame. Looks through causes. */
export function isTransient(error: unknown): boolean {
  const seen = new Set<unknown>();
  for (let at: unknown = error; at instanceof Error && !seen.has(at); at = causeOf(at)) {
    seen.add(at);
    if (at instanceof TransientFailure) return true;
    if (at instanceof AppError) {
      if (TRANSIENT_CODES.has(at.code)) return true;
    } else if ('code' in at) {
      if (typeof at.code === 'number' && 'metadata' in at && TRANSIENT_GRPC.has(at.code)) return true;
      if (typeof at.code === 'string' && (TRANSIENT_SQLSTATE.test(at.code) || TRANSIENT_SYSTEM_ERRORS.has(at.code)))
        return true;
    }
    if (CONNECTION_LOST.test(at.message)) return true;
  }
  return false;
}

/** TypeORM keeps the database's error in `driverError`. */
const causeOf = (error: Error): unknown => ('driverError' in error ? error.driverError : error.cause);

/** What may stand in a table or a log line about a failure: a code or a class name, never a message that quotes values. */
export function failureCode(error: unknown): string {
  if (error instanceof AppError) return error.code;
  if (!(error instanceof Error)) return 'UNKNOWN';
  if ('code' in error && (typeof error.code === 'string' || typeof error.code === 'number')) return String(error.code);
  return error.name;
}
