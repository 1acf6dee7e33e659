import type { Sha256 } from '#kernel';
import { code, hash, numericDate, tokenId } from './fields.js';
import { type Check, closed, oneOf, text } from './shape.js';

/** A hub service says that a call to another one is its own. */
export interface ServiceCall {
  v: 1;
  /** Name of the calling service, such as `gateway`. */
  caller: string;
  /** gRPC method with its path, such as `/kotovayla.audit.v1.AuditService/SearchEntries`. */
  method: string;
  /** Hash of the request as protobuf. */
  request: Sha256;
  jti: string;
  iat: number;
}

export const serviceCall: Check<ServiceCall> = closed<ServiceCall>({
  v: oneOf(1),
  caller: code,
  method: text(/^\/[A-Za-z0-9.]{1,128}\/[A-Za-z0-9]{1,64}$/),
  request: hash,
  jti: tokenId,
  iat: numericDate,
});
