import { Inject, Injectable } from '@nestjs/common';
import { AppError, unwrap } from '#kernel';
import { CONFIG, DirectoryWatch } from '#platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayConfig } from '../gateway.config.js';
import { RefusalLog } from '../log-refusals/refusal-log.js';
import { AgencyRateLimit } from '../limit-rate/agency-rate-limit.js';
import { AccessTokens } from './access-token.js';
import type { Caller, Scope } from './caller.js';
import { DpopNonces } from './dpop-nonce.js';
import { DpopProofs } from './dpop-proof.js';

/** Token, DPoP proof, rate and status of the agency, in this order. */
@Injectable()
export class AuthenticateCaller {
  constructor(
    @Inject(AccessTokens) private readonly tokens: AccessTokens,
    @Inject(DpopProofs) private readonly proofs: DpopProofs,
    @Inject(DpopNonces) private readonly nonces: DpopNonces,
    @Inject(DirectoryWatch) private readonly directory: DirectoryWatch,
    @Inject(AgencyRateLimit) private readonly rate: AgencyRateLimit,
    @Inject(RefusalLog) private readonly refusals: RefusalLog,
    @Inject(CONFIG) private readonly config: GatewayConfig,
  ) {}

  /** @throws AppError UNAUTHENTICATED, DPOP_INVALID, USE_DPOP_NONCE, RATE_LIMITED, AGENCY_NOT_ONBOARDED, DIRECTORY_STALE, UNAVAILABLE */
  async caller(request: FastifyRequest, reply: FastifyReply): Promise<Caller> {
    void reply.header('dpop-nonce', this.nonces.issue());
    const { authorization } = request.headers;
    const proof = request.headers['dpop'];
    const [, accessToken] = /^DPoP (\S+)$/i.exec(authorization ?? '') ?? [];
    if (accessToken === undefined) throw challenge(reply, new AppError('UNAUTHENTICATED'));
    if (typeof proof !== 'string')
      throw challenge(reply, new AppError('DPOP_INVALID', 'there must be exactly one DPoP header'));
    const token = await this.tokens.verify(accessToken);
    if (!token.ok) throw challenge(reply, token.error);
    const path = new URL(request.url, this.config.GATEWAY_URL).pathname;
    const target = { method: request.method, url: new URL(path, this.config.GATEWAY_URL).toString(), accessToken };
    const key = await this.proofs.verify(proof, target);
    if (!key.ok) throw challenge(reply, key.error);
    if (key.value !== token.value.boundTo)
      throw challenge(reply, new AppError('DPOP_INVALID', 'the token is bound to another key'));
    unwrap(this.directory.fresh());
    await this.rate.take(token.value.agency);
    if (this.directory.agency(token.value.agency)?.status !== 'active') {
      const refused = new AppError('AGENCY_NOT_ONBOARDED');
      await this.refusals.record(token.value.agency, [refused]);
      throw refused;
    }
    const { agency, scopes } = token.value;
    const look = request.headers['audit-look'];
    return { agency, scopes, look: typeof look === 'string' ? look : '' };
  }
}

/** RFC 6750 §3.1. That somebody tried is logged. */
export function insufficientScope(reply: FastifyReply, needed: Scope): AppError {
  void reply.header('www-authenticate', `DPoP error="insufficient_scope", scope="${needed}", algs="ES256 EdDSA"`);
  return new AppError('INSUFFICIENT_SCOPE', undefined, { scope: needed });
}

function challenge(reply: FastifyReply, error: AppError): AppError {
  if (error.status === 401) {
    const name =
      error.code === 'USE_DPOP_NONCE'
        ? 'use_dpop_nonce'
        : error.code === 'DPOP_INVALID'
          ? 'invalid_dpop_proof'
          : 'invalid_token';
    void reply.header('www-authenticate', `DPoP error="${name}", algs="ES256 EdDSA"`);
  }
  return error;
}
