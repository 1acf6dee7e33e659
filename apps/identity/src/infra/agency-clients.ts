import type { Adapter, AdapterPayload } from 'oidc-provider';
import { type Clock, isAgencyId, unwrap } from '#kernel';
import { type DirectoryView, keyUsableAt } from '#platform';

/**
 * The client registry is the directory's snapshot: one client per active agency, its keys those that the log proves.
 * Suspended today means no token today.
 */
export class AgencyClients implements Adapter {
  constructor(
    private readonly directory: DirectoryView,
    private readonly clock: Clock,
  ) {}

  async find(id: string): Promise<AdapterPayload | undefined> {
    unwrap(this.directory.fresh());
    if (!isAgencyId(id)) return undefined;
    const agency = this.directory.agency(id);
    if (agency?.status !== 'active') return undefined;
    const now = this.clock.now();
    const keys = this.directory.keysOf(id).filter((key) => key.use === 'client-auth' && keyUsableAt(key, now));
    if (keys.length === 0) return undefined;
    return {
      client_id: id,
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope: agency.kind === 'A' ? 'exchange supervise' : 'exchange',
      dpop_bound_access_tokens: true,
      id_token_signed_response_alg: 'ES256',
      jwks: { keys: keys.map((key) => ({ ...(JSON.parse(key.jwkJson) as object), kid: key.kid, use: 'sig' })) },
    };
  }

  async upsert(): Promise<void> {
    throw readOnly();
  }
  async findByUid(): Promise<undefined> {
    return undefined;
  }
  async findByUserCode(): Promise<undefined> {
    return undefined;
  }
  async consume(): Promise<void> {
    throw readOnly();
  }
  async destroy(): Promise<void> {
    throw readOnly();
  }
  async revokeByGrantId(): Promise<void> {
    throw readOnly();
  }
}

const readOnly = (): Error => new Error('clients are registered in the directory');
