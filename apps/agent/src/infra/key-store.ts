import { Inject, Injectable } from '@nestjs/common';
import type { AgencyId, Thumbprint } from '#kernel';
import { Database } from '#platform';

export interface MadeKey {
  readonly kid: Thumbprint;
  readonly use: string;
}

export interface MadeRevocation {
  readonly kid: Thumbprint;
  readonly token: string;
}

/** What this agent made of its agencies' keys and revocations: whatever else the log shows of them is a stranger's. */
@Injectable()
export class KeyStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** In the order in which they were made. */
  async made(agency: AgencyId): Promise<MadeKey[]> {
    const { rows } = await this.database.query<MadeKey & Record<string, unknown>>({
      text: 'SELECT kid, use FROM made_keys WHERE agency = $1 ORDER BY made_at',
      values: [agency],
    });
    return rows;
  }

  async addMade(agency: AgencyId, key: MadeKey, at: Date): Promise<void> {
    await this.database.query({
      text: 'INSERT INTO made_keys (agency, kid, use, made_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
      values: [agency, key.kid, key.use, at],
    });
  }

  async markDestroyed(agency: AgencyId, kid: Thumbprint, at: Date): Promise<void> {
    await this.database.query({
      text: 'UPDATE made_keys SET destroyed_at = coalesce(destroyed_at, $3) WHERE agency = $1 AND kid = $2',
      values: [agency, kid, at],
    });
  }

  /** Kept before it is posted. Revoking again keeps the first word. */
  async addRevocation(agency: AgencyId, { kid, token }: MadeRevocation, at: Date): Promise<void> {
    await this.database.query({
      text: `INSERT INTO key_revocations (agency, kid, token, made_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
      values: [agency, kid, token, at],
    });
  }

  async revocations(agency: AgencyId): Promise<MadeRevocation[]> {
    const { rows } = await this.database.query<MadeRevocation & Record<string, unknown>>({
      text: 'SELECT kid, token FROM key_revocations WHERE agency = $1 ORDER BY made_at',
      values: [agency],
    });
    return rows;
  }
}
