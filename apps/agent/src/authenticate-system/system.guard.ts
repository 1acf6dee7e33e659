import { createHash } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AppError } from '#kernel';
import { PUBLIC } from '#platform';
import { ServedAgencies } from '../serve-agencies/served-agencies.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { type AuthenticatedRequest, systemOfRequest } from './calling-system.js';

const WORKER = /^[\p{L}\p{N}._@ -]{1,100}$/u;

/** Hash by which a system's key is kept. A key is 256 random bits, so that no slow hash is needed. */
export const hashOfSystemKey = (key: string): string => createHash('sha256').update(key).digest('base64url');

/** Every route but health needs the key of a calling system: `Authorization: Bearer <key>`. */
@Injectable()
export class SystemGuard implements CanActivate {
  private readonly systems = new Map<string, { agency: ServedAgency; system: string }>();

  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(ServedAgencies) agencies: ServedAgencies,
  ) {
    for (const agency of agencies.all)
      for (const { name, keyHash } of agency.settings.systems) this.systems.set(keyHash, { agency, system: name });
  }

  canActivate(context: ExecutionContext): boolean {
    const isPublic = this.reflector.getAllAndOverride<boolean>(PUBLIC, [context.getHandler(), context.getClass()]);
    if (isPublic) return true;
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const [, key] = /^Bearer ([A-Za-z0-9_-]{43,128})$/.exec(request.headers.authorization ?? '') ?? [];
    // Looked up by hash: how long it takes says nothing about a key that is nearly right.
    const found = key === undefined ? undefined : this.systems.get(hashOfSystemKey(key));
    if (!found) throw new AppError('UNAUTHENTICATED', 'Send the key of a calling system as a bearer token.');
    request[systemOfRequest] = { ...found, worker: workerOf(request.headers['kotovayla-worker']) };
    return true;
  }
}

function workerOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || !WORKER.test(header))
    throw new AppError('MALFORMED', 'Kotovayla-Worker names nobody');
  return header;
}
