import { type ArgumentsHost, Catch, type RpcExceptionFilter } from '@nestjs/common';
import { type CustomStrategy, type GrpcOptions, Transport } from '@nestjs/microservices';
import {
  type ChannelCredentials,
  type ClientOptions,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { AppError, isErrorCode } from '#kernel';
import { type Observable, throwError } from 'rxjs';
import { isTransientDatabaseError } from './database.js';
import type { Logger } from './logging.js';
import { type CallSigner, SERVICE_CALL } from './service-calls.js';

/** Every call between services ends within this time (design: Calls between services). */
export const CALL_DEADLINE_MS = 2_000;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * NestJS options for a gRPC server over generated service definitions: no .proto file is read at run time.
 *
 * @param definitions full service name (`kotovayla.audit.v1.AuditService`) to generated definition
 */
export function grpcServer(
  address: string,
  definitions: Record<string, ServiceDefinition>,
): GrpcOptions | CustomStrategy {
  return {
    transport: Transport.GRPC,
    options: {
      url: address,
      package: [...new Set(Object.keys(definitions).map((name) => name.slice(0, name.lastIndexOf('.'))))],
      packageDefinition: definitions as never,
      maxReceiveMessageLength: MAX_MESSAGE_BYTES,
      maxSendMessageLength: MAX_MESSAGE_BYTES,
    },
  };
}

type Constructor<C> = (new (
  address: string,
  credentials: ChannelCredentials,
  options?: Partial<ClientOptions>,
) => C) & {
  readonly service: ServiceDefinition;
};

/** A generated client's unary calls as promises that fail with AppError; streams stay streams. */
export type GrpcClient<C> = {
  [M in keyof C as UnaryRequest<C[M]> extends never ? never : M]: (
    request: UnaryRequest<C[M]>,
    options?: { deadlineMs?: number },
  ) => Promise<UnaryResponse<C[M]>>;
} & { readonly raw: C; close(): void };

type UnaryCallback<R> = (error: ServiceError | null, response: R) => void;
type UnaryRequest<F> = F extends {
  (request: infer Q, callback: UnaryCallback<infer _R>): unknown;
  (...rest: never[]): unknown;
  (...rest: never[]): unknown;
}
  ? Q
  : never;
type UnaryResponse<F> = F extends {
  (request: never, callback: UnaryCallback<infer R>): unknown;
  (...rest: never[]): unknown;
  (...rest: never[]): unknown;
}
  ? R
  : never;

interface RawClient {
  close(): void;
}

/**
 * @param deadlineMs of a call that names none. Default 2 seconds; who only looks on, as tests do, may wait longer.
 * @param signer proves to the peer whose calls these are, where it asks for that
 */
export function grpcClient<C extends RawClient>(
  client: Constructor<C>,
  address: string,
  { deadlineMs = CALL_DEADLINE_MS, signer }: { readonly deadlineMs?: number; readonly signer?: CallSigner } = {},
): GrpcClient<C> {
  const raw = new client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
  });
  type Unary = (
    q: unknown,
    m: Metadata,
    o: { deadline: number },
    cb: (e: ServiceError | null, r: unknown) => void,
  ) => void;
  const methods = raw as unknown as Record<string, Unary>;
  return new Proxy({} as GrpcClient<C>, {
    get(_target, name) {
      if (name === 'raw') return raw;
      if (name === 'close') return () => raw.close();
      // NestJS asks providers for life-cycle hooks and promises ask for `then`: only what the service has is here.
      if (typeof name !== 'string' || typeof methods[name] !== 'function') return undefined;
      return async (request: unknown, options: { deadlineMs?: number } = {}) => {
        const metadata = await metadataOf(client.service[name], request, signer);
        return new Promise((resolve, reject) => {
          const deadline = Date.now() + (options.deadlineMs ?? deadlineMs);
          methods[name]!.call(raw, request, metadata, { deadline }, (error, response) => {
            if (error) reject(appErrorOf(error));
            else resolve(response);
          });
        });
      };
    },
  });
}

async function metadataOf(
  method: ServiceDefinition[string] | undefined,
  request: unknown,
  signer: CallSigner | undefined,
): Promise<Metadata> {
  const metadata = new Metadata();
  if (signer && method) metadata.set(SERVICE_CALL, await signer(method.path, method.requestSerialize(request)));
  return metadata;
}

export type { ClientReadableStream };

/** The peer's AppError again, or UNAVAILABLE and TIMEOUT when it did not answer. */
export function appErrorOf(error: ServiceError): AppError {
  const [, code, detail] = /^([A-Z_]+): ([\s\S]*)$/.exec(error.details ?? '') ?? [];
  if (isErrorCode(code)) return new AppError(code, detail);
  if (error.code === status.DEADLINE_EXCEEDED) return new AppError('TIMEOUT', undefined, {}, { cause: error });
  if (error.code === status.UNAVAILABLE || error.code === status.CANCELLED)
    return new AppError('UNAVAILABLE', undefined, {}, { cause: error });
  return new AppError('INTERNAL', undefined, {}, { cause: error });
}

const statusByHttp: Record<number, status> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  409: status.FAILED_PRECONDITION,
  410: status.FAILED_PRECONDITION,
  413: status.INVALID_ARGUMENT,
  422: status.INVALID_ARGUMENT,
  429: status.RESOURCE_EXHAUSTED,
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
};

/** AppErrors travel as `CODE: detail`; everything else is logged here and leaves as INTERNAL without its text. */
@Catch()
export class GrpcErrorFilter implements RpcExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(exception: unknown, _host: ArgumentsHost): Observable<never> {
    const error = asAppError(exception);
    if (error.code === 'INTERNAL') this.logger.error({ err: exception }, 'call failed');
    return throwError(() => ({
      code: statusByHttp[error.status] ?? status.INTERNAL,
      message: `${error.code}: ${error.detail}`,
      details: `${error.code}: ${error.detail}`,
    }));
  }
}

/** An AppError as it is, UNAVAILABLE for a database that does not answer, INTERNAL for everything else. */
export function asAppError(exception: unknown): AppError {
  if (exception instanceof AppError) return exception;
  const code = isTransientDatabaseError(exception) ? 'UNAVAILABLE' : 'INTERNAL';
  return new AppError(code, undefined, {}, { cause: exception });
}
