import { randomBytes } from 'node:crypto';
import {
  type CanActivate,
  type CustomDecorator,
  type ExecutionContext,
  Inject,
  Injectable,
  SetMetadata,
} from '@nestjs/common';
import type { Metadata, ServiceDefinition } from '@grpc/grpc-js';
import { type SigningKey, type VerificationKey, readStatement, signStatement, verifyStatement } from '#envelope';
import { AppError, type Clock, numericDate, sha256 } from '#kernel';

/** Metadata of a gRPC call: who makes it, as a compact JWS. */
export const SERVICE_CALL = 'kotovayla-call';
const CALLERS = 'kotovayla:callers';
/** The call is signed when it is made; clocks of one hub differ by seconds. */
const MAX_AGE_S = 30;

/** Injection token of what `ServiceCalls` judges by. */
export const SERVICE_CALLERS = Symbol('ServiceCallers');

export interface ServiceCallers {
  /** Of the service that is called. */
  readonly definition: ServiceDefinition;
  /** Pinned public keys by the callers' names. */
  readonly keys: ReadonlyMap<string, VerificationKey>;
  readonly clock: Clock;
}

/** Says of a call, signed, whose it is. */
export type CallSigner = (method: string, request: Uint8Array) => Promise<string>;

/** @param caller name of the service whose key it is */
export const callSigner =
  (caller: string, key: SigningKey, clock: Clock): CallSigner =>
  (method, request) =>
    signStatement(
      'service-call',
      {
        v: 1,
        caller,
        method,
        request: sha256(request),
        jti: randomBytes(16).toString('base64url'),
        iat: numericDate(clock.now()),
      },
      key,
    );

/** The hub's services that may call a gRPC controller; all its methods. Needs `ServiceCalls` as its guard. */
export const CalledBy = (...services: readonly string[]): CustomDecorator => SetMetadata(CALLERS, services);

/**
 * Guard of gRPC controllers that believe what their caller says of somebody else: a call counts only when the service that
 * may make it has signed it, this method with this request, a moment ago, with the key that is pinned here.
 */
@Injectable()
export class ServiceCalls implements CanActivate {
  constructor(@Inject(SERVICE_CALLERS) private readonly callers: ServiceCallers) {}

  /** Errors: UNAUTHENTICATED where the call is not signed by a known service, FORBIDDEN where this one may not make it. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const allowed = Reflect.getMetadata(CALLERS, context.getClass()) as readonly string[] | undefined;
    if (!allowed) throw new Error('a guarded controller says who may call it');
    const rpc = context.switchToRpc();
    const [token] = rpc.getContext<Metadata>().get(SERVICE_CALL);
    const method = this.callers.definition[context.getHandler().name];
    if (!method || typeof token !== 'string') throw unknownCaller();
    const read = readStatement('service-call', token);
    const key = read.ok ? this.callers.keys.get(read.value.payload.caller) : undefined;
    const call = key && (await verifyStatement('service-call', token, key));
    if (!call?.ok) throw unknownCaller();
    const { caller, method: named, request, iat } = call.value;
    const fits = named === method.path && request === sha256(method.requestSerialize(rpc.getData<unknown>()));
    if (!fits || Math.abs(numericDate(this.callers.clock.now()) - iat) > MAX_AGE_S) throw unknownCaller();
    if (!allowed.includes(caller)) throw new AppError('FORBIDDEN');
    return true;
  }
}

/** Name of the service that has signed a call which this guard has let pass. */
export function callingService(metadata: Metadata): string {
  const [token] = metadata.get(SERVICE_CALL);
  const read = typeof token === 'string' ? readStatement('service-call', token) : undefined;
  if (!read?.ok) throw unknownCaller();
  return read.value.payload.caller;
}

const unknownCaller = (): AppError => new AppError('UNAUTHENTICATED', 'No service of the hub has signed this call.');
