import { randomBytes } from 'node:crypto';
import Provider, { type Configuration, errors } from 'oidc-provider';
import type { Clock } from '#kernel';
import type { Database, DirectoryView } from '#platform';
import type { IdentityConfig } from '../identity.config.js';
import { AgencyClients, clientOf } from '../infra/agency-clients.js';
import { ProviderRecords } from '../infra/provider-records.js';

/** A client assertion lives at most this long (FAPI 2.0 asks for short ones; RFC 7523 §3). */
const MAX_ASSERTION_S = 120;
const CLOCK_TOLERANCE_S = 60;

/**
 * OAuth 2.0 for agencies: client credentials, `private_key_jwt`, DPoP-bound JWT access tokens; nothing else is switched on.
 *
 * @param signingKey private JWK, ES256
 */
export function createProvider(
  config: IdentityConfig,
  parts: { database: Database; directory: DirectoryView; clock: Clock; signingKey: object },
): Provider {
  const configuration: Configuration = {
    adapter: (model: string) =>
      model === 'Client' ? new AgencyClients(parts.directory, parts.clock) : new ProviderRecords(model, parts.database),
    jwks: { keys: [{ ...parts.signingKey, use: 'sig' }] },
    clientAuthMethods: ['private_key_jwt'],
    scopes: ['exchange', 'audit', 'supervise'],
    clockTolerance: CLOCK_TOLERANCE_S,
    enabledJWA: {
      clientAuthSigningAlgValues: ['ES256', 'EdDSA', 'Ed25519'],
      dPoPSigningAlgValues: ['ES256', 'EdDSA', 'Ed25519'],
      idTokenSigningAlgValues: ['ES256'],
    },
    features: {
      devInteractions: { enabled: false },
      fapi: { enabled: true, profile: '2.0' },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => false },
      introspection: { enabled: false },
      revocation: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => config.AUDIENCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => {
          if (resource !== config.AUDIENCE) throw new errors.InvalidTarget();
          return {
            scope: 'exchange audit supervise',
            audience: config.AUDIENCE,
            accessTokenTTL: config.ACCESS_TOKEN_SECONDS,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'ES256' } },
          };
        },
      },
    },
    ttl: { ClientCredentials: config.ACCESS_TOKEN_SECONDS },
    extraTokenClaims: (_ctx, token) => ({ agency: clientOf(token.clientId ?? '')?.agency }),
    assertJwtClientAuthClaimsAndHeader: (_ctx, claims, header, client) => {
      // An array could name another server as well, which could then use the assertion here (FAPI 2.0 §5.3.2.1).
      if (claims['aud'] !== config.IDENTITY_ISSUER)
        throw new errors.InvalidClientAuth('aud must be the issuer alone, as text');
      if (claims['sub'] !== client.clientId) throw new errors.InvalidClientAuth('sub must be the client_id');
      if (typeof header['kid'] !== 'string') throw new errors.InvalidClientAuth('the assertion must name its key');
      const now = parts.clock.now().getTime() / 1000;
      if (typeof claims['exp'] !== 'number' || claims['exp'] > now + MAX_ASSERTION_S + CLOCK_TOLERANCE_S)
        throw new errors.InvalidClientAuth('the assertion lives too long');
    },
  };
  return new Provider(config.IDENTITY_ISSUER, configuration);
}
