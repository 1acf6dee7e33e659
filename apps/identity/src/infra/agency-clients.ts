import type { Adapter, AdapterPayload } from 'oidc-provider';
import { type AgencyId, type Clock, isAgencyId, unwrap } from '#kernel';
import { type DirectoryView, keyUsableAt } from '#platform';

/** An agency's own systems, or its auditors (decision 0039). */
interface AgencyClient {
  readonly agency: AgencyId;
  readonly auditor: boolean;
}

const AUDITOR = ':auditor';

/** Of whom a `client_id` is: `K-235` is the agency's, `K-235:auditor` its auditors'. */
export function clientOf(id: string): AgencyClient | undefined {
  const auditor = id.endsWith(AUDITOR);
  const agency = auditor ? id.slice(0, -AUDITOR.length) : id;
  return isAgencyId(agency) ? { agency, auditor } : undefined;
}

/**
 * The client registry is the directory's snapshot: for each active agency one client of its systems and one of its auditors,
 * each with the logged keys of that use. Suspended today means no token today, and so does a revoked auditor's key.
 */
export class AgencyClients implements Adapter {
  constructor(
    private readonly directory: DirectoryView,
    private readonly clock: Clock,
  ) {}

  async find(id: string): Promise<AdapterPayload | undefined> {
    unwrap(this.directory.fresh());
    const client = clientOf(id);
    if (!client) return undefined;
    const agency = this.directory.agency(client.agency);
    if (agency?.status !== 'active') return undefined;
    const now = this.clock.now();
    const use = client.auditor ? 'auditor-auth' : 'client-auth';
    const keys = this.directory.keysOf(client.agency).filter((key) => key.use === use && keyUsableAt(key, now));
    if (keys.length === 0) return undefined;
    return {
      client_id: id,
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope: client.auditor ? (agency.kind === 'A' ? 'audit supervise' : 'audit') : 'exchange',
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
